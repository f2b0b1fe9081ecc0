"""Where locals are declared: in the innermost block that holds all their uses, at the first assignment if it can be.

    (if c ((let n (local a)) (return (local n))) ())   =>  (if c ((define n (local a)) (return (local n))) ())
    (if c ((let n (const 1))) ((let n (const 2)))) (return (local n))
 => (declare n) (if c ((let n (const 1))) ((let n (const 2)))) (return (local n))

The frontend has proved that a local is assigned before it is read on every path from the function's start, so the
branches of one statement that alone mention a local, and the turns of a loop, never hand its value on.
"""

from __future__ import annotations

from dataclasses import replace

from mcc.ir import func as h
from mcc.ir.lir import LOOPS, Cached, Declare, Define, children, map_blocks, walk

Block = tuple[h.Stmt, ...]


def scopes(f: h.Func) -> h.Func:
    """Turn one Let of each local into a Define, or put a Declare before its first use; drop locals that are gone."""
    nodes = list(walk(f.body))
    here = {n.name for n in nodes if isinstance(n, (h.Let, h.Local))}
    placed = {n.name for n in nodes if isinstance(n, (Define, Declare, *LOOPS))}
    placed |= {name for n in nodes if isinstance(n, Cached) for name in n.names}
    pending = here - placed - {a.name for a in f.args}
    named = here | placed
    return replace(f, body=_block(f.body, pending), locals=tuple(x for x in f.locals if x[0] in named))


def _mentions(s: h.Stmt) -> set[str]:
    return {n.name for n in walk(s) if isinstance(n, (h.Let, h.Local))}


def _directly(s: h.Stmt) -> set[str]:
    """Names in the statement itself, not in its blocks."""
    own = {s.name} if isinstance(s, h.Let) else set()
    for e in children(s):
        if isinstance(e, h.Expr):
            own |= {n.name for n in walk(e) if isinstance(n, h.Local)}
    return own


def _block(body: Block, pending: set[str]) -> Block:
    mentions = [_mentions(s) & pending for s in body]
    first: dict[str, int] = {}
    inner: dict[int, set[str]] = {}
    for name in sorted(set().union(*mentions)):
        at = [i for i, m in enumerate(mentions) if name in m]
        if len(at) == 1 and name not in _directly(body[at[0]]):
            inner.setdefault(at[0], set()).add(name)
        else:
            first[name] = at[0]
    out: list[h.Stmt] = []
    for i, s in enumerate(body):
        new = sorted(n for n, at in first.items() if at == i)
        if isinstance(s, h.Let) and s.name in new:
            new.remove(s.name)
            s = Define(s.span, s.name, s.value)
        out += [Declare(s.span, n) for n in new]
        out.append(map_blocks(s, lambda b, i=i: _block(b, inner.get(i, set()))))
    return tuple(out)
