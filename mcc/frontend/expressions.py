"""Operators and comparisons: types by the integer rules, intervals by mcc.frontend.intervals, literals folded.

    s.port + 1 => (bin + (field scratch port) (const 1))     0 < x < 9 => (and (cmp > x 0) (cmp < x 9))
"""

from __future__ import annotations

import ast
from enum import Enum
from typing import Any

from mcc.frontend.context import LITERAL, OBJECT, Known, Mistake, int_range, shown, type_words
from mcc.frontend.flow import join_all, narrow
from mcc.frontend.intervals import SWAPPED, binary, compare, join, unary
from mcc.frontend.natives import Natives
from mcc.frontend.parse import COMPARISONS, OPERATORS
from mcc.ir.func import (
    ACTION,
    BOOL,
    MARK,
    U32,
    Action,
    Bin,
    BoolOp,
    BoolType,
    Cmp,
    Const,
    Expr,
    HsCall,
    InlineCall,
    IntType,
    IsNone,
    MapGet,
    Not,
    OptType,
    OptValue,
    PortsTake,
    Select,
    Unary,
)
from mcc.ir.walkers import expressions as parts_of
from mcc.lang.packet import Action as Verdict


class Expressions(Natives):
    def expr(self, node: ast.expr) -> Expr:
        if node in self.refused:
            raise Mistake
        match node:
            case ast.Constant(value=v):
                return self.known(v, node)
            case ast.Name():
                return self._verdict(self.name(node), node)
            case ast.Attribute():
                return self._verdict(self.attribute(node), node)
            case ast.Subscript():
                return self.subscript(node)
            case ast.Call():
                return self.call(node)
            case ast.BinOp():
                return self.arithmetic(node, self.number(node.left), self.number(node.right), node.left, node.right,
                                       OPERATORS[type(node.op)])
            case ast.UnaryOp():
                return self._unary(node)
            case ast.BoolOp():
                return self._bool_op(node)
            case ast.Compare():
                return self._compare(node)
            case ast.IfExp():
                return self._select(node)
        self.mistake(node, "a tuple is not a value in handlers", "self.t[i, j] indexes a Table of two dimensions")

    def _verdict(self, e: Expr, node: ast.AST) -> Expr:
        """PASS, DROP, CLOSE, RESET are actions, whatever name they came by."""
        if isinstance(e, Known) and isinstance(e.value, Verdict):
            if e.value.kind == "to" and e.value.port >= self.unit.elem.ports[1]:
                self.mistake(node,
                             f"{self.unit.elem.name} has no output {e.value.port}: it has {self.unit.elem.ports[1]}")
            return Action(ACTION, 0, 0, self.span(node), e.value.kind, e.value.port)
        return e

    # ---------------------------------------------------------- arithmetic

    def arithmetic(self, node: ast.AST, a: Expr, b: Expr, a_node: ast.expr, b_node: ast.expr, op: str) -> Expr:
        v, w = self.literal(a), self.literal(b)
        if v is not None and w is not None:
            return self._fold(node, op, v, w)
        if op in ("<<", ">>"):
            return self._shift(node, a, b, a_node, b_node, op)
        a, b = self.common(a, b, node, a_node, b_node, op)
        t = a.type
        assert isinstance(t, IntType)
        if op in ("//", "%"):
            if t.signed:
                self.mistake(node, f"`{op}` of {t.name}: division is for unsigned integers",
                             f"cast both sides: u{t.bits}({shown(a_node)}) {op} u{t.bits}({shown(b_node)})")
            if b.lo < 1:
                self.mistake(b_node, f"cannot prove that {shown(b_node)} is not 0",
                             f"divide by max({shown(b_node)}, 1), or test `if {shown(b_node)} > 0:` before")
        lo, hi = binary(op, (a.lo, a.hi), (b.lo, b.hi), t)
        return Bin(t, lo, hi, self.span(node), op, a, b)

    def _shift(self, node: ast.AST, a: Expr, b: Expr, a_node: ast.expr, b_node: ast.expr, op: str) -> Expr:
        if a.type == LITERAL:
            self.mistake(a_node, f"the type of `{shown(a_node)} {op} {shown(b_node)}` is that of its left side, "
                         "and a literal has none", f"u32({shown(a_node)}) {op} {shown(b_node)}")
        t = a.type
        n = self.literal(b)
        if n is not None:
            if n < 0:
                self.mistake(b_node, "a shift by a negative number", "shift the other way")
            b = self.const(min(n, U32.max), U32, b_node)
        assert isinstance(t, IntType) and isinstance(b.type, IntType)
        if b.type.signed:
            self.mistake(b_node, f"a shift by {b.type.name}: it must be unsigned", f"cast it: u32({shown(b_node)})")
        return Bin(t, *binary(op, (a.lo, a.hi), (b.lo, b.hi), t), self.span(node), op, a, b)

    def _fold(self, node: ast.AST, op: str, a: int, b: int) -> Expr:
        """Literals: exact integers, as CPython has them."""
        if op in ("//", "%") and b == 0:
            self.mistake(node, "division by zero")
        if op in ("<<", ">>") and not 0 <= b <= 128:
            self.mistake(node, f"a shift of a literal by {b}", "0 to 128")
        value: int = {
            "+": lambda: a + b, "-": lambda: a - b, "*": lambda: a * b, "&": lambda: a & b, "|": lambda: a | b,
            "^": lambda: a ^ b, "<<": lambda: a << b, ">>": lambda: a >> b, "//": lambda: a // b, "%": lambda: a % b,
        }[op]()
        return self.const(value, LITERAL, node)

    def _unary(self, node: ast.UnaryOp) -> Expr:
        if isinstance(node.op, ast.Not):
            a = self.boolean(node.operand, "not")
            if isinstance(a, Const):
                return self.const(int(not a.value), BOOL, node)
            return Not(BOOL, 1 - a.hi, 1 - a.lo, self.span(node), a)
        e = self.number(node.operand)
        v = self.literal(e)
        op = {ast.USub: "-", ast.Invert: "~", ast.UAdd: "+"}[type(node.op)]
        if v is not None:
            return self.const({"-": -v, "~": ~v, "+": v}[op], LITERAL, node)
        if op == "+":
            return e
        assert isinstance(e.type, IntType)
        return Unary(e.type, *unary(op, (e.lo, e.hi), e.type), self.span(node), op, e)

    # ---------------------------------------------------------- logic

    def _bool_op(self, node: ast.BoolOp) -> Expr:
        """Left to right; each operand sees what the ones before it have settled. Constants fold away."""
        op = "and" if isinstance(node.op, ast.And) else "or"
        start = self.env.copy()
        parts: list[Expr] = []
        skips = []
        for value in node.values:
            e = self.boolean(value, op)
            if isinstance(e, Const):
                if bool(e.value) == (op == "or"):
                    parts.append(e)
                    break
                continue
            parts.append(e)
            skips.append(self.env.copy())
            self.env = self.narrowed(e, op == "and")
        self.env = join_all([*skips, self.env]) if skips else start
        if not parts:
            return self.const(int(op == "and"), BOOL, node)
        if len(parts) == 1:
            return parts[0]
        return BoolOp(BOOL, 0, 1, self.span(node), op, tuple(parts))

    def narrowed(self, cond: Expr, truth: bool) -> Any:
        """The environment where `cond` came out as `truth`."""
        out = narrow(self.env, cond, truth, self.unit.live)
        if any(isinstance(e, InlineCall) for e in parts_of(cond)):
            out.forget("state")
        return out

    def _compare(self, node: ast.Compare) -> Expr:
        nodes = [node.left, *node.comparators]
        ops = [COMPARISONS[type(o)] for o in node.ops]
        values = [self.expr(n) for n in nodes] if len(nodes) == 2 else self._chain(nodes)
        parts = []
        for i, op in enumerate(ops):
            at = node if len(ops) == 1 else nodes[i + 1]
            e = self._comparison(at, values[i], values[i + 1], nodes[i], nodes[i + 1], op)
            if not isinstance(e, Const) or len(ops) == 1:
                parts.append(e)
            elif not e.value:
                parts.append(e)
                break
        if not parts:
            return self.const(1, BOOL, node)
        return parts[0] if len(parts) == 1 else BoolOp(BOOL, 0, 1, self.span(node), "and", tuple(parts))

    def _chain(self, nodes: list[ast.expr]) -> list[Expr]:
        values = [self.expr(n) for n in nodes]
        for n, e in list(zip(nodes, values, strict=True))[1:-1]:
            if any(isinstance(p, (InlineCall, PortsTake, MapGet, HsCall)) for p in parts_of(e)):
                self.mistake(n, "the middle of a chained comparison is evaluated once, a call may not stand there",
                             f"x = {shown(n)} first, then compare x")
        return values

    def _comparison(self, node: ast.AST, a: Expr, b: Expr, a_node: ast.expr, b_node: ast.expr, op: str) -> Expr:
        if op in ("is", "is not"):
            return self._is(node, a, b, a_node, b_node, op)
        if isinstance(a, Known) and isinstance(b, Known):
            return self._known_equal(node, a.value, b.value, op)
        if isinstance(a, Known) or isinstance(b, Known):
            self._object_against_value(node, a, b, a_node, b_node)
        if ACTION in (a.type, b.type):
            self.mistake(node, "actions cannot be compared", "return them, or keep a bool")
        if MARK in (a.type, b.type):
            return self._marks(node, a, b, a_node, b_node, op)
        if isinstance(a.type, BoolType) and isinstance(b.type, BoolType):
            if op not in ("==", "!="):
                self.mistake(node, f"bools are not ordered: `{op}`", "and, or, not, == and != are for bools")
        elif BOOL in (a.type, b.type):
            boolean, other = (a_node, b_node) if a.type == BOOL else (b_node, a_node)
            self.mistake(node, f"{shown(boolean)} is a bool, {shown(other)} is not",
                         f"write `{shown(boolean)}` or `not {shown(boolean)}`")
        else:
            a, b = self.number_of(a, a_node), self.number_of(b, b_node)
            v, w = self.literal(a), self.literal(b)
            if v is not None and w is not None:
                return self.const(int(bool(compare(op, (v, v), (w, w)))), BOOL, node)
            a, b = self.common(a, b, node, a_node, b_node, op)
        decided = compare(op, (a.lo, a.hi), (b.lo, b.hi))
        if isinstance(a, Const) and isinstance(b, Const) and decided is not None:
            return self.const(int(decided), BOOL, node)
        lo, hi = (0, 1) if decided is None else (int(decided), int(decided))
        if isinstance(a, Const) and not isinstance(b, Const):
            return Cmp(BOOL, lo, hi, self.span(node), SWAPPED[op], b, a)
        return Cmp(BOOL, lo, hi, self.span(node), op, a, b)

    def _marks(self, node: ast.AST, a: Expr, b: Expr, a_node: ast.expr, b_node: ast.expr, op: str) -> Expr:
        if a.type != b.type:
            mark, other, e = (a_node, b_node, b) if a.type == MARK else (b_node, a_node, a)
            what = "a number" if e.type == LITERAL else type_words(e.type)
            self.mistake(node, f"{shown(mark)} is a mark, {shown(other)} is {what}",
                         "marks compare with marks; stream.position is a number")
        return Cmp(BOOL, 0, 1, self.span(node), op, a, b)

    def number_of(self, e: Expr, node: ast.expr) -> Expr:
        if isinstance(e.type, IntType):
            return e
        self._plain(e, node)
        self.mistake(node, f"{shown(node)} is {type_words(e.type)}, an integer is needed")

    def _object_against_value(self, node: ast.AST, a: Expr, b: Expr, a_node: ast.expr, b_node: ast.expr) -> None:
        known, other, other_node = (a, b, b_node) if isinstance(a, Known) else (b, a, a_node)
        assert isinstance(known, Known)
        if known.value is None:
            self.mistake(node, "None is compared with `is`", f"{shown(other_node)} is None")
        if isinstance(known.value, Enum):
            kind = type(known.value).__name__
            self.mistake(node, f"{kind} is no IntEnum: its members never equal an integer", f"class {kind}(IntEnum):")
        name = type(known.value).__name__
        self.mistake(node, f"{name} and {type_words(other.type)} cannot be compared")

    def _known_equal(self, node: ast.AST, a: Any, b: Any, op: str) -> Expr:
        if op not in ("==", "!="):
            self.mistake(node, f"`{op}` of build-time values", "they can be compared with == and !=")
        return self.const(int((a == b) == (op == "==")), BOOL, node)

    def _is(self, node: ast.AST, a: Expr, b: Expr, a_node: ast.expr, b_node: ast.expr, op: str) -> Expr:
        if not (isinstance(b, Known) and b.value is None):
            self.mistake(node, f"`{op}` is for None", f"{shown(a_node)} {'==' if op == 'is' else '!='} {shown(b_node)}")
        if isinstance(a, OptValue):
            return self.const(int(op == "is not"), BOOL, node)
        if isinstance(a.type, OptType):
            return IsNone(BOOL, 0, 1, self.span(node), a, op == "is not")
        if isinstance(a, Known) or isinstance(a, Const):
            none = isinstance(a, Known) and a.value is None
            return self.const(int(none == (op == "is")), BOOL, node)
        self.mistake(node, f"{shown(a_node)} is {type_words(a.type)}: it is never None",
                     "only what HashMap.get() gives may be None")

    def _select(self, node: ast.IfExp) -> Expr:
        """Lazy: only the chosen side is evaluated. Both sides have one type, and neither is a bare literal."""
        cond = self.condition(node.test)
        if isinstance(cond, Const):
            return self.expr(node.body if cond.value else node.orelse)
        yes, no = self.narrowed(cond, True), self.narrowed(cond, False)
        self.env = yes
        a = self.expr(node.body)
        yes, self.env = self.env, no
        b = self.expr(node.orelse)
        self.env = join_all([yes, self.env])
        for e, n in ((a, node.body), (b, node.orelse)):
            if e.type == LITERAL:
                self.mistake(n, f"{shown(n)} in a conditional expression has no width",
                             f"u32({shown(n)}), or an if statement")
            self._plain(e, n)
        if a.type == ACTION or b.type == ACTION:
            self.mistake(node, "a conditional expression of actions", "return it, or use an if statement")
        if a.type != b.type:
            if OBJECT in (a.type, b.type):
                self.mistake(node, "the sides of a conditional expression have no value in a handler")
            self.mistake(node, f"one side is {type_words(a.type)}, the other {type_words(b.type)}", "cast one side")
        lo, hi = join((a.lo, a.hi), (b.lo, b.hi)) if isinstance(a.type, IntType) else int_range(a.type)
        return Select(a.type, lo, hi, self.span(node), cond, a, b)
