"""Session fields that live in locals while a loop over bytes runs (twice the speed of an automaton's loop).

    (for-bytes b (store (field scratch state) (table dfa (field scratch state) (local b))))
 => (cached ((field scratch state) state) (for-bytes b (let state (table dfa (local state) (local b)))))

Scalar fields of `scratch` and `conn` that the loop writes. Nothing else in the loop may reach the same memory: no
`peer`, no helper that is handed a struct. Where they are written back is said by `Cached` (mcc.ir.lir): behind the
loop, and before whatever leaves the function out of it, so that what was written before a fault stays.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from mcc.ir import func as h
from mcc.ir.lir import Cached, map_blocks, rebuild, walk

Place = tuple[h.Base, str]


def cached(loop: h.ForBytes, temp: Callable[[str, h.Type], str]) -> h.Stmt:
    """The loop, lowered already, in a Cached; or as it is where it writes no field or others may see them.
    `temp` makes a local of the function."""
    places: dict[Place, h.Field] = {}
    for n in walk(loop.body):
        if isinstance(n, h.Field) and n.base == h.Base.PEER:
            return loop
        if isinstance(n, h.InlineCall) and any(_is_struct(a.type) for a in n.args):
            return loop
        if isinstance(n, h.Store) and isinstance(n.place, h.Field) and n.place.index is None:
            places.setdefault((n.place.base, n.place.name), n.place)
    if not places:
        return loop
    names = {key: temp(place.name, place.type) for key, place in places.items()}

    def expr(e: h.Expr) -> h.Expr:
        if isinstance(e, h.Field) and (e.base, e.name) in names:
            return h.Local(e.type, e.lo, e.hi, e.span, names[e.base, e.name])
        out: h.Expr = rebuild(e, expr)
        return out

    def statement(s: Any) -> h.Stmt:
        if isinstance(s, h.Store) and isinstance(s.place, h.Field) and (s.place.base, s.place.name) in names:
            return h.Let(s.span, names[s.place.base, s.place.name], expr(s.value))
        out: h.Stmt = map_blocks(rebuild(s, expr), lambda b: tuple(statement(x) for x in b))
        return out

    body = tuple(statement(s) for s in loop.body)
    return Cached(loop.span, tuple(places.values()), tuple(names.values()), (replace(loop, body=body),))


def _is_struct(t: h.Type) -> bool:
    return isinstance(t, h.RefType) and t not in (h.PACKET, h.BATCH, h.FLOW, h.STREAM, h.CHUNK, h.MATCH)
