"""The classes behind u8 .. i64 at run time: int subclasses that wrap."""

from __future__ import annotations


class FixedInt(int):
    """An integer of `bits` bits, two's complement; construction keeps the low bits (a cast)."""

    bits = 64
    signed = False

    def __new__(cls, value: int = 0) -> "FixedInt":
        v = int(value) & ((1 << cls.bits) - 1)
        if cls.signed and v >> (cls.bits - 1):
            v -= 1 << cls.bits
        return super().__new__(cls, v)


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
