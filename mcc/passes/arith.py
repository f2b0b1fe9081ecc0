"""The arithmetic of the language on constants and intervals: what each operator gives, exactly."""

from __future__ import annotations

from mcc.ir.func import IntType


def wrap(t: IntType, v: int) -> int:
    """The low bits of `v` as a value of `t`, two's complement."""
    v &= (1 << t.bits) - 1
    return v - (1 << t.bits) if t.signed and v >> (t.bits - 1) else v


def binary(op: str, t: IntType, a: int, b: int) -> int | None:
    """`a op b` at type `t`; None for a division by zero (the frontend has excluded it)."""
    match op:
        case "+":
            return wrap(t, a + b)
        case "-":
            return wrap(t, a - b)
        case "*":
            return wrap(t, a * b)
        case "&":
            return a & b
        case "|":
            return a | b
        case "^":
            return a ^ b
        case "<<":
            return wrap(t, a << b) if b < t.bits else 0
        case ">>":
            return a >> min(b, t.bits)
        case "//":
            return a // b if b else None
        case "%":
            return a % b if b else None
        case "min":
            return min(a, b)
        case "max":
            return max(a, b)
        case _:
            raise AssertionError(f"operator {op}")


def unary(op: str, t: IntType, a: int) -> int:
    return wrap(t, -a if op == "-" else ~a)


def compare(op: str, a: int, b: int) -> bool:
    return {"==": a == b, "!=": a != b, "<": a < b, "<=": a <= b, ">": a > b, ">=": a >= b}[op]


def decide(op: str, a: tuple[int, int], b: tuple[int, int]) -> bool | None:
    """What a comparison of any value in `a` with any value in `b` gives, if that is always the same."""
    if op in (">", ">="):
        return decide("<" if op == ">" else "<=", b, a)
    if op == "!=":
        eq = decide("==", a, b)
        return None if eq is None else not eq
    (alo, ahi), (blo, bhi) = a, b
    if op == "==":
        if ahi < blo or bhi < alo:
            return False
        return True if alo == ahi == blo == bhi else None
    if op == "<":
        return True if ahi < blo else False if alo >= bhi else None
    return True if ahi <= blo else False if alo > bhi else None


def interval(op: str, t: IntType, a: tuple[int, int], b: tuple[int, int]) -> tuple[int, int]:
    """Bounds of `x op y` for x in a, y in b; the whole type where nothing better is known."""
    (alo, ahi), (blo, bhi) = a, b
    whole = (t.min, t.max)
    match op:
        case "+":
            r = (alo + blo, ahi + bhi)
        case "-":
            r = (alo - bhi, ahi - blo)
        case "*":
            ends = [x * y for x in a for y in b]
            r = (min(ends), max(ends))
        case "&":
            r = (0, min(x for x in (ahi, bhi) if x >= 0)) if max(alo, blo) >= 0 else whole
            if min(alo, blo) < 0 and max(alo, blo) >= 0:
                r = (0, ahi if alo >= 0 else bhi)
        case "|" | "^":
            least = max(alo, blo) if op == "|" else 0
            r = (least, (1 << max(ahi, bhi).bit_length()) - 1) if alo >= 0 and blo >= 0 else whole
        case "<<":
            r = (alo << blo, ahi << bhi) if alo >= 0 and bhi < t.bits else whole
        case ">>":
            blo, bhi = min(blo, 128), min(bhi, 128)
            r = (alo >> (bhi if alo >= 0 else blo), ahi >> (blo if ahi >= 0 else bhi))
        case "//":
            r = (alo // bhi, ahi // blo) if alo >= 0 and blo > 0 else whole
        case "%":
            r = (0, min(ahi, bhi - 1)) if alo >= 0 and blo > 0 else whole
        case "min":
            r = (min(alo, blo), min(ahi, bhi))
        case _:
            r = (max(alo, blo), max(ahi, bhi))
    return r if t.min <= r[0] and r[1] <= t.max else whole
