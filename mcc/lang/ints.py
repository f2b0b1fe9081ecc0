"""The classes behind u8 .. i64 at run time: int subclasses with the language's arithmetic.

Two fixed integers of one signedness widen to the larger; mixed signedness is a TypeError; a plain int takes the
type of the other operand and must fit it (OverflowError). Results wrap. Shifts keep the type of the left operand;
by the width or more they give 0, or -1 for `>>` of a negative number. `//` and `%` are for unsigned types only.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn


class FixedInt(int):
    """An integer of `bits` bits, two's complement; construction keeps the low bits (a cast)."""

    bits = 64
    signed = False

    def __new__(cls, value: int = 0) -> "FixedInt":
        v = int(value) & ((1 << cls.bits) - 1)
        if cls.signed and v >> (cls.bits - 1):
            v -= 1 << cls.bits
        return super().__new__(cls, v)

    def __add__(self, o: Any) -> Any:
        return _arith(self, o, int.__add__)

    def __radd__(self, o: Any) -> Any:
        return _arith(o, self, int.__add__)

    def __sub__(self, o: Any) -> Any:
        return _arith(self, o, int.__sub__)

    def __rsub__(self, o: Any) -> Any:
        return _arith(o, self, int.__sub__)

    def __mul__(self, o: Any) -> Any:
        return _arith(self, o, int.__mul__)

    def __rmul__(self, o: Any) -> Any:
        return _arith(o, self, int.__mul__)

    def __and__(self, o: Any) -> Any:
        return _arith(self, o, int.__and__)

    def __rand__(self, o: Any) -> Any:
        return _arith(o, self, int.__and__)

    def __or__(self, o: Any) -> Any:
        return _arith(self, o, int.__or__)

    def __ror__(self, o: Any) -> Any:
        return _arith(o, self, int.__or__)

    def __xor__(self, o: Any) -> Any:
        return _arith(self, o, int.__xor__)

    def __rxor__(self, o: Any) -> Any:
        return _arith(o, self, int.__xor__)

    def __floordiv__(self, o: Any) -> Any:
        return _divide(self, o, int.__floordiv__)

    def __rfloordiv__(self, o: Any) -> Any:
        return _divide(o, self, int.__floordiv__)

    def __mod__(self, o: Any) -> Any:
        return _divide(self, o, int.__mod__)

    def __rmod__(self, o: Any) -> Any:
        return _divide(o, self, int.__mod__)

    def __lshift__(self, n: Any) -> Any:
        return _shift(self, n, left=True)

    def __rlshift__(self, o: Any) -> Any:
        return _shift(_adopt(o, _kind(self)), self, left=True)

    def __rshift__(self, n: Any) -> Any:
        return _shift(self, n, left=False)

    def __rrshift__(self, o: Any) -> Any:
        return _shift(_adopt(o, _kind(self)), self, left=False)

    def __neg__(self) -> Any:
        return _kind(self)(-int(self))

    def __pos__(self) -> Any:
        return _kind(self)(int(self))

    def __invert__(self) -> Any:
        return _kind(self)(~int(self))

    def __eq__(self, o: object) -> Any:
        return _compare(self, o, int.__eq__)

    def __ne__(self, o: object) -> Any:
        return _compare(self, o, int.__ne__)

    def __lt__(self, o: Any) -> Any:
        return _compare(self, o, int.__lt__)

    def __le__(self, o: Any) -> Any:
        return _compare(self, o, int.__le__)

    def __gt__(self, o: Any) -> Any:
        return _compare(self, o, int.__gt__)

    def __ge__(self, o: Any) -> Any:
        return _compare(self, o, int.__ge__)

    __hash__ = int.__hash__

    def __repr__(self) -> str:
        return f"{_kind(self).__name__}({int(self)})"

    def __str__(self) -> str:
        return int.__repr__(self)

    def __format__(self, spec: str) -> str:
        return format(int(self), spec)


class u8(FixedInt):
    bits = 8


class u16(FixedInt):
    bits = 16


class u32(FixedInt):
    bits = 32


class u64(FixedInt):
    bits = 64


class u128(FixedInt):
    bits = 128


class i32(FixedInt):
    bits, signed = 32, True


class i64(FixedInt):
    bits, signed = 64, True


CLASSES: dict[tuple[int, bool], type[FixedInt]] = {
    (k.bits, k.signed): k for k in (u8, u16, u32, u64, u128, i32, i64)}
"""The seven types by (bits, signed)."""


def bounds(kind: type[FixedInt]) -> tuple[int, int]:
    """The smallest and the largest number that `kind` holds."""
    lo = -(1 << (kind.bits - 1)) if kind.signed else 0
    return lo, lo + (1 << kind.bits) - 1


def fits(value: int, kind: type[FixedInt]) -> bool:
    """Whether `value` is one of the numbers that `kind` holds."""
    lo, hi = bounds(kind)
    return lo <= int(value) <= hi


def common(a: type[FixedInt], b: type[FixedInt]) -> type[FixedInt]:
    """The type of `a op b`: the wider one. Raises TypeError for mixed signedness."""
    if a.signed != b.signed:
        _refuse(f"{a.__name__} and {b.__name__} do not mix: cast one of them")
    return a if a.bits >= b.bits else b


def _refuse(message: str) -> NoReturn:
    raise TypeError(message)


def _kind(x: FixedInt) -> type[FixedInt]:
    return CLASSES[x.bits, x.signed]


def _adopt(value: Any, kind: type[FixedInt]) -> FixedInt:
    """A literal beside an operand of type `kind`."""
    if isinstance(value, bool) or not isinstance(value, int):
        _refuse(f"{type(value).__name__} and {kind.__name__} do not mix")
    if not fits(value, kind):
        raise OverflowError(f"{int(value)} does not fit {kind.__name__}")
    return kind(value)


def _pair(a: Any, b: Any) -> type[FixedInt]:
    if isinstance(a, FixedInt) and isinstance(b, FixedInt):
        return common(_kind(a), _kind(b))
    if isinstance(a, FixedInt):
        _adopt(b, _kind(a))
        return _kind(a)
    _adopt(a, _kind(b))
    return _kind(b)


def _arith(a: Any, b: Any, op: Callable[[int, int], int]) -> Any:
    if not isinstance(a, int) or not isinstance(b, int):
        return NotImplemented
    return _pair(a, b)(op(int(a), int(b)))


def _divide(a: Any, b: Any, op: Callable[[int, int], int]) -> Any:
    if not isinstance(a, int) or not isinstance(b, int):
        return NotImplemented
    kind = _pair(a, b)
    if kind.signed:
        _refuse("// and % are for unsigned integers: Python and C round differently")
    return kind(op(int(a), int(b)))


def _shift(a: FixedInt, n: Any, *, left: bool) -> Any:
    if isinstance(n, bool) or not isinstance(n, int):
        return NotImplemented
    count, kind = int(n), _kind(a)
    if count < 0:
        raise ValueError("negative shift count")
    if count >= kind.bits:
        return kind(-1 if not left and int(a) < 0 else 0)
    return kind(int(a) << count if left else int(a) >> count)


def _compare(a: FixedInt, b: Any, op: Callable[[int, int], bool]) -> Any:
    if isinstance(b, FixedInt):
        common(_kind(a), _kind(b))
    return op(int(a), int(b)) if isinstance(b, int) else NotImplemented
