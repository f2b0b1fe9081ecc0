"""Statistics of a box in the shape that docs/cli.md lists, put together from the counters of the module.

Elements are not counted while packets pass: each leaf and direction counts its packets, each site those that left the
trunk there, and an element has seen what its walk had minus what left before it.
"""

from __future__ import annotations

from typing import Any

from mcc.ir.plan import Arc, End, Leaf, hops
from mcc.passes.rules import leaf_text
from mcc.run.records import ENDS

Pair = tuple[int, int]

OUT_OF_CONTEXT = -2
"""`arm` of the sites that count what leaves a context."""


def collect(box: Any) -> dict[str, Any]:
    """Everything but what only a run knows (seconds)."""
    compiled, core = box.compiled, box.core
    walks, sites = _counts(box, box.lib.mcc_box_walks), _counts(box, box.lib.mcc_box_sites)
    drops = _drops(box)
    sent = sum(core.ports[i].tx_packets for i in range(len(box.ports)))
    return {
        "chain": compiled.name,
        "ports": {name: _port(core.ports[i]) for i, name in enumerate(box.ports)},
        "classes": [_class(box, leaf, walks) for leaf in compiled.plans.leaves],
        "elements": _elements(box, walks, sites),
        "sessions": {"created": core.created, "active": core.active, "peak": core.peak,
                     "ended": {name: core.ended[i] for i, name in enumerate(ENDS)},
                     "memory_bytes": _memory(box)},
        "contexts": _contexts(box),
        "drops": drops,
        "made": core.made, "sent": sent, "held": core.held,
        "buffers": int(box.lib.mcc_box_buffers(box.box)),
        **({"marks": {"taken": core.marked, "refused": core.unmarked}} if compiled.options.marks else {}),
    }


def _contexts(box: Any) -> dict[str, dict[str, int]]:
    """What contexts counted, by protocol; those that a chain has."""
    counts = box.lib.mcc_box_contexts(box.box)
    if counts == box.ffi.NULL:
        return {}
    values = {name: int(getattr(counts, name)) for name, _ in box.ffi.typeof("struct mcc_tcp_counts").fields}
    return dict.fromkeys(sorted({n.protocol for n in box.compiled.graph.contexts}), values)


def _port(p: Any) -> dict[str, int]:
    return {k: getattr(p, k) for k in ("rx_packets", "rx_bytes", "tx_packets", "tx_bytes", "rx_errors")}


def _counts(box: Any, get: Any) -> list[Pair]:
    n = box.ffi.new("uint32_t *")
    at = get(box.box, n)
    return [(at[i].packets, at[i].bytes) for i in range(n[0])]


def _drops(box: Any) -> dict[str, int]:
    n = box.ffi.new("uint32_t *")
    at = box.lib.mcc_box_drops(box.box, n)
    return {r: at[i] for i, r in enumerate(box.compiled.module.reasons) if at[i]}


def _memory(box: Any) -> int:
    """Bytes that the sessions of now take: FCBs, cold part, timer, list, table entries."""
    sizes = [box.lib.mcc_box_layout[k.id].size for k in box.compiled.plans.kinds if k.group < 0]
    each = max(sizes, default=0)
    return int(box.core.active) * (-(-each // 64) * 64 + 72 + 16 + 8 + 28)


def _class(box: Any, leaf: Leaf, walks: list[Pair]) -> dict[str, Any]:
    graph, plans = box.compiled.graph, box.compiled.plans
    mine = [walks[1 + 2 * leaf.id], walks[2 + 2 * leaf.id]]
    return {"rule": leaf_text(leaf, graph, plans), "next_hops": list(hops(leaf.arc)),
            "packets": mine[0][0] + mine[1][0], "bytes": mine[0][1] + mine[1][1], "session": leaf.kind >= 0}


def _elements(box: Any, walks: list[Pair], sites: list[Pair]) -> dict[str, Any]:
    compiled = box.compiled
    seen: dict[int, Pair] = {n.id: (0, 0) for n in compiled.graph.elements}
    lookup = {(s.walk, s.path, s.arm): sites[i] for i, s in enumerate(compiled.module.sites)}
    for leaf in compiled.plans.leaves:
        for d, arc in enumerate((leaf.arc, leaf.mirror)):
            if arc is not None:
                _add(arc, (), 1 + 2 * leaf.id + d, walks[1 + 2 * leaf.id + d], lookup, seen)
    out = {}
    faults = box.lib.mcc_box_faults(box.box)
    for i, n in enumerate(compiled.graph.elements):
        counters = {v.name: box.value(n.name, v.name) for v in compiled.module.values
                    if v.node == n.id and v.kind == "counter"}
        out[n.name] = {"type": compiled.codes[n.id].type_name, "packets": seen[n.id][0], "bytes": seen[n.id][1],
                       "counters": counters, "faults": faults[i]}
    return out


def _add(arc: Arc, path: tuple[int, ...], walk: int, count: Pair, lookup: dict[Any, Pair],
         seen: dict[int, Pair]) -> None:
    plan = arc.to
    if isinstance(plan, End):
        return
    if plan.node not in seen:  # an end of a context: behind the second one goes on what came out of it
        behind = (*path, 0)
        _add(plan.outs[0], behind, walk, lookup.get((walk, behind, OUT_OF_CONTEXT), count), lookup, seen)
        return
    was = seen[plan.node]
    seen[plan.node] = (was[0] + count[0], was[1] + count[1])
    left = lookup.get((walk, path, -1), (0, 0))
    _add(plan.outs[0], (*path, 0), walk, (count[0] - left[0], count[1] - left[1]), lookup, seen)
    for k in range(1, len(plan.outs)):
        _add(plan.outs[k], (*path, k), walk, lookup.get((walk, path, k), (0, 0)), lookup, seen)
