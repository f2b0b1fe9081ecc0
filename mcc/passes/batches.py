"""Which walks may be handled batch by batch, and how many sessions' batches may be open at once (paper III).

A batch holds packets of one session in order. Handling it element by element instead of packet by packet changes
nothing as long as no handler ends the session or takes part of a batch away, and elements do not share state. Keeping
batches of several sessions open changes the order between sessions, so no state may be shared between them either.
"""

from __future__ import annotations

from collections.abc import Mapping

from mcc.ir.element import Code, MapDecl
from mcc.ir.func import (
    Action,
    Alert,
    Attr,
    EmitArp,
    EmitCopy,
    MapDelete,
    MapGet,
    MapPut,
    Park,
    PortsGive,
    PortsTake,
    Return,
    StateRead,
    Store,
)
from mcc.ir.plan import Arc, End, Leaf, Plans, Step, steps
from mcc.ir.walkers import expressions, statements

RING = 32
"""Sessions whose batches are open at once, where that is safe and nobody asked for another number."""


def batched_walks(plans: Plans, codes: Mapping[int, Code]) -> frozenset[tuple[int, int]]:
    """(leaf, direction) of the walks of stage 0 that are handled in batches: those with a process_batch."""
    out = set()
    for leaf in plans.leaves:
        if leaf.kind < 0 or leaf.stage != 0 or leaf.groups:
            continue
        for d, arc in enumerate((leaf.arc, leaf.mirror)):
            if arc is not None and _may_batch(arc, leaf, codes):
                out.add((leaf.id, d))
    return frozenset(out)


def _may_batch(arc: Arc, leaf: Leaf, codes: Mapping[int, Code]) -> bool:
    line = steps(arc.to)
    plan = arc.to
    while isinstance(plan, Step):
        if len(plan.outs) > 1:
            return False
        plan = plan.outs[0].to
    if not isinstance(plan, End) or plan.kind == "stage" or len({s.node for s in line}) != len(line):
        return False
    if any(codes[s.node].context for s in line):
        return False
    if not any(codes[s.node].handler("process_batch", s.inp) for s in line):
        return False
    return all(_is_plain(codes[s.node], s.inp) for s in line)


def _is_plain(code: Code, inp: int) -> bool:
    """No handler of the walk ends a session, emits, parks, reports or asks for the time, as maps with a timeout do; a
    batch handler lets every batch pass."""
    timed = {d.name for d in code.state if isinstance(d, MapDecl) and d.timeout > 0}
    for role in ("process_packet", "process_batch"):
        func = code.handler(role, inp)
        for s in statements(func.body) if func else ():
            if isinstance(s, (Alert, EmitArp, EmitCopy)) or isinstance(s, (MapPut, MapDelete)) and s.map in timed:
                return False
            for e in expressions(s):
                if isinstance(e, Park) or isinstance(e, Attr) and e.name == "is_new":
                    return False
                if isinstance(e, MapGet) and e.map in timed:
                    return False
                if isinstance(s, Return) and isinstance(e, Action):
                    if e.kind in ("close", "reset", "to") or role == "process_batch" and e.kind != "pass":
                        return False
    return True


def ring_size(plans: Plans, codes: Mapping[int, Code], builder: int) -> int:
    """Batches open at once: 1 (packets that follow each other) where elements share state between sessions."""
    shared = len(plans.stages) > 1 or any(leaf.groups for leaf in plans.leaves)
    shared = shared or any(_shares(c) for c in codes.values())
    return 1 if shared else builder or RING


def _shares(code: Code) -> bool:
    for h in code.handlers:
        if h.role not in ("process_packet", "process_batch"):
            continue
        for s in statements(h.func.body):
            if isinstance(s, (MapPut, MapDelete, PortsGive, Alert, EmitArp, EmitCopy)):
                return True
            if isinstance(s, Store) and isinstance(s.place, StateRead):
                return True
            if any(isinstance(e, (MapGet, PortsTake, Park)) for e in expressions(s)):
                return True
    return False
