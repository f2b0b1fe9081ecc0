"""Pure LIR expressions as C, with as few parentheses and casts as C and the compilers' warnings allow.

C computes in `int` whatever is narrower, so each printed text carries the C type that it really has:

    ct = IntType      exactly that type
    ct = INT          an int whose value is in the range of the expression's type, never negative for unsigned types
    ct = LIT          a literal that fits every type it may meet

`as_type` makes a text fit to be stored, `common` makes two operands meet at the type of the operation.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NoReturn, Union

from mcc.emit.names import c_type
from mcc.ir import func as h

INT: Literal["int"] = "int"
LIT: Literal["lit"] = "lit"
CType = Union[h.IntType, Literal["int", "lit"]]

PRIMARY, POST, UNARY, MUL, ADD, SHIFT, REL, EQ, BAND, XOR, BOR, AND, OR, COND = range(16, 2, -1)
BINARY = {"*": MUL, "//": MUL, "%": MUL, "+": ADD, "-": ADD, "<<": SHIFT, ">>": SHIFT, "&": BAND, "^": XOR, "|": BOR}
SYMBOL = {"//": "/"}

MIXED: dict[int, frozenset[int]] = {
    SHIFT: frozenset({ADD, MUL}), REL: frozenset({REL}), EQ: frozenset({EQ, REL}),
    BAND: frozenset({MUL, ADD, SHIFT, REL, EQ}), XOR: frozenset({MUL, ADD, SHIFT, REL, EQ, BAND}),
    BOR: frozenset({MUL, ADD, REL, EQ, BAND, XOR}), OR: frozenset({AND}),
}
"""By operator: tighter operators that get parentheses all the same, because people (and -Wparentheses) want them."""


@dataclass(frozen=True)
class Text:
    text: str
    prec: int
    ct: CType


Leaf = Callable[[h.Expr], "Text | None"]
"""Prints what depends on the function and the instance (locals, fields, calls); None: not such a node."""


def literal(t: h.Type, v: int) -> Text:
    """A constant at an integer type. Small ones have no suffix: they take the other operand's type."""
    if not isinstance(t, h.IntType):
        return Text("true" if v else "false", PRIMARY, LIT) if isinstance(t, h.BoolType) else Text(str(v), PRIMARY, LIT)
    if t.bits == 128 and v >> 64:
        high, low = (f"UINT64_C({x:#x})" for x in (v >> 64, v & (1 << 64) - 1))
        return Text(f"(mcc_u128){high} << 64 | {low}", BOR, t)
    if v < 0:
        return _negative(t, v)
    text = str(v) if v < 1 << 16 else f"{v:#x}"
    if v < 1 << 31:
        return Text(text, PRIMARY, LIT)
    if t == h.U32:
        return Text(f"{text}U", PRIMARY, t)
    return Text(f"{'' if t.signed else 'U'}INT64_C({text})", PRIMARY, h.U64 if t.bits == 128 else t)


def _negative(t: h.IntType, v: int) -> Text:
    if v == t.min:
        return Text(f"INT{t.bits}_MIN", PRIMARY, t)
    return Text(f"{v}", UNARY, LIT) if v > -(1 << 31) else Text(f"INT64_C({v})", PRIMARY, t)


def cast(t: h.IntType, x: Text) -> Text:
    if x.ct == LIT and t.bits >= 32 and not t.signed and t.bits <= 64 and x.prec == PRIMARY:
        return Text(f"{x.text}U" if t.bits == 32 else f"UINT64_C({x.text})", PRIMARY, t)
    return Text(f"({c_type(t)}){wrapped(x, UNARY)}", UNARY, t)


def wrapped(x: Text, at: int) -> str:
    """`x` as an operand of something that binds at `at`."""
    return f"({x.text})" if x.prec < at else x.text


def _operand(x: Text, op: int, right: bool) -> str:
    if x.prec < op or (right and x.prec == op) or x.prec in MIXED.get(op, frozenset()):
        return f"({x.text})"
    return x.text


def infix(op: int, sign: str, a: Text, b: Text, ct: CType) -> Text:
    return Text(f"{_operand(a, op, False)} {sign} {_operand(b, op, True)}", op, ct)


def as_type(t: h.IntType, x: Text) -> Text:
    """`x` ready to be stored in, passed as, or returned as a `t`."""
    if x.ct == LIT or x.ct == t:
        return x
    if x.ct == INT:
        return x if t.signed else cast(t, x)
    assert isinstance(x.ct, h.IntType)
    if x.ct.bits < t.bits and (t.signed or not x.ct.signed) and not _negates(x):
        return x
    return cast(t, x)


def exact(t: h.IntType, x: Text) -> Text:
    """`x` with the C type `t` and no other."""
    return x if x.ct == t else cast(t, x)


def register(t: h.IntType) -> bool:
    """C computes in the type itself, not in int."""
    return t.bits >= 32


def common(t: h.IntType, a: Text, b: Text) -> tuple[Text, Text]:
    """Two operands of type `t` for one C operator: computed in `t` if it is at least int, else in int."""
    if not register(t):
        return a, b
    if t.signed:
        if t.bits == 64 and h.I64 not in (a.ct, b.ct):
            return cast(t, a), b
        return a, b
    if t not in (a.ct, b.ct):
        a, b = (a, cast(t, b)) if a.ct == LIT and b.ct != LIT else (cast(t, a), b)
    return tuple(cast(t, x) if x.ct == INT else x for x in (a, b))  # type: ignore[return-value]


class Printer:
    """Prints expressions; `leaf` knows the function's locals and the instance's state."""

    def __init__(self, leaf: Leaf) -> None:
        self.leaf = leaf

    def value(self, e: h.Expr) -> str:
        """`e` as something to assign to a variable or parameter of its own type."""
        return self.stored(e).text

    def stored(self, e: h.Expr) -> Text:
        x = self.text(e)
        return as_type(e.type, x) if isinstance(e.type, h.IntType) else x

    def argument(self, t: h.IntType, e: h.Expr) -> str:
        """`e` as an argument of C type `t`, which is at least as wide."""
        return as_type(t, self.text(e)).text

    def condition(self, e: h.Expr) -> str:
        return self.text(e).text

    def text(self, e: h.Expr) -> Text:
        own = self.leaf(e)
        if own is not None:
            return own
        match e:
            case h.Const():
                return literal(e.type, e.value)
            case h.Bin():
                return self.bin(e)
            case h.Unary(type=h.IntType() as t):
                return self.unary(e, t)
            case h.Cmp():
                return self.cmp(e)
            case h.BoolOp():
                return self.boolop(e)
            case h.Not():
                return Text(f"!{wrapped(self.text(e.a), UNARY)}", UNARY, INT)
            case h.Select():
                return self.select(e)
            case h.Cast():
                return self.cast(e)
            case _:
                unknown(e)

    # ------------------------------------------------------------ operators

    def bin(self, e: h.Bin) -> Text:
        t = e.type
        assert isinstance(t, h.IntType)
        if e.op in ("min", "max"):
            a, b = (self.argument(t, x) for x in (e.a, e.b))
            return Text(f"mcc_{e.op}_{t.name}({a}, {b})", PRIMARY, t)
        if e.op in ("<<", ">>"):
            return self.shift(e, t)
        a_text, b_text = self.text(e.a), self.text(e.b)
        if t.signed and e.op in ("+", "-", "*") and not _no_wrap(e, t):
            return self.signed_wrap(e.op, t, a_text, b_text)
        prec, sign = BINARY[e.op], SYMBOL.get(e.op, e.op)
        if register(t):
            a_text, b_text = common(t, a_text, b_text)
            return infix(prec, sign, a_text, b_text, t if h.I32 != t else INT)
        if e.op in ("+", "-", "*") and not _no_wrap(e, t):
            if e.op == "*" and t.bits == 16:
                a_text = cast(h.U32, a_text)
                b_text = cast(h.U32, b_text) if b_text.ct == INT else b_text
            return cast(t, infix(prec, sign, a_text, b_text, INT))
        return infix(prec, sign, a_text, b_text, INT)

    def signed_wrap(self, op: str, t: h.IntType, a: Text, b: Text) -> Text:
        """Overflow is undefined in C: computed unsigned, and back."""
        u = h.U32 if t.bits == 32 else h.U64
        return cast(t, infix(BINARY[op], op, exact(u, a), exact(u, b), u))

    def shift(self, e: h.Bin, t: h.IntType) -> Text:
        a, n = self.text(e.a), self.text(e.b)
        if not e.b.hi < t.bits:
            if n.ct == h.U128:
                n = Text(f"mcc_min_u128({n.text}, 128)", PRIMARY, h.U128)
                n = cast(h.U64, n)
            name = f"mcc_{'shl' if e.op == '<<' else 'shr'}_{t.name}"
            return Text(f"{name}({as_type(t, a).text}, {as_type(h.U64, n).text})", PRIMARY, t)
        sign = e.op
        if t.signed and sign == "<<":
            u = h.U32 if t.bits == 32 else h.U64
            return cast(t, infix(SHIFT, sign, exact(u, a), n, u))
        if t == h.I32:
            return infix(SHIFT, sign, a, n, INT)
        if register(t):
            return infix(SHIFT, sign, exact(t, a), n, t)
        moved = infix(SHIFT, sign, a, n, INT)
        return cast(t, moved) if sign == "<<" and e.a.hi << e.b.hi > t.max else moved

    def unary(self, e: h.Unary, t: h.IntType) -> Text:
        a = self.text(e.a)
        if t.signed and e.op == "-":
            u = h.U32 if t.bits == 32 else h.U64
            zero = Text("0", PRIMARY, LIT)
            return cast(t, infix(ADD, "-", zero, exact(u, a), u))
        if register(t):
            return Text(f"{e.op}{_unary_operand(exact(t, a))}", UNARY, t)
        if e.op == "~":  # gcc's -Wsign-compare takes offence at comparisons with (uint8_t)~x
            return infix(ADD, "-", Text(f"{t.max:#x}", PRIMARY, LIT), a, INT)
        return cast(t, Text(f"-{_unary_operand(a)}", UNARY, INT))

    def cmp(self, e: h.Cmp) -> Text:
        a, b = self.text(e.a), self.text(e.b)
        t = e.a.type
        if isinstance(t, h.IntType):
            a, b = _comparable(t, a, b)
        prec = EQ if e.op in ("==", "!=") else REL
        return infix(prec, e.op, a, b, INT)

    def boolop(self, e: h.BoolOp) -> Text:
        prec, sign = (AND, "&&") if e.op == "and" else (OR, "||")
        parts = [_operand(self.text(p), prec, i > 0) for i, p in enumerate(e.parts)]
        return Text(f" {sign} ".join(parts), prec, INT)

    def select(self, e: h.Select) -> Text:
        cond, a, b = self.text(e.cond), self.text(e.a), self.text(e.b)
        ct: CType = INT
        if isinstance(e.type, h.MarkType):
            ct = h.U64
        elif isinstance(e.type, h.IntType) and register(e.type) and e.type != h.I32:
            t = e.type
            a, b = (exact(t, x) if x.ct != LIT else x for x in (a, b))
            if LIT == a.ct == b.ct:
                a = cast(t, a)
            ct = t
        return Text(f"{wrapped(cond, OR)} ? {wrapped(a, OR)} : {wrapped(b, COND)}", COND, ct)

    def cast(self, e: h.Cast) -> Text:
        a, t = self.text(e.a), e.type
        if isinstance(t, h.BoolType):
            if isinstance(e.a.type, h.BoolType):
                return a
            return infix(EQ, "!=", a, Text("0", PRIMARY, LIT), INT)
        assert isinstance(t, h.IntType)
        if isinstance(e.a.type, h.BoolType):
            return a
        assert isinstance(e.a.type, h.IntType)
        return widen_or_cut(e.a.type, t, a)


def widen_or_cut(src: h.IntType, t: h.IntType, a: Text) -> Text:
    """A cast between integer types: nothing where C's own conversion gives the same."""
    widens = t.bits > src.bits and (not src.signed or t.signed)
    if src.signed and t == h.U128:
        return Text(f"mcc_extend({a.text})", PRIMARY, t)
    return a if widens and not _negates(a) else cast(t, a)


def _negates(x: Text) -> bool:
    """`-x` or `~x` of an unsigned: clang's -Wconversion wants widening it said."""
    return x.prec == UNARY and x.text[0] in "-~" and x.ct != LIT


def _no_wrap(e: h.Bin, t: h.IntType) -> bool:
    """The exact result is in the type, so C's int (or the type itself) holds it."""
    ends = {"+": (e.a.lo + e.b.lo, e.a.hi + e.b.hi), "-": (e.a.lo - e.b.hi, e.a.hi - e.b.lo)}.get(e.op)
    if ends is None:
        products = [x * y for x in (e.a.lo, e.a.hi) for y in (e.b.lo, e.b.hi)]
        ends = (min(products), max(products))
    return t.min <= ends[0] and ends[1] <= t.max


def _comparable(t: h.IntType, a: Text, b: Text) -> tuple[Text, Text]:
    """No -Wsign-compare, and no surprise: an int beside a wider unsigned operand is made unsigned; what C would
    compare as unsigned is made signed where the comparison is signed."""
    wide = [x.ct for x in (a, b) if isinstance(x.ct, h.IntType) and x.ct.bits >= 32 and not x.ct.signed]
    if wide and not t.signed:
        a, b = (cast(t, x) if x.ct == INT else x for x in (a, b))
    elif wide and t not in (a.ct, b.ct):
        a = cast(t, a)
    return a, b


def _unary_operand(x: Text) -> str:
    return f"({x.text})" if x.prec < UNARY or x.text[0] in "-~" else x.text


def unknown(node: object) -> NoReturn:
    raise AssertionError(f"no C for {type(node).__name__}")
