"""Intervals [lo, hi] of the integer operators, as results of exact arithmetic before wrapping.

`wrap` then says what is left of an interval at a type: itself where it fits, else the whole type.
"""

from __future__ import annotations

from mcc.ir.func import IntType

Interval = tuple[int, int]

FAR = 1 << 200
"""Beyond every value of every type: "not bounded" while a loop is analysed."""


def wrap(r: Interval, t: IntType) -> Interval:
    return r if t.min <= r[0] and r[1] <= t.max else (t.min, t.max)


def join(a: Interval, b: Interval) -> Interval:
    return min(a[0], b[0]), max(a[1], b[1])


def meet(a: Interval, b: Interval) -> Interval | None:
    lo, hi = max(a[0], b[0]), min(a[1], b[1])
    return (lo, hi) if lo <= hi else None


def _ones(n: int) -> int:
    """The smallest 2^k - 1 that is >= n."""
    return (1 << n.bit_length()) - 1


def binary(op: str, a: Interval, b: Interval, t: IntType) -> Interval:
    """The interval of `a op b` on operands of type t (shifts: t is the type of a)."""
    return wrap(_binary(op, a, b, t), t)


def _binary(op: str, a: Interval, b: Interval, t: IntType) -> Interval:
    whole = (t.min, t.max)
    positive = a[0] >= 0 and b[0] >= 0
    match op:
        case "+":
            return a[0] + b[0], a[1] + b[1]
        case "-":
            return a[0] - b[1], a[1] - b[0]
        case "*":
            p = [x * y for x in a for y in b]
            return min(p), max(p)
        case "min":
            return min(a[0], b[0]), min(a[1], b[1])
        case "max":
            return max(a[0], b[0]), max(a[1], b[1])
        case "&" if positive:
            return 0, min(a[1], b[1])
        case "&" if a[0] >= 0 or b[0] >= 0:
            return 0, a[1] if a[0] >= 0 else b[1]
        case "|" if positive:
            return max(a[0], b[0]), _ones(max(a[1], b[1]))
        case "^" if positive:
            return 0, _ones(max(a[1], b[1]))
        case "//" if positive and b[0] > 0:
            return a[0] // b[1], a[1] // b[0]
        case "%" if positive and b[0] > 0:
            return a if a[1] < b[0] else (0, min(a[1], b[1] - 1))
        case "<<" if b[1] < t.bits:
            s = [x << n for x in a for n in b]
            return min(s), max(s)
        case ">>":
            s = [x >> min(n, t.bits) for x in a for n in b]
            return min(s), max(s)
    return whole


def unary(op: str, a: Interval, t: IntType) -> Interval:
    if op == "-":
        return wrap((-a[1], -a[0]), t)
    return (-a[1] - 1, -a[0] - 1) if t.signed else (t.max - a[1], t.max - a[0])


def compare(op: str, a: Interval, b: Interval) -> bool | None:
    """True or False where the intervals decide it."""
    match op:
        case "<":
            return True if a[1] < b[0] else False if a[0] >= b[1] else None
        case "<=":
            return True if a[1] <= b[0] else False if a[0] > b[1] else None
        case ">":
            return compare("<", b, a)
        case ">=":
            return compare("<=", b, a)
        case "==" if a[0] == a[1] == b[0] == b[1]:
            return True
        case "==":
            return None if meet(a, b) else False
    same = compare("==", a, b)
    return None if same is None else not same


NEGATED = {"==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}
SWAPPED = {"==": "==", "!=": "!=", "<": ">", ">": "<", "<=": ">=", ">=": "<="}


def narrowed(op: str, a: Interval, b: Interval) -> Interval | None:
    """What `a` can still be where `a op b` is true; None: that cannot be."""
    match op:
        case "<":
            return meet(a, (-FAR, b[1] - 1))
        case "<=":
            return meet(a, (-FAR, b[1]))
        case ">":
            return meet(a, (b[0] + 1, FAR))
        case ">=":
            return meet(a, (b[0], FAR))
        case "==":
            return meet(a, b)
    if b[0] == b[1] == a[0]:
        return meet(a, (a[0] + 1, FAR))
    if b[0] == b[1] == a[1]:
        return meet(a, (-FAR, a[1] - 1))
    return a
