"""Random well-typed HIR: whole handlers with faults, effects, loops and helpers, for `test_programs.py`.

Intervals are honest but mostly wide; every unproved index is `checked`, so faults occur anywhere, also inside operands
of over-wide shifts, lazily evaluated branches and arguments.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from typing import Any

from mcc.diag import Span
from mcc.ir import func as h
from mcc.ir.element import Code, CounterDecl, PerCoreDecl, TableDecl
from tests.unit.emit.kit import (
    AT,
    SCRATCH,
    TYPES,
    action,
    call,
    cast,
    cmp,
    element,
    fit,
    fld,
    handler,
    inline,
    inv,
    item,
    k,
    op,
    pick,
    put,
    struct,
    v,
)

STATE = (TableDecl("line", h.U16, 6, 0, (1, 65535, 3, 40000, 0, 9)),
         TableDecl("grid", h.I32, 3, 4, (5, -1, 2**31 - 1, -2**31, 0, 7, 8, 9, -10, 11, 12, 13)),
         PerCoreDecl("turn", h.U32, 0), PerCoreDecl("wide", h.U64, 0), CounterDecl("hits"))
S = struct(a=h.U8, b=h.U16, c=h.U32, d=h.U64, e=h.U128, f=h.I32, g=h.I64, ok=h.BOOL, arr=h.ArrayType(h.U16, 5),
           signed=h.ArrayType(h.I64, 3))
BY_TYPE = {h.U8: "a", h.U16: "b", h.U32: "c", h.U64: "d", h.U128: "e", h.I32: "f", h.I64: "g"}
UNSIGNED = (h.U8, h.U16, h.U32, h.U64, h.U128)


@dataclass
class Maker:
    """One function's worth of choices. `vars`: locals that are assigned here, by name."""

    r: random.Random
    helpers: dict[str, h.Func] = field(default_factory=dict)
    vars: dict[str, Any] = field(default_factory=dict)
    types: dict[str, Any] = field(default_factory=dict)
    session: bool = True
    line: int = 1

    # ------------------------------------------------------------ expressions

    def expr(self, t: Any, depth: int) -> h.Expr:
        if isinstance(t, h.BoolType):
            return self.boolean(depth)
        if depth <= 0 or self.r.random() < 0.15:
            return self.leaf(t)
        return self.r.choice((self.bin, self.bin, self.bin, self.shift, self.unary, self.select, self.narrow,
                              self.load, self.called))(t, depth - 1)

    def leaf(self, t: Any) -> h.Expr:
        same = [n for n, u in self.vars.items() if u == t]
        if same and self.r.random() < 0.5:
            return v(t, self.r.choice(same))
        if self.session and self.r.random() < 0.6:
            return fld(t, BY_TYPE[t])
        if t == h.U32 and self.r.random() < 0.5:
            return h.StateRead(t, 0, t.max, AT, "turn")
        c = self.r.choice((0, 1, 2, 5, 7, t.max, t.max - 1, t.max >> 1, t.min, self.r.getrandbits(128)))
        return k(t, fit(t, c))

    def bin(self, t: Any, depth: int) -> h.Expr:
        ops = ["+", "-", "*", "&", "|", "^", "min", "max"] + ([] if t.signed else ["//", "%"])
        o = self.r.choice(ops)
        a, b = self.expr(t, depth), self.expr(t, depth)
        if o in ("//", "%"):
            b = op("max", b, k(t, 1), 1)
        if o == "&" and self.r.random() < 0.5:
            c = self.r.choice((1, 3, 7, 15))
            return op("&", a, k(t, c), 0, c)
        if o == "%" and self.r.random() < 0.5:
            return op("%", a, k(t, 5), 0, 4)
        return op(o, a, b)

    def shift(self, t: Any, depth: int) -> h.Expr:
        n: h.Expr = self.expr(self.r.choice(UNSIGNED), depth)
        if self.r.random() < 0.3:
            n = op("&", n, k(n.type, 7), 0, 7)
        elif self.r.random() < 0.4:
            n = k(h.U8, self.r.choice((0, 1, t.bits - 1, t.bits, 70, 200)))
        return op(self.r.choice(("<<", ">>")), self.expr(t, depth), n)

    def unary(self, t: Any, depth: int) -> h.Expr:
        return h.Unary(t, t.min, t.max, AT, self.r.choice("-~"), self.expr(t, depth))

    def select(self, t: Any, depth: int) -> h.Expr:
        return pick(self.boolean(depth), self.expr(t, depth), self.expr(t, depth))

    def narrow(self, t: Any, depth: int) -> h.Expr:
        return cast(t, self.expr(self.r.choice((*TYPES, h.BOOL)), depth))

    def index(self, depth: int) -> h.Expr:
        e = self.expr(self.r.choice((h.U8, h.U16, h.U32, h.I32, h.U64)), depth)
        return op("&", e, k(e.type, 7), 0, 7) if self.r.random() < 0.7 else e

    def load(self, t: Any, depth: int) -> h.Expr:
        got: h.Expr
        kind = self.r.randrange(4 if self.session else 2)
        if kind == 0:
            got = item(h.U16, "line", self.index(depth))
        elif kind == 1:
            got = item(h.I32, "grid", self.index(depth), self.index(depth))
        elif kind == 2:
            got = fld(h.U16, "arr", self.index(depth), True)
        else:
            got = fld(h.I64, "signed", self.index(depth), True)
        return got if got.type == t else cast(t, got)

    def called(self, t: Any, depth: int) -> h.Expr:
        if not self.helpers:
            return self.bin(t, depth)
        f = self.helpers[self.r.choice(sorted(self.helpers))]
        e = call(f.returns, f.name, *(self.expr(a.type, depth) for a in f.args))
        return e if f.returns == t else cast(t, e)

    def boolean(self, depth: int) -> h.Expr:
        kind = self.r.randrange(6)
        if depth <= 0 or kind == 0:
            return fld(h.BOOL, "ok") if self.session else k(h.BOOL, self.r.randrange(2))
        if kind <= 2:
            t = self.r.choice(TYPES)
            return cmp(self.r.choice(("==", "!=", "<", "<=", ">", ">=")), self.expr(t, depth - 1), self.expr(t, depth - 1))
        if kind == 3:
            return inv(self.boolean(depth - 1))
        if kind == 4:
            return cast(h.BOOL, self.expr(self.r.choice(TYPES), depth - 1))
        parts = tuple(self.boolean(depth - 1) for _ in range(self.r.choice((2, 2, 3))))
        return h.BoolOp(h.BOOL, 0, 1, AT, self.r.choice(("and", "or")), parts)

    # ------------------------------------------------------------ statements

    def block(self, n: int, depth: int, loop: bool) -> tuple[h.Stmt, ...]:
        """Locals first assigned in here are unknown behind it."""
        before = dict(self.vars)
        out: list[h.Stmt] = []
        for _ in range(n):
            self.line += 1
            s = self.statement(depth, loop)
            out.append(replace(s, span=Span(AT.file, self.line)))
            if isinstance(s, (h.Break, h.Continue, h.Return)):
                break
        self.vars = before
        return tuple(out)

    def statement(self, depth: int, loop: bool) -> h.Stmt:
        kind = self.r.randrange(14)
        if kind < 3:
            return self.let()
        if kind < 7:
            return self.store()
        if kind == 7:
            return h.CounterAdd(AT, "hits", self.expr(h.U64, 2))
        if kind == 8 and loop and depth < 3:
            return self.r.choice((h.Break(AT), h.Continue(AT)))
        if kind == 9 and depth < 2 and self.session:
            return h.Return(AT, action(self.r.choice(("drop", "close", "to")), self.r.randrange(4)))
        if depth <= 0:
            return self.store()
        if kind < 11:
            then = self.block(self.r.randrange(1, 4), depth - 1, loop)
            return h.If(AT, self.boolean(2), then, self.block(self.r.randrange(3), depth - 1, loop))
        if kind < 13:
            return self.loop(depth)
        return self.switch(depth, loop)

    def let(self) -> h.Let:
        t = self.r.choice((*TYPES, h.BOOL))
        e = self.expr(t, 3)
        same = [n for n, u in self.types.items() if u == t and not n.startswith("i")]
        name = self.r.choice(same) if same and self.r.random() < 0.6 else f"v{len(self.types)}"
        self.vars[name] = self.types[name] = t
        return h.Let(AT, name, e)

    def store(self) -> h.Stmt:
        kind = self.r.randrange(5)
        if kind == 0 or not self.session:
            return put(h.StateRead(h.U64, 0, h.U64.max, AT, "wide"), self.expr(h.U64, 3))
        if kind == 1:
            return put(fld(h.U16, "arr", self.index(1), True), self.expr(h.U16, 2))
        if kind == 2:
            return put(fld(h.I64, "signed", op("&", self.expr(h.U8, 1), k(h.U8, 1), 0, 1), False), self.expr(h.I64, 2))
        if kind == 3:
            return put(fld(h.BOOL, "ok"), self.boolean(3))
        t = self.r.choice(TYPES)
        e = self.expr(t, 3)
        return put(fld(t, BY_TYPE[t]), op("+", fld(t, BY_TYPE[t]), e) if self.r.random() < 0.4 else e)

    def loop(self, depth: int) -> h.Stmt:
        t = self.r.choice((h.U8, h.U32, h.U64, h.I32, h.I64))
        name = self.r.choice(("i", "i2"))
        if name in self.types and self.types[name] != t:
            t = self.types[name]
        start: h.Expr = op("&", self.expr(t, 1), k(t, 3), 0, 3)
        stop: h.Expr = op("&", self.expr(t, 1), k(t, 7), 0, 7)
        step = self.r.choice((1, 1, 1, 2, 3))
        if self.r.random() < 0.2:
            start, stop, step = (stop, start, -self.r.choice((1, 2)))
        if self.r.random() < 0.2:
            start, stop = k(t, t.max - 5), k(t, t.max - self.r.randrange(3))
            step = abs(step)
        self.types[name] = t
        before = dict(self.vars)
        self.vars[name] = t
        body = self.block(self.r.randrange(1, 4), depth - 1, True)
        if self.r.random() < 0.15:
            body = (h.Let(AT, name, self.expr(t, 1)), *body)
        self.vars = before
        return h.ForRange(AT, name, t, start, stop, step, body)

    def switch(self, depth: int, loop: bool) -> h.Stmt:
        t = self.r.choice((h.U8, h.U16, h.I32))
        subject = op("&", self.expr(t, 2), k(t, 7), 0, 7) if self.r.random() < 0.7 else self.expr(t, 2)
        cases = tuple(h.Case(tuple(self.r.sample(range(8), self.r.randrange(1, 3))),
                             self.block(self.r.randrange(3), depth - 1, loop)) for _ in range(self.r.randrange(1, 4)))
        return h.Switch(AT, subject, cases, self.block(self.r.randrange(2), depth - 1, loop))


def make_helper(r: random.Random, name: str, known: dict[str, h.Func]) -> h.Func:
    """An @inline helper that may fault, count, and call earlier ones."""
    args = {f"x{i}": r.choice((*TYPES, h.BOOL)) for i in range(r.randrange(3))}
    m = Maker(r, dict(known), dict(args), dict(args), session=False)
    m.types = {}
    returns = r.choice((*TYPES, h.BOOL))
    body: list[h.Stmt] = []
    for _ in range(r.randrange(3)):
        body.append(r.choice((m.let, m.store))())
    if r.random() < 0.3:
        body.append(h.If(AT, m.boolean(2), (h.Return(AT, m.expr(returns, 2)),), ()))
    body.append(h.Return(AT, m.expr(returns, 2)))
    return inline(name, returns, tuple(body), m.types, **args)


def make_program(seed: int, handlers: int) -> Code:
    r = random.Random(seed)
    helpers: dict[str, h.Func] = {}
    for i in range(3):
        helpers[f"help{i}"] = make_helper(r, f"help{i}", helpers)
    funcs = []
    for i in range(handlers):
        m = Maker(r, helpers)
        body = (*m.block(r.randrange(2, 9), 2, False), h.Return(AT, action("to", 5)))
        funcs.append(handler(body, m.types, SCRATCH, name=f"h{i}"))
    return element(*funcs, scratch=S, inlines=tuple(helpers.values()), state=STATE)


def make_input(r: random.Random) -> tuple[dict[str, Any], dict[str, int]]:
    def value(t: Any) -> int:
        return fit(t, r.choice((0, 1, 2, 3, r.randrange(8), -1, 1 << r.randrange(128), r.getrandbits(128))))

    scratch: dict[str, Any] = {}
    for f in S.fields:
        if isinstance(f.type, h.ArrayType):
            scratch[f.name] = [value(f.type.elem) for _ in range(f.type.length)]
        else:
            scratch[f.name] = value(f.type)
    return scratch, {"turn": value(h.U32), "wide": value(h.U64), "hits": value(h.U64)}
