"""Intervals against all values of small types: never too narrow, and exact where they should be."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcc.frontend.intervals import FAR, binary, compare, narrowed, unary, wrap
from mcc.ir.func import U8, IntType

I8 = IntType(8, True)
OPS = ("+", "-", "*", "&", "|", "^", "<<", ">>", "//", "%", "min", "max")


def wrapped(v: int, t: IntType) -> int:
    v &= (1 << t.bits) - 1
    return v - (1 << t.bits) if t.signed and v > t.max else v


def value(op: str, a: int, b: int, t: IntType) -> int:
    """What the language defines."""
    exact = {
        "+": lambda: a + b, "-": lambda: a - b, "*": lambda: a * b, "&": lambda: a & b, "|": lambda: a | b,
        "^": lambda: a ^ b, "<<": lambda: a << b if b < t.bits else 0, ">>": lambda: a >> b, "//": lambda: a // b,
        "%": lambda: a % b, "min": lambda: min(a, b), "max": lambda: max(a, b),
    }[op]()
    return wrapped(exact, t)


def ranges(t: IntType) -> st.SearchStrategy[tuple[int, int]]:
    return st.tuples(st.integers(t.min, t.max), st.integers(0, 9)).map(lambda p: (p[0], min(p[0] + p[1], t.max)))


@settings(max_examples=600, deadline=None)
@given(st.sampled_from(OPS), st.sampled_from([U8, I8]), st.data())
def test_binary_holds_every_result(op: str, t: IntType, data: st.DataObject) -> None:
    a, b = data.draw(ranges(t)), data.draw(ranges(t))
    if op in ("<<", ">>"):
        b = (max(0, b[0]) % 12, max(0, b[0]) % 12 + b[1] - b[0])
    if op in ("//", "%"):
        if t.signed:
            return
        b = (max(1, b[0]), max(1, b[1]))
    lo, hi = binary(op, a, b, t)
    got = [value(op, x, y, t) for x in range(a[0], a[1] + 1) for y in range(b[0], b[1] + 1)]
    assert t.min <= lo <= min(got) and max(got) <= hi <= t.max


@given(st.sampled_from(["-", "~"]), st.sampled_from([U8, I8]), st.data())
def test_unary_holds_every_result(op: str, t: IntType, data: st.DataObject) -> None:
    a = data.draw(ranges(t))
    lo, hi = unary(op, a, t)
    got = [wrapped(-x if op == "-" else ~x, t) for x in range(a[0], a[1] + 1)]
    assert lo <= min(got) and max(got) <= hi


@given(st.sampled_from(["<", "<=", ">", ">=", "==", "!="]), ranges(I8), ranges(I8))
def test_comparisons(op: str, a: tuple[int, int], b: tuple[int, int]) -> None:
    def holds(x: int, y: int) -> bool:
        return {"<": x < y, "<=": x <= y, ">": x > y, ">=": x >= y, "==": x == y, "!=": x != y}[op]

    pairs = [(x, y) for x in range(a[0], a[1] + 1) for y in range(b[0], b[1] + 1)]
    said = compare(op, a, b)
    assert said is None or all(holds(x, y) == said for x, y in pairs)
    left = narrowed(op, a, b)
    kept = [x for x, y in pairs if holds(x, y)]
    assert (left is None and not kept) or (left is not None and all(left[0] <= x <= left[1] for x in kept))


@pytest.mark.parametrize(("op", "a", "b", "result"), [
    ("+", (1, 3), (10, 20), (11, 23)), ("+", (250, 255), (0, 9), (0, 255)), ("%", (0, 255), (7, 7), (0, 6)),
    ("%", (1, 5), (7, 9), (1, 5)), ("&", (0, 255), (15, 15), (0, 15)), ("//", (10, 40), (2, 5), (2, 20)),
    (">>", (0, 255), (4, 4), (0, 15)), (">>", (0, 255), (9, 9), (0, 0)), ("<<", (1, 1), (0, 7), (1, 128)),
    ("min", (0, 255), (5, 5), (0, 5)), ("max", (0, 3), (1, 1), (1, 3)), ("|", (1, 4), (8, 8), (8, 15)),
    ("-", (0, 5), (0, 5), (0, 255)), ("-", (5, 9), (1, 5), (0, 8)),
])
def test_exact(op: str, a: tuple[int, int], b: tuple[int, int], result: tuple[int, int]) -> None:
    assert binary(op, a, b, U8) == result


def test_wrap_and_narrowing_at_the_edges() -> None:
    assert wrap((0, 256), U8) == (0, 255)
    assert narrowed("!=", (0, 9), (0, 0)) == (1, 9)
    assert narrowed("!=", (0, 9), (9, 9)) == (0, 8)
    assert narrowed("<", (0, 9), (0, 0)) is None
    assert narrowed(">", (-FAR, FAR), (3, 4)) == (4, FAR)
