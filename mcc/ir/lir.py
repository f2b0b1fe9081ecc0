"""LIR: handlers in A-normal form, what the printer of C reads.

It is the typed HIR (mcc.ir.func) with promises and seven more nodes:

    stmt += (define NAME expr)            declares NAME in the block where it stands, and sets it
          | (declare NAME)                declares NAME = 0 for the statements that follow in the block
          | (check index bound)           the fault path when index is not in 0..bound-1
          | (check-below index bound)     the same with a bound that is an expression; index as a u64
          | (fault)                       the fault path
          | (cached ((field NAME)*) stmt*)  while the statements run, the fields live in the locals NAME; they are
                                          written back behind them, and before each return and fault in them
          | (if-elif ..)                  is an If whose orelse is one If

Promises (`verify` holds them):
  1. An operand is *pure*: it cannot fault, changes nothing, and may be evaluated never or twice. No index is `checked`.
  2. MapGet, PortsTake, Park, StreamNeed, HsCall and calls of impure helpers stand only alone on the right of Let,
     Define, Store, Return or Eval (`ROOTS`), so C's order of evaluation does not matter. StreamNeed may also be the
     condition of an If, or be negated there. StreamEdit stands only in Eval; its value is read from its operand b.
  3. Every local is declared by exactly one Define or Declare (or is a loop's variable) before it is used.
  4. The bounds of a ForRange are pure, its variable is not assigned in its body, step > 0, and stop + step - 1 fits.
  5. A Switch holds no Break that belongs to a loop around it.
  6. The variable of a ForBytes is read only in its body.

A helper (@inline) that may fault is told apart by `Effects.fault`; a Let of its call takes the fault path.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

from mcc.ir import func as h
from mcc.ir.element import Code


@dataclass(frozen=True)
class Define(h.Stmt):
    name: str
    value: h.Expr


@dataclass(frozen=True)
class Declare(h.Stmt):
    name: str


@dataclass(frozen=True)
class Check(h.Stmt):
    """Fault unless 0 <= index < bound."""

    index: h.Expr
    bound: int


@dataclass(frozen=True)
class CheckBelow(h.Stmt):
    """Fault unless index < bound, both as u64 (so a negative index faults)."""

    index: h.Expr
    bound: h.Expr


@dataclass(frozen=True)
class Fault(h.Stmt):
    pass


@dataclass(frozen=True)
class Cached(h.Stmt):
    """`names[i]` is the local that stands for `fields[i]` in `body`."""

    fields: tuple[h.Field, ...]
    names: tuple[str, ...]
    body: tuple[h.Stmt, ...]


LOOPS = (h.ForRange, h.ForPackets, h.ForBytes, h.ForChunks, h.ForMatches)
"""Loops; all have `name` and `body`."""


# ---------------------------------------------------------------- walking


def children(node: Any) -> Iterator[Any]:
    """Expressions, statements and cases directly inside an expression, statement or case, in evaluation order
    (a Store's value comes before its place, as in Python)."""
    names = [f.name for f in fields(node)] if is_dataclass(node) else []
    if isinstance(node, h.Store):
        names = ["value", "place"]
    for name in names:
        v = getattr(node, name)
        for x in v if isinstance(v, tuple) else (v,):
            if isinstance(x, (h.Expr, h.Stmt, h.Case)):
                yield x


def walk(node: Any) -> Iterator[Any]:
    """`node` and everything inside it, in evaluation order; also takes a tuple of statements."""
    if isinstance(node, tuple):
        for x in node:
            yield from walk(x)
        return
    yield node
    for c in children(node):
        yield from walk(c)


def rebuild(node: Any, f: Any) -> Any:
    """A copy of an expression, statement or case with `f` applied to each direct child expression."""
    new: dict[str, Any] = {}
    for fld in fields(node):
        v = getattr(node, fld.name)
        if isinstance(v, h.Expr):
            new[fld.name] = f(v)
        elif isinstance(v, tuple) and v and isinstance(v[0], h.Expr):
            new[fld.name] = tuple(f(x) for x in v)
    changed = {k: v for k, v in new.items() if v is not getattr(node, k)}
    return replace(node, **changed) if changed else node


def blocks(s: Any) -> tuple[tuple[h.Stmt, ...], ...]:
    """The blocks of statements directly inside a statement."""
    match s:
        case h.If():
            return (s.then, s.orelse)
        case h.ForRange() | h.ForPackets() | h.ForBytes() | h.ForChunks() | h.ForMatches() | Cached():
            return (s.body,)
        case h.Switch():
            return (*(c.body for c in s.cases), s.default)
        case _:
            return ()


def map_blocks(s: Any, f: Any) -> Any:
    """A copy of a statement with `f` applied to each block directly inside it."""
    match s:
        case h.If():
            return replace(s, then=f(s.then), orelse=f(s.orelse))
        case h.ForRange() | h.ForPackets() | h.ForBytes() | h.ForChunks() | h.ForMatches() | Cached():
            return replace(s, body=f(s.body))
        case h.Switch():
            return replace(s, cases=tuple(replace(c, body=f(c.body)) for c in s.cases), default=f(s.default))
        case _:
            return s


def ends(body: tuple[h.Stmt, ...]) -> bool:
    """Nothing runs after this block: it returns, breaks, continues or faults on every path."""
    if not body:
        return False
    match body[-1]:
        case h.Return() | h.Break() | h.Continue() | Fault():
            return True
        case h.If() as s:
            return ends(s.then) and ends(s.orelse)
        case h.Switch() as s:
            return all(ends(b) for b in blocks(s))
        case _:
            return False


def breaks_out(body: tuple[h.Stmt, ...]) -> bool:
    """A Break in the block belongs to a loop around it."""
    return any(isinstance(s, h.Break) or (not isinstance(s, LOOPS)
                                          and any(breaks_out(b) for b in blocks(s))) for s in body)


# ---------------------------------------------------------------- effects

ROOTS = (h.MapGet, h.PortsTake, h.Park, h.StreamNeed, h.StreamEdit, h.HsCall)
STREAM_WRITES = (h.StreamNeed, h.StreamEdit, h.StreamHold, h.StreamRewind, h.StreamSkip, h.StreamSet, h.StreamMask)
WRITES = (h.CounterAdd, h.MapPut, h.MapDelete, h.PortsGive, h.ReplyKey, h.SetTimeout, h.Alert, h.EmitArp, h.EmitCopy,
          h.VlanPush, h.VlanPop, h.Store, *STREAM_WRITES)
BOX = (h.CounterAdd, h.MapPut, h.MapDelete, h.PortsGive, h.ReplyKey, h.SetTimeout, h.Alert, h.EmitArp, h.EmitCopy,
       h.StateRead, h.MapGet, h.PortsTake, h.Park, h.HsCall)


@dataclass(frozen=True)
class Effects:
    """What calling a helper may do. `box`: it needs the instance's state or a service of the module."""

    box: bool
    fault: bool
    writes: bool

    @property
    def pure(self) -> bool:
        return not (self.fault or self.writes)


def effects(code: Code) -> dict[str, Effects]:
    """Effects of each @inline helper, callees included (helpers cannot recurse)."""
    out: dict[str, Effects] = {}
    by_name = {f.name: f for f in code.inlines}

    def of(name: str) -> Effects:
        if name not in out:
            nodes = list(walk(by_name[name].body))
            own = [of(n.name) for n in nodes if isinstance(n, h.InlineCall)]
            out[name] = Effects(any(isinstance(n, BOX) for n in nodes) or any(e.box for e in own),
                                any(_may_fault(n) for n in nodes) or any(e.fault for e in own),
                                any(isinstance(n, (*WRITES, h.PortsTake, h.Park, h.HsCall)) for n in nodes)
                                or any(e.writes for e in own))
        return out[name]

    for f in code.inlines:
        of(f.name)
    return out


def _may_fault(n: Any) -> bool:
    match n:
        case h.TableLoad():
            return any(n.checked)
        case h.Field() | h.StreamAt() | h.ChunkAt():
            return n.checked
        case Check() | CheckBelow() | Fault() | h.VlanPush() | h.Assert():
            return True
        case h.StreamEdit() | h.StreamSet() | h.StreamMask():
            return True
        case _:
            return False


def reads_stream(n: Any) -> bool:
    """A loop that moves the cursor."""
    return isinstance(n, (h.ForChunks, h.ForMatches)) or (isinstance(n, h.ForBytes) and not n.chunk)


def is_pure(e: h.Expr, known: dict[str, Effects]) -> bool:
    """May be evaluated never, once or twice: promise 1."""
    return not any(isinstance(n, ROOTS) or _may_fault(n) or (isinstance(n, h.InlineCall) and not known[n.name].pure)
                   for n in walk(e))


# ---------------------------------------------------------------- verify


def verify(code: Code) -> None:
    """AssertionError names the function and node that break a promise: a bug of the passes."""
    known = effects(code)
    for f in (*(hc.func for hc in code.handlers), *code.inlines):
        for s in walk(f.body):
            if isinstance(s, h.Stmt):
                _verify_statement(f, s, known)


def _verify_statement(f: h.Func, s: h.Stmt, known: dict[str, Effects]) -> None:
    root = getattr(s, "value", None) if isinstance(s, (h.Let, Define, h.Store, h.Return, h.Eval)) else None
    if isinstance(s, h.If):
        cond = s.cond.a if isinstance(s.cond, h.Not) else s.cond
        if isinstance(cond, h.StreamNeed):
            assert is_pure(cond.n, known), f"{f.name}: an operand is not pure: {cond.n}"
            return
    assert isinstance(s, h.Eval) or not isinstance(root, h.StreamEdit), f"{f.name}: an edit is not alone"
    for e in children(s):
        if not isinstance(e, h.Expr):
            continue
        operands = children(e) if e is root and isinstance(e, (*ROOTS, h.InlineCall)) else (e,)
        for x in operands:
            assert is_pure(x, known), f"{f.name}: an operand is not pure: {x}"
    if isinstance(s, h.ForRange):
        assert s.step > 0 and not _assigns(s.body, s.name), f"{f.name}: loop over {s.name} is not simple"
    if isinstance(s, h.Switch):
        assert not any(breaks_out(b) for b in blocks(s)), f"{f.name}: break inside switch"
    assert not isinstance(s, h.Assert), f"{f.name}: assert left"
    if isinstance(s, h.ForBytes):
        assert all(x.name != s.name for x in walk(s.body) if isinstance(x, LOOPS)), f"{f.name}: {s.name} is not simple"


def _assigns(body: tuple[h.Stmt, ...], name: str) -> bool:
    return any(isinstance(s, (h.Let, Define, *LOOPS)) and s.name == name for s in walk(body))
