"""The integer rules: literals take a type and must fit, unsigned and signed widen each to itself, nothing narrows.

    (fit (const 5) u8) => (const 5:u8)        (fit u8-expr u32) => (cast u32 u8-expr)        (fit u32-expr u8) => error
"""

from __future__ import annotations

import ast

from mcc.frontend.context import LITERAL, OBJECT, Context, Known, int_range, operand, shown, type_words
from mcc.frontend.intervals import compare
from mcc.ir.func import BOOL, MARK, U32, BoolType, Cast, Cmp, Const, Expr, IntType, OptType, Type


class Convert(Context):
    def fit(self, e: Expr, t: Type, node: ast.AST, what: str) -> Expr:
        """`e` as a value of type t, for a place called `what` in messages ("the field", "argument 1 of f")."""
        if isinstance(e, Const) and e.type == LITERAL and isinstance(t, IntType):
            if not t.min <= e.value <= t.max:
                self.mistake(node, f"{e.value} does not fit {t.name} ({t.min} to {t.max})", f"{what} is {t.name}")
            return self.const(e.value, t, node)
        if e.type == t:
            return e
        self._plain(e, node)
        if isinstance(t, BoolType):
            self.mistake(node, f"{what} is a bool, this is {type_words(e.type)}", f"write {operand(node)} != 0"
                         if isinstance(e.type, IntType) and e.type != LITERAL else "write True or False")
        if not isinstance(t, IntType) or not isinstance(e.type, IntType):
            hint = f"{t.name}({shown(node)}) is 0 or 1" if isinstance(e.type, BoolType) else ""
            if MARK in (t, e.type):
                hint = ("stream.mark() is the cursor; stream.start, m.start and m.end are marks" if t == MARK
                        else "marks only compare; stream.position is a number")
            self.mistake(node, f"{what} is {type_words(t)}, this is {type_words(e.type)}", hint)
        if e.type.signed != t.signed:
            self.mistake(node, f"{what} is {t.name}, this is {e.type.name}: signed and unsigned do not mix",
                         f"cast it: {t.name}({shown(node)})")
        if e.type.bits > t.bits:
            self.mistake(node, f"{what} is {t.name}, this is {e.type.name}: narrowing needs a cast",
                         f"write {t.name}({shown(node)}), which keeps the low {t.bits} bits")
        return self.cast(e, t, node)

    def cast(self, e: Expr, t: IntType, node: ast.AST) -> Expr:
        """Keep the low bits; the interval stays where every value fits."""
        if isinstance(e, Const):
            v = e.value & ((1 << t.bits) - 1)
            return self.const(v - (1 << t.bits) if t.signed and v > t.max else v, t, node)
        lo, hi = (e.lo, e.hi) if t.min <= e.lo and e.hi <= t.max else int_range(t)
        return e if e.type == t else Cast(t, lo, hi, self.span(node), e)

    def _plain(self, e: Expr, node: ast.AST) -> None:
        """Refuse values that are no numbers, each with its own words."""
        if isinstance(e.type, OptType):
            self.mistake(node, f"{shown(node)} may be None here",
                         "assign it to a local, and test that with `is None`" if isinstance(node, ast.Call) else
                         f"test it first: `if {shown(node)} is None: return DROP`")
        if isinstance(e, Known):
            self.mistake(node, f"{shown(node)} is {_object_words(e.value)}, which has no value in a handler",
                         "handlers work on integers and bools; use len() or == on build-time values")

    def number(self, node: ast.expr) -> Expr:
        """An integer expression (maybe a literal)."""
        e = self.expr(node)
        self._plain(e, node)
        if isinstance(e.type, BoolType):
            self.mistake(node, f"{shown(node)} is a bool, an integer is needed", f"u8({shown(node)}) is 0 or 1")
        if not isinstance(e.type, IntType):
            self.mistake(node, f"{shown(node)} is {type_words(e.type)}, an integer is needed",
                         "marks only compare; stream.position is a number" if e.type == MARK else "")
        return e

    def unsigned(self, node: ast.expr, what: str) -> Expr:
        """An unsigned integer; a literal becomes u32."""
        e = self.number(node)
        if self.literal(e) is not None:
            return self.fit(e, U32, node, what)
        assert isinstance(e.type, IntType)
        if e.type.signed:
            self.mistake(node, f"{what} is {e.type.name}, it must be unsigned", f"cast it: u32({shown(node)})")
        return e

    def common(self, a: Expr, b: Expr, node: ast.AST, a_node: ast.expr, b_node: ast.expr, op: str) -> tuple[Expr, Expr]:
        """Two operands at one type. Two literals are folded before this."""
        ta, tb = a.type, b.type
        assert isinstance(ta, IntType) and isinstance(tb, IntType)
        if ta == LITERAL:
            return self.fit(a, tb, a_node, f"the other side of `{op}`"), b
        if tb == LITERAL:
            return a, self.fit(b, ta, b_node, f"the other side of `{op}`")
        if ta.signed != tb.signed:
            self.mistake(node, f"`{op}` of {ta.name} and {tb.name}: signed and unsigned do not mix",
                         f"cast one side: {tb.name}({shown(a_node)}) or {ta.name}({shown(b_node)})")
        t = ta if ta.bits >= tb.bits else tb
        return self.cast(a, t, a_node), self.cast(b, t, b_node)

    def condition(self, node: ast.expr) -> Expr:
        """What `if`, `assert` and a conditional expression test: a bool, or an integer (!= 0)."""
        e = self.expr(node)
        if isinstance(e.type, BoolType):
            return e
        if isinstance(e, Known) and isinstance(e.value, (bytes, str, list, tuple, dict, type(None))):
            return self.const(int(bool(e.value)), BOOL, node)
        self._plain(e, node) if isinstance(e, Known) else None
        if e.type == LITERAL and isinstance(e, Const):
            return self.const(int(e.value != 0), BOOL, node)
        if isinstance(e.type, OptType):
            self.mistake(node, f"{shown(node)} may be None or 0, and both would be false",
                         f"write {shown(node)} is not None")
        if not isinstance(e.type, IntType):
            self.mistake(node, f"{shown(node)} is {type_words(e.type)}, a condition is needed",
                         "compare it with another mark" if e.type == MARK else "")
        decided = compare("!=", (e.lo, e.hi), (0, 0))
        lo, hi = (0, 1) if decided is None else (int(decided), int(decided))
        return Cmp(BOOL, lo, hi, self.span(node), "!=", e, self.const(0, e.type, node))

    def boolean(self, node: ast.expr, op: str) -> Expr:
        """An operand of and, or, not."""
        e = self.expr(node)
        if isinstance(e.type, BoolType):
            return e
        if e.type == OBJECT:
            return self.condition(node)
        if isinstance(e.type, OptType):
            self.condition(node)
        self.mistake(node, f"`{op}` is for bools, {shown(node)} is {type_words(e.type)}",
                     f"write {shown(node)} != 0" if op != "not" else f"write {shown(node)} == 0")


def _object_words(v: object) -> str:
    kind = type(v).__name__
    if isinstance(v, type):
        return f"the class {v.__name__}"
    if isinstance(v, bytes):
        return "bytes"
    if callable(v):
        return f"the function {getattr(v, '__name__', kind)}"
    return f"a {kind}" if kind[0].lower() not in "aeiou" else f"an {kind}"
