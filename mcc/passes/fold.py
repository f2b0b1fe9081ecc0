"""Constants, per instance: folded expressions, decided branches, locals that never change, what nobody reads.

    (let n (const 4)) (if (cmp == n (const 4)) a b)  =>  a
    (let unused (bin + x y))                         =>
    (return ..) (store ..)                           =>  (return ..)

Code in, code out; the meaning, faults and effects included, stays (property: folded == not folded).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import count
from typing import Any

from mcc.ir import func as h
from mcc.ir.element import Code
from mcc.ir.lir import LOOPS, effects, ends, is_pure, map_blocks, rebuild, walk
from mcc.ir.walkers import matches_hold
from mcc.passes.loops import first_cases
from mcc.passes.simplify import Simplifier, same, simplifier

Block = tuple[h.Stmt, ...]
ROUNDS = 8


def fold(code: Code, *, claims: bool = False) -> Code:
    """The code of one instance with everything known at build time worked out.

    claims: keep `assert` statements (test builds, where a false one is a fault); otherwise they go first.
    Helpers that nobody calls any more go as well.
    """
    for _ in range(ROUNDS):
        s = simplifier(code, effects(code))
        done = replace(code,
                       handlers=tuple(replace(x, func=_func(x.func, s, claims)) for x in code.handlers),
                       inlines=tuple(_func(f, s, claims) for f in code.inlines))
        done = _drop_helpers(done)
        if done == code:
            break
        code = done
    return replace(code, handlers=tuple(replace(x, func=_searches(x.func)) for x in code.handlers))


def _searches(f: h.Func) -> h.Func:
    """The loops over matches that are left: numbered anew, and holding only where their bodies still need it."""
    slots = count()

    def block(body: Block) -> Block:
        return tuple(statement(s) for s in body)

    def statement(s: h.Stmt) -> h.Stmt:
        slot = next(slots) if isinstance(s, h.ForMatches) else 0
        s = map_blocks(s, block)
        return replace(s, slot=slot, holds=matches_hold(s.body)) if isinstance(s, h.ForMatches) else s

    return replace(f, body=block(f.body))


def _func(f: h.Func, s: Simplifier, claims: bool) -> h.Func:
    body = f.body if claims else _without_asserts(f.body)
    f = replace(f, body=_Folder(s, _constants(f, body)).block(body))
    f = replace(f, body=_drop_dead(f.body, s, Counter(n.name for n in walk(f.body) if isinstance(n, h.Local))))
    named = {n.name for n in walk(f.body) if isinstance(n, (h.Local, h.Let, *LOOPS))}
    return replace(f, locals=tuple((n, t) for n, t in f.locals if n in named))


def _without_asserts(body: Block) -> Block:
    return tuple(map_blocks(s, _without_asserts) for s in body if not isinstance(s, h.Assert))


def _constants(f: h.Func, body: Block) -> dict[str, h.Const]:
    """Locals that are assigned once, a constant: every read gives it (reads before are excluded by the frontend)."""
    times: Counter[str] = Counter(a.name for a in f.args)
    value: dict[str, h.Const] = {}
    for n in walk(body):
        if isinstance(n, (h.Let, *LOOPS)):
            times[n.name] += 1
        if isinstance(n, h.Let) and isinstance(n.value, h.Const):
            value[n.name] = n.value
    return {name: v for name, v in value.items() if times[name] == 1}


class _Folder:
    def __init__(self, simplify: Simplifier, constants: dict[str, h.Const]) -> None:
        self.simplify, self.constants = simplify, constants

    def expr(self, e: h.Expr) -> h.Expr:
        if isinstance(e, h.Local) and e.name in self.constants:
            return replace(self.constants[e.name], span=e.span)
        out: h.Expr = self.simplify(rebuild(e, self.expr))
        return out

    def block(self, body: Block) -> Block:
        out: list[h.Stmt] = []
        for s in body:
            out += self.statement(s)
            if ends(tuple(out)):
                break
        return tuple(out)

    def statement(self, s: Any) -> Block:
        s = rebuild(s, self.place if isinstance(s, h.Store) else self.expr)
        match s:
            case h.If():
                return self._if(s)
            case h.Switch():
                return self._switch(s)
            case h.ForRange(start=h.Const(value=a), stop=h.Const(value=b)) if not range(a, b, s.step):
                return ()
            case h.Eval() if self.simplify.pure(s.value):
                return ()
            case h.Let(name=name, value=h.Local(name=same_name)) if name == same_name:
                return ()
            case h.Store(place=h.Field() | h.StateRead()) if same(s.place, s.value) and self.simplify.pure(s.place):
                return ()
            case h.CounterAdd(amount=h.Const(value=0)) | h.StreamSkip(n=h.Const(value=0)):
                return ()
            case _:
                return (map_blocks(s, self.block),)

    def place(self, e: h.Expr) -> h.Expr:
        """A Store's place keeps its node; its value folds as any other expression."""
        if isinstance(e, h.Field) and e.index is not None:
            folded = self.simplify(replace(e, index=self.expr(e.index), lo=0, hi=1))
            return replace(e, index=self.expr(e.index), checked=isinstance(folded, h.Field) and folded.checked)
        return e if isinstance(e, (h.Field, h.Header, h.Attr, h.StateRead)) else self.expr(e)

    def _if(self, s: h.If) -> Block:
        if isinstance(s.cond, h.Const):
            return self.block(s.then if s.cond.value else s.orelse)
        then, orelse = self.block(s.then), self.block(s.orelse)
        if not then and not orelse:
            return () if self.simplify.pure(s.cond) else (h.Eval(s.span, s.cond),)
        if not then:
            return (h.If(s.span, self.simplify(h.Not(h.BOOL, 0, 1, s.cond.span, s.cond)), orelse, ()),)
        return (replace(s, then=then, orelse=orelse),)

    def _switch(self, s: h.Switch) -> Block:
        cases = first_cases(s)
        if isinstance(s.subject, h.Const):
            return self.block(cases[0].body if cases else s.default)
        if not cases:
            rest = self.block(s.default)
            return rest if self.simplify.pure(s.subject) else (h.Eval(s.span, s.subject), *rest)
        return (replace(s, cases=tuple(replace(c, body=self.block(c.body)) for c in cases),
                        default=self.block(s.default)),)


def _drop_dead(body: Block, s: Simplifier, reads: Counter[str]) -> Block:
    """Assignments to locals that nothing reads go; their effects and faults stay as an Eval."""
    out: list[h.Stmt] = []
    for st in body:
        st = map_blocks(st, lambda b: _drop_dead(b, s, reads))
        match st:
            case h.Let(name=name) if not reads[name]:
                if not is_pure(st.value, s.known):
                    out.append(h.Eval(st.span, st.value))
            case h.If(then=(), orelse=()) if s.pure(st.cond):
                pass
            case h.ForRange(name=name, body=()) if not reads[name] and s.pure(st.start, st.stop):
                pass
            case h.ForPackets(body=()):
                pass
            case h.ForBytes(body=(), chunk=chunk) if chunk:
                pass
            case _:
                out.append(st)
    return tuple(out)


def _drop_helpers(code: Code) -> Code:
    by_name = {f.name: f for f in code.inlines}
    todo = [x.func for x in code.handlers]
    used: set[str] = set()
    while todo:
        for n in walk(todo.pop().body):
            if isinstance(n, h.InlineCall) and n.name not in used:
                used.add(n.name)
                todo.append(by_name[n.name])
    return replace(code, inlines=tuple(f for f in code.inlines if f.name in used))
