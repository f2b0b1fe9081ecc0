"""Sets of unsigned integers as sorted, disjoint, non-adjacent inclusive intervals ((lo, hi), ...)."""

from __future__ import annotations

from collections.abc import Iterable

Ranges = tuple[tuple[int, int], ...]


def full(width: int) -> Ranges:
    """Every value of `width` bits."""
    return ((0, (1 << width) - 1),)


def normal(items: Iterable[tuple[int, int]]) -> Ranges:
    """Any intervals, sorted and merged; empty ones (hi < lo) vanish."""
    out: list[tuple[int, int]] = []
    for lo, hi in sorted(i for i in items if i[0] <= i[1]):
        if out and lo <= out[-1][1] + 1:
            out[-1] = (out[-1][0], max(out[-1][1], hi))
        else:
            out.append((lo, hi))
    return tuple(out)


def of(values: Iterable[int]) -> Ranges:
    return normal((v, v) for v in values)


def complement(ranges: Ranges, width: int) -> Ranges:
    out, at = [], 0
    for lo, hi in ranges:
        if at < lo:
            out.append((at, lo - 1))
        at = hi + 1
    if at < 1 << width:
        out.append((at, (1 << width) - 1))
    return tuple(out)


def intersect(a: Ranges, b: Ranges) -> Ranges:
    """Linear in the number of intervals."""
    out, i, j = [], 0, 0
    while i < len(a) and j < len(b):
        lo, hi = max(a[i][0], b[j][0]), min(a[i][1], b[j][1])
        if lo <= hi:
            out.append((lo, hi))
        if a[i][1] < b[j][1]:
            i += 1
        else:
            j += 1
    return tuple(out)


def subtract(a: Ranges, b: Ranges) -> Ranges:
    """The values of `a` that are not in `b`."""
    return intersect(a, complement(b, max((hi for _, hi in a), default=0).bit_length()))


def contains(ranges: Ranges, value: int) -> bool:
    """By bisection."""
    lo, hi = 0, len(ranges)
    while lo < hi:
        mid = (lo + hi) // 2
        if ranges[mid][1] < value:
            lo = mid + 1
        else:
            hi = mid
    return lo < len(ranges) and ranges[lo][0] <= value


def prefix(value: int, length: int, width: int) -> Ranges:
    """The values that share their first `length` bits with `value`."""
    rest = (1 << (width - length)) - 1
    lo = value & ~rest
    return ((lo, lo | rest),)


def masked(mask: int, value: int, width: int) -> Ranges | None:
    """{x: x & mask == value}, or None where that is not a handful of intervals: neither a prefix mask nor <= 8 bits."""
    low = (~mask) & ((1 << width) - 1)
    if low & (low + 1) == 0:
        return ((value, value | low),) if value & ~mask == 0 else ()
    if width <= 8:
        return of(x for x in range(1 << width) if x & mask == value)
    return None
