"""Typed HIR to LIR (mcc.ir.lir): what may fault or has an effect gets a statement of its own, in order.

    (store (field s x) (bin + (table T (local i) checked) (take ports)))
 => (check (local i) 16) (define port (take ports)) (store (field s x) (bin + (table T (local i)) (local port)))

    (let x (select c (table T (local i) checked) (const 0)))       only the chosen branch is evaluated
 => (declare chosen) (if c ((check (local i) 16) (let chosen (table T (local i)))) ((let chosen (const 0)))) ..

Operands are evaluated left to right: when a later one changes something, what an earlier one has read is kept in
a temporary. Loops and switches: mcc.passes.loops; where locals are declared: mcc.passes.scopes; session fields that
live in locals during a loop over bytes: mcc.passes.cached.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from mcc.ir import func as h
from mcc.ir.element import Code
from mcc.ir.lir import ROOTS, Check, CheckBelow, Declare, Define, Fault, children, effects, ends, rebuild, walk
from mcc.passes import loops
from mcc.passes.cached import cached
from mcc.passes.scopes import scopes
from mcc.passes.simplify import Simplifier, const, simplifier

Block = tuple[h.Stmt, ...]


def lower(code: Code) -> Code:
    """The code of one instance in LIR. Expects what `fold` gives (decided comparisons are gone)."""
    simplify = simplifier(code, effects(code))
    return replace(code, handlers=tuple(replace(x, func=_func(x.func, simplify)) for x in code.handlers),
                   inlines=tuple(_func(f, simplify) for f in code.inlines))


def _func(f: h.Func, simplify: Simplifier) -> h.Func:
    low = _Lower(f, simplify)
    body = low.block(f.body)
    known = {n for n, _ in f.locals}
    turned = {n.name: n.type for n in walk(f.body) if isinstance(n, h.ForRange) and n.name not in known}
    return scopes(replace(f, locals=(*f.locals, *turned.items(), *low.temps), body=body))


class _Lower:
    def __init__(self, f: h.Func, simplify: Simplifier) -> None:
        self.func, self.simplify, self.known = f, simplify, simplify.known
        self.simple = loops.simple_loops(f) | loops.simple_bytes(f)
        self.in_bytes = False
        self.read = {n.name for n in walk(f.body) if isinstance(n, h.Local)}
        self.temps: list[tuple[str, h.Type]] = []
        self.names = {a.name for a in f.args} | {n for n, _ in f.locals}
        self.checked: set[tuple[str, int]] = set()
        self.here = f.span

    # ------------------------------------------------------------ temporaries

    def temp(self, word: str, t: h.Type) -> str:
        """A new local whose name says what it holds."""
        name, n = word, 2
        while name in self.names:
            name, n = f"{word}{n}", n + 1
        self.names.add(name)
        self.temps.append((name, t))
        return name

    def keep(self, word: str, e: h.Expr, out: list[h.Stmt]) -> h.Expr:
        """`e`, evaluated here, once."""
        name = self.temp(word, e.type)
        out.append(Define(self.here, name, e))
        return h.Local(e.type, e.lo, e.hi, e.span, name)

    # ------------------------------------------------------------ expressions

    def expr(self, e: h.Expr, out: list[h.Stmt]) -> h.Expr:
        """A pure expression for the value of `e`; what must happen before it is appended to `out`."""
        e = self.root(e, out)
        if isinstance(e, ROOTS) or (isinstance(e, h.InlineCall) and not self.known[e.name].pure):
            return self.keep(_word(e), e, out)
        return e

    def root(self, e: h.Expr, out: list[h.Stmt]) -> h.Expr:
        """As `expr`, but the outermost node may be an effect: for the right side of a statement."""
        match e:
            case h.BoolOp():
                return self.simplify(self.boolop(e, out))
            case h.Select():
                return self.simplify(self.select(e, out))
            case h.TableLoad() | h.Field():
                return self.load(e, out)
            case h.StreamAt() | h.ChunkAt():
                return self.byte(e, out)
            case h.StreamEdit():
                return self.edit(e, out)
            case _:
                return self.simplify(self.with_operands(e, out))

    def with_operands(self, e: Any, out: list[h.Stmt]) -> Any:
        """`e` with its direct operands lowered, left to right."""
        done = iter(self.in_order([x for x in children(e) if isinstance(x, h.Expr)], out))
        return rebuild(e, lambda _: next(done))

    def in_order(self, operands: Sequence[h.Expr], out: list[h.Stmt]) -> list[h.Expr]:
        done: list[h.Expr] = []
        for e in operands:
            later: list[h.Stmt] = []
            new = self.expr(e, later)
            if self.writes(tuple(later)):
                done = [x if isinstance(x, (h.Const, h.Local)) else self.keep(_word(x), x, out) for x in done]
            out += later
            done.append(new)
        return done

    def writes(self, body: Block) -> bool:
        """Something in it changes what an expression may read."""
        return any(isinstance(n, h.StreamEdit) or (isinstance(n, h.InlineCall) and self.known[n.name].writes)
                   for n in walk(body))

    def byte(self, e: h.StreamAt | h.ChunkAt, out: list[h.Stmt]) -> h.Expr:
        """A byte ahead of the cursor or of a chunk; an index that is not proved is checked here."""
        i = self.expr(e.index, out)
        if not e.checked:
            return replace(e, index=i)
        if not isinstance(i, (h.Const, h.Local)):
            i = self.keep("byte_index", i, out)
        bound: h.Expr = h.ChunkLen(h.U32, 0, h.U32.max, e.span, e.chunk) if isinstance(e, h.ChunkAt) \
            else h.StreamAttr(h.U64, 0, h.U64.max, e.span, "available")
        out.append(CheckBelow(self.here, i, bound))
        return replace(e, index=i, checked=False)

    def edit(self, e: h.StreamEdit, out: list[h.Stmt]) -> h.Expr:
        """The edit becomes a statement; its value, the mark behind it, is its operand b."""
        if e.a == e.b:
            a = b = self.mark(e.a, out)
        else:
            a, b = (self.mark(x, out) for x in (e.a, e.b))
        out.append(h.Eval(self.here, replace(e, a=a, b=b)))
        return b

    def mark(self, e: h.Expr, out: list[h.Stmt]) -> h.Expr:
        """A mark that an edit or a move of the cursor does not change."""
        e = self.expr(e, out)
        return e if isinstance(e, (h.Const, h.Local, h.MatchAttr)) else self.keep("mark", e, out)

    def load(self, e: h.TableLoad | h.Field, out: list[h.Stmt]) -> h.Expr:
        """A table or array item; every index that is not proved is checked here."""
        indexes = e.index if isinstance(e, h.TableLoad) else () if e.index is None else (e.index,)
        checked = e.checked if isinstance(e, h.TableLoad) else (e.checked,) * len(indexes)
        done = self.in_order(indexes, out)
        places = [self.check(i, bound, _index_word(e), out) if c else i
                  for i, bound, c in zip(done, self.bounds(e), checked, strict=False)]
        if isinstance(e, h.TableLoad):
            return self.simplify(replace(e, index=tuple(places), checked=(False,) * len(places)))
        return replace(e, index=places[0] if places else None, checked=False)

    def bounds(self, e: h.TableLoad | h.Field) -> tuple[int, ...]:
        if isinstance(e, h.Field):
            return (self.simplify.arrays[e.base, e.name],) if e.index is not None else ()
        t = self.simplify.tables[e.table]
        return (t.rows, t.columns) if t.columns else (t.rows,)

    def check(self, i: h.Expr, bound: int, word: str, out: list[h.Stmt]) -> h.Expr:
        """`i`, known to be in 0..bound-1 from here on. A check that this statement has made is not repeated."""
        if isinstance(i, h.Const):
            if not 0 <= i.value < bound:
                out.append(Fault(self.here))
                return const(i, 0)
            return i
        if 0 <= i.lo and i.hi < bound:
            return i
        if not isinstance(i, h.Local):
            i = self.keep(word, i, out)
        assert isinstance(i, h.Local)
        if (i.name, bound) not in self.checked:
            out.append(Check(self.here, i, bound))
            self.checked.add((i.name, bound))
        return i

    def lazily(self, e: h.Expr) -> tuple[list[h.Stmt], h.Expr]:
        """An expression that may not be evaluated: the checks made for it do not count behind it."""
        before = set(self.checked)
        out: list[h.Stmt] = []
        value = self.root(e, out)
        self.checked = before
        return _until_fault(out), value

    def set_after(self, first: list[h.Stmt], name: str, value: h.Expr) -> Block:
        if first and isinstance(first[-1], Fault):
            return tuple(first)
        return (*first, h.Let(self.here, name, value))

    def select(self, e: h.Select, out: list[h.Stmt]) -> h.Expr:
        cond = self.expr(e.cond, out)
        if isinstance(cond, h.Const):
            return self.root(e.a if cond.value else e.b, out)
        (a_first, a), (b_first, b) = self.lazily(e.a), self.lazily(e.b)
        if not a_first and not b_first and self.simplify.pure(a, b):
            return replace(e, cond=cond, a=a, b=b)
        name = self.temp("chosen", e.type)
        out.append(Declare(self.here, name))
        out.append(h.If(self.here, cond, self.set_after(a_first, name, a), self.set_after(b_first, name, b)))
        return h.Local(e.type, e.lo, e.hi, e.span, name)

    def boolop(self, e: h.BoolOp, out: list[h.Stmt]) -> h.Expr:
        """a and b: b is evaluated only when a holds. A part that needs statements is put under an if."""
        parts = [self.expr(e.parts[0], out)]
        held: h.Local | None = None
        for p in e.parts[1:]:
            first, new = self.lazily(p)
            if not first and self.simplify.pure(new):
                parts.append(new)
                continue
            so_far = self.simplify(replace(e, parts=tuple(parts)))
            if held is None:
                name = self.temp("holds", h.BOOL)
                out.append(Define(self.here, name, so_far))
                held = h.Local(h.BOOL, 0, 1, e.span, name)
            elif len(parts) > 1:
                out.append(h.Let(self.here, held.name, so_far))
            cond = held if e.op == "and" else h.Not(h.BOOL, 0, 1, e.span, held)
            out.append(h.If(self.here, cond, self.set_after(first, held.name, new), ()))
            parts = [held]
        return replace(e, parts=tuple(parts))

    # ------------------------------------------------------------ statements

    def block(self, body: Block) -> Block:
        out: list[h.Stmt] = []
        for s in body:
            self.checked = set()
            self.statement(s, out)
            out = _until_fault(out)
            if ends(tuple(out)):
                break
        self.checked = set()
        return tuple(out)

    def statement(self, s: Any, out: list[h.Stmt]) -> None:
        """One statement; all that it becomes stands for its line."""
        self.here = s.span
        match s:
            case h.Let():
                out.append(replace(s, value=self.root(s.value, out)))
            case h.Store():
                self.store(s, out)
            case h.Eval():
                value = self.plain(s.value, out)
                if not self.simplify.pure(value):
                    out.append(replace(s, value=value))
            case h.Return(value=h.Expr() as e):
                value = self.plain(e, out)
                out.append(replace(s, value=value))
            case h.If():
                cond = self.condition(s.cond, out)
                out.append(replace(s, cond=cond, then=self.block(s.then), orelse=self.block(s.orelse)))
            case h.Assert():
                cond = self.expr(s.cond, out)
                out.append(h.If(s.span, self.simplify(h.Not(h.BOOL, 0, 1, s.span, cond)), (Fault(s.span),), ()))
            case h.Switch():
                subject = self.expr(s.subject, out)
                s = replace(s, cases=tuple(replace(c, body=self.block(c.body)) for c in s.cases),
                            default=self.block(s.default))
                self.here = s.span
                out += loops.switch(replace(s, subject=subject), self.keep)
            case h.ForRange():
                bounds = self.in_order((s.start, s.stop), out)
                s = replace(s, start=bounds[0], stop=bounds[1], body=self.block(s.body))
                self.here = s.span
                out += loops.counting(s, s.name in self.simple, s.name in self.read, self.keep, self.temp,
                                      self.simplify)
            case h.ForPackets() | h.ForChunks() | h.ForMatches():
                out.append(replace(s, body=self.block(s.body)))
            case h.ForBytes():
                out.append(self.for_bytes(s))
            case _:
                out.append(self.with_operands(s, out))

    def condition(self, e: h.Expr, out: list[h.Stmt]) -> h.Expr:
        """The condition of an if: a need, or not a need, may stand there itself."""
        match e:
            case h.StreamNeed():
                return self.root(e, out)
            case h.Not(a=h.StreamNeed() as a):
                return replace(e, a=self.root(a, out))
            case _:
                return self.expr(e, out)

    def for_bytes(self, s: h.ForBytes) -> h.Stmt:
        """The loop with a variable of its own; the outermost one with session fields in locals."""
        outer, self.in_bytes = self.in_bytes, True
        body = self.block(s.body)
        self.in_bytes = outer
        if s.name not in self.simple:
            byte = self.temp(f"{s.name}_byte", h.U8)
            value = h.Local(h.U8, 0, 255, s.span, byte)
            body = (h.Let(s.span, s.name, value), *body) if s.name in self.read else body
            s = replace(s, name=byte)
        s = replace(s, body=body)
        return s if outer else cached(s, self.temp)

    def plain(self, e: h.Expr, out: list[h.Stmt]) -> h.Expr:
        """As `root`, but a call that may fault is kept in a local, where the fault path has a place."""
        e = self.root(e, out)
        if isinstance(e, h.InlineCall) and self.known[e.name].fault:
            return self.keep(_word(e), e, out)
        return e

    def store(self, s: h.Store, out: list[h.Stmt]) -> None:
        """The value first, then the place, as Python does; `s.a[i] += x` has checked `i` in the value already."""
        value = self.plain(s.value, out)
        first: list[h.Stmt] = []
        place: Any = self.load(s.place, first) if isinstance(s.place, h.Field) else s.place
        if first and not self.simplify.pure(value) or \
                self.writes(tuple(first)) and not isinstance(value, (h.Const, h.Local)):
            value = self.keep(_word(value), value, out)
        out += [*first, replace(s, place=place, value=value)]


def _until_fault(body: list[h.Stmt]) -> list[h.Stmt]:
    """Nothing runs behind a certain fault."""
    at = next((i for i, s in enumerate(body) if isinstance(s, Fault)), len(body))
    return body[:at + 1]


def _word(e: h.Expr) -> str:
    """What a temporary for `e` holds, as a name."""
    match e:
        case h.InlineCall(name=name):
            return f"{name}_result"
        case h.MapGet(map=name):
            return f"{name}_item"
        case h.PortsTake():
            return "port"
        case h.HsCall(method=method):
            return "pattern" if method == "first" else "found"
        case h.Field(name=name) | h.Header(name=name) | h.Attr(name=name) | h.StateRead(name=name):
            return f"{name}_was"
        case h.TableLoad(table=name):
            return f"{name}_item"
        case h.Cmp() | h.BoolOp() | h.Not() | h.IsNone():
            return "holds"
        case h.Cast(a=a) if not isinstance(a, (h.Const, h.Local)):
            return _word(a)
        case h.Park():
            return "verdict"
        case h.StreamNeed():
            return "enough"
        case h.StreamAt() | h.ChunkAt():
            return "byte"
        case h.StreamMark():
            return "mark"
        case h.StreamAttr(name=name) | h.ChunkDigest(kind=name):
            return f"{name}_was"
        case _:
            return "value"


def _index_word(e: h.TableLoad | h.Field) -> str:
    return f"{e.table}_index" if isinstance(e, h.TableLoad) else f"{e.name}_index"
