"""Loops and switches of the HIR as those that C can say.

    for i in range(lo, hi, step)
 => (for-range i lo hi step ..)                          where C's `for` on `i` itself means the same
 => (define i_count ..) (for-range i_turn 0 i_count 1 (let i (+ lo (* i_turn step))) ..)        else:
    the body assigns `i`, `i` lives on behind the loop, steps go down, or the last step would leave the type.

    (switch x (case 1 .. break ..))  =>  (if (== x 1) .. ): in C that `break` would leave the switch
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from mcc.ir import func as h
from mcc.ir.lir import LOOPS, Define, blocks, breaks_out, walk
from mcc.passes import arith

Block = tuple[h.Stmt, ...]
Simplify = Callable[[h.Expr], h.Expr]
Keep = Callable[[str, h.Expr, list[h.Stmt]], h.Expr]
Temp = Callable[[str, h.Type], str]


def simple_loops(f: h.Func) -> set[str]:
    """Names of loop variables whose loops can all be C loops over the variable itself: only they assign it, and it
    is not read outside them."""
    loops = [n for n in walk(f.body) if isinstance(n, h.ForRange)]
    names = {s.name for s in loops} - {a.name for a in f.args}
    hard = {s.name for s in loops if not _fits(s) or _assigned(s.body, s.name)}
    for name in names - hard:
        inside = sum(_mentions(s.body, name) for s in loops if s.name == name)
        if _mentions(f.body, name) != inside:
            hard.add(name)
    return names - hard


def _fits(s: h.ForRange) -> bool:
    t = s.type
    return s.step > 0 and s.stop.hi + s.step - 1 <= t.max and t.min <= min(s.start.lo, s.stop.lo) \
        and s.start.hi <= t.max


def _assigned(body: Block, name: str) -> bool:
    return any(isinstance(n, (h.Let, Define, *LOOPS)) and n.name == name for n in walk(body))


def _mentions(body: Block, name: str) -> int:
    return sum(1 for n in walk(body) if isinstance(n, (h.Local, h.Let, h.ForPackets)) and n.name == name)


def simple_bytes(f: h.Func) -> set[str]:
    """Names of variables of loops over bytes that live in their loops' bodies alone: nothing outside them reads or
    assigns them, and no loop inside has the same variable."""
    loops = [n for n in walk(f.body) if isinstance(n, h.ForBytes)]
    names = {s.name for s in loops} - {a.name for a in f.args}
    hard = {n.name for s in loops for n in walk(s.body) if isinstance(n, LOOPS) and n.name == s.name}
    hard |= {n.name for n in walk(f.body) if isinstance(n, h.ForRange)}
    return {name for name in names - hard
            if _mentions(f.body, name) == sum(_mentions(s.body, name) for s in loops if s.name == name)}


def counting(s: h.ForRange, simple: bool, read: bool, keep: Keep, temp: Temp, simplify: Simplify) -> Block:
    """The loop, its operands and body lowered already. `read`: its variable is read somewhere."""
    out: list[h.Stmt] = []
    first, last = (s.start, s.stop) if s.step > 0 else (s.stop, s.start)
    if arith.decide("<", (first.lo, first.hi), (last.lo, last.hi)) is False:
        return ()
    if not simple:
        return _by_turns(s, read, keep, temp, simplify)
    stop = _cast(s.stop, s.type)
    if not isinstance(stop, h.Const) and not (isinstance(stop, h.Local) and not _assigned(s.body, stop.name)):
        stop = keep(f"{s.name}_end", stop, out)
    return (*out, replace(s, start=_cast(s.start, s.type), stop=stop))


def _by_turns(s: h.ForRange, read: bool, keep: Keep, temp: Temp, simplify: Simplify) -> Block:
    """Turns are counted, the variable is worked out from the turn; exact for any bounds of 64 bits."""
    out: list[h.Stmt] = []
    t = h.I64 if min(s.start.lo, s.stop.lo) < 0 else h.U64
    start = _cast(s.start, t)
    stop = _cast(s.stop, t)
    if not isinstance(start, h.Const):
        start = keep(f"{s.name}_start", start, out)
    if not isinstance(stop, (h.Const, h.Local)):
        stop = keep(f"{s.name}_end", stop, out)
    count = _turns(s, start, stop, simplify)
    if isinstance(count, h.Const) and count.value == 0:
        return tuple(out)
    if not isinstance(count, h.Const):
        count = keep(f"{s.name}_count", count, out)
    turn = temp(f"{s.name}_turn", h.U64)
    body = s.body
    if read:
        step = _bin("*", h.U64, h.Local(h.U64, 0, 65535, s.span, turn), _int(s, h.U64, abs(s.step)))
        value = _bin("+" if s.step > 0 else "-", t, start, _cast(step, t))
        body = (h.Let(s.span, s.name, _cast(value, s.type)), *body)
    return (*out, h.ForRange(s.span, turn, h.U64, _int(s, h.U64, 0), count, 1, body))


def _turns(s: h.ForRange, start: h.Expr, stop: h.Expr, simplify: Simplify) -> h.Expr:
    """How often the body runs: (distance - 1) // |step| + 1, or 0."""
    first, last = (start, stop) if s.step > 0 else (stop, start)
    if isinstance(start, h.Const) and isinstance(stop, h.Const):
        return _int(s, h.U64, len(range(start.value, stop.value, s.step)))
    assert isinstance(first.type, h.IntType)
    gap = _cast(_bin("-", first.type, last, first), h.U64)
    steps = _bin("//", h.U64, _bin("-", h.U64, gap, _int(s, h.U64, 1)), _int(s, h.U64, abs(s.step)))
    if abs(s.step) == 1:
        some: h.Expr = gap
    else:
        some = _bin("+", h.U64, steps, _int(s, h.U64, 1))
    more = simplify(h.Cmp(h.BOOL, 0, 1, s.span, "<", first, last))
    return simplify(h.Select(h.U64, 0, h.U64.max, s.span, more, some, _int(s, h.U64, 0)))


def _int(s: h.ForRange, t: h.IntType, v: int) -> h.Const:
    return h.Const(t, v, v, s.span, v)


def _bin(op: str, t: h.IntType, a: h.Expr, b: h.Expr) -> h.Expr:
    return h.Bin(t, t.min, t.max, a.span, op, a, b)


def _cast(e: h.Expr, t: h.IntType) -> h.Expr:
    if e.type == t:
        return e
    if isinstance(e, h.Const):
        v = arith.wrap(t, e.value)
        return h.Const(t, v, v, e.span, v)
    fits = t.min <= e.lo and e.hi <= t.max
    return h.Cast(t, e.lo if fits else t.min, e.hi if fits else t.max, e.span, e)


def first_cases(s: h.Switch) -> tuple[h.Case, ...]:
    """The cases without values out of the subject's reach and without second mentions of a value: in Python the first
    case that fits is taken, in C a second one is an error."""
    seen: set[int] = set()
    cases = []
    for c in s.cases:
        values = tuple(v for v in dict.fromkeys(c.values) if v not in seen and s.subject.lo <= v <= s.subject.hi)
        seen.update(values)
        if values:
            cases.append(h.Case(values, c.body))
    return tuple(cases)


def switch(s: h.Switch, keep: Keep) -> Block:
    """The switch, its operands and bodies lowered already."""
    s = replace(s, cases=first_cases(s))
    if not s.cases:
        return s.default
    if not any(breaks_out(b) for b in blocks(s)):
        return (s,)
    out: list[h.Stmt] = []
    subject = s.subject if isinstance(s.subject, (h.Const, h.Local)) else keep("subject", s.subject, out)
    rest = s.default
    for c in reversed(s.cases):
        tests: list[h.Expr] = [h.Cmp(h.BOOL, 0, 1, s.span, "==", subject, h.Const(subject.type, v, v, s.span, v))
                               for v in c.values]
        cond = tests[0] if len(tests) == 1 else h.BoolOp(h.BOOL, 0, 1, s.span, "or", tuple(tests))
        rest = (h.If(s.span, cond, c.body, rest),)
    return (*out, *rest)
