"""Arithmetic of u8 .. i64: widening, wrapping, refusals."""

from __future__ import annotations

import operator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcc.lang.ints import CLASSES, FixedInt, i32, i64, u8, u16, u32, u64, u128

KINDS = st.sampled_from(list(CLASSES.values()))


@pytest.mark.parametrize(("value", "expected"), [
    (u8(200) + u8(100), u8(44)), (u8(1) - u8(2), u8(255)), (u8(255) + u16(1), u16(256)), (u16(1) + u8(255), u16(256)),
    (u16(0xFFFF) * u16(0xFFFF), u16(1)), (-u8(1), u8(255)), (~u32(0), u32(0xFFFFFFFF)), (-i32(-(2**31)), i32(-(2**31))),
    (i32(2**31 - 1) + 1, i32(-(2**31))), (u8(7) // u8(2), u8(3)), (u64(7) % u8(4), u64(3)), (7 - u8(8), u8(255)),
    (u8(1) << 7, u8(128)), (u8(1) << 8, u8(0)), (u8(255) >> u64(70), u8(0)), (i32(-8) >> 1, i32(-4)),
    (i64(-1) >> 64, i64(-1)), (i64(5) >> 200, i64(0)), (u128(1) << 127, u128(2**127)), (u8(300), u8(44)),
    (i32(2**31), i32(-(2**31))),
    (u8(True), u8(1)), (u16(12) & 0xFF, u16(12)), (3 ^ u8(1), u8(2)), (+u8(9), u8(9))])
def test_value_and_type(value: Any, expected: FixedInt) -> None:
    assert int(value) == int(expected) and type(value) is type(expected)


@pytest.mark.parametrize("what", [
    lambda: u32(1) + i32(1), lambda: i64(1) == u64(1), lambda: i32(4) // 2, lambda: i64(4) % i64(3),
    lambda: u8(1) + True, lambda: u8(1) < i32(2)])
def test_mixed_signs_signed_division_and_bools_are_refused(what: Any) -> None:
    with pytest.raises(TypeError):
        what()


def test_a_literal_must_fit() -> None:
    with pytest.raises(OverflowError, match="300 does not fit u8"):
        u8(1) + 300
    with pytest.raises(OverflowError, match="-1 does not fit u16"):
        u16(1) & -1


def test_an_integer_is_a_key_and_shows_its_value() -> None:
    assert {u8(3): "x"}[u16(3)] == "x" and f"{u16(80)} {u16(80):#x}" == "80 0x50" and repr(u8(4)) == "u8(4)"
    assert u8(3) == 3 and u8(3) != 4 and u8(3) < 300


@given(KINDS, KINDS, st.integers(), st.integers(), st.sampled_from(
    [operator.add, operator.sub, operator.mul, operator.and_, operator.or_, operator.xor]))
def test_results_wrap_at_the_wider_type(a: type[FixedInt], b: type[FixedInt], x: int, y: int, op: Any) -> None:
    p, q = a(x), b(y)
    if a.signed != b.signed:
        with pytest.raises(TypeError):
            op(p, q)
        return
    wide = a if a.bits >= b.bits else b
    assert type(op(p, q)) is wide and int(op(p, q)) == int(wide(op(int(p), int(q))))


@given(KINDS, st.integers(), st.integers(0, 300))
def test_shifts_keep_the_type_of_the_left_side(kind: type[FixedInt], x: int, n: int) -> None:
    p = kind(x)
    left, right = p << n, p >> n
    assert type(left) is kind and int(left) == (int(kind(int(p) << n)) if n < kind.bits else 0)
    assert type(right) is kind and int(right) == int(p) >> n
