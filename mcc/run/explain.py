"""What the compiler decided about a chain, as data: `mcc explain --json` and `Module.explain`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mcc.driver import Compiled
from mcc.ir.classify import Switch, nodes_of
from mcc.ir.element import MapDecl
from mcc.ir.func import Park
from mcc.ir.plan import KeyKind, Leaf, Slot, Step, hops, steps
from mcc.ir.walkers import expressions, statements
from mcc.lang.tested import MIRROR
from mcc.passes.batches import batched_walks, ring_size
from mcc.passes.caps import caps
from mcc.passes.contexts import enclosed
from mcc.passes.layout import struct_size
from mcc.passes.rules import Entry, Row, end_text, entries, walk_text
from mcc.passes.words import column, in_order
from mcc.protocols.headers import BY_KEY

HEAD_BYTES = 8
"""Of struct mcc_fcb: last packet, walk, closing (24 more where packets are counted per session)."""


def explain(compiled: Compiled) -> dict[str, Any]:
    """Unified flow table (paper, table I), keys, layout of the flow control blocks (figure 7), elements, batches,
    buffers, checksums. Sizes and offsets in bytes, times in seconds."""
    graph, plans = compiled.graph, compiled.plans
    rules = entries(plans)
    return {
        "chain": compiled.name,
        "ports": list(graph.ports),
        "inner_ports": list(graph.inner),
        "columns": _columns(compiled, rules),
        "flow_table": [_rule(compiled, e, row) for e in rules for row in e.rows],
        "offload": [_offload(compiled, port) for port in compiled.plans.stages[0].entries],
        "other_leaves": [_other(compiled, leaf) for e in rules for leaf in e.elsewhere],
        "keys": [_key(compiled, kind, rules) for kind in plans.kinds],
        "flow_control_block": {"head": HEAD_BYTES, "a_direction": plans.layout.dir_size,
                               "a_connection": plans.layout.conn_size, "places": _places(compiled),
                               "bars": list(_bars(compiled))},
        "elements": [_element(compiled, n) for n, c in compiled.codes.items() if not c.context],
        "contexts": _contexts(compiled),
        "batches": _batches(compiled),
        "buffers": _buffers(compiled),
        "checksums": _checksums(compiled),
    }


# ---------------------------------------------------------------- contexts


def _contexts(compiled: Compiled) -> list[dict[str, Any]]:
    """Each context: elements in order, what it must be able to do for them and which call is the reason."""
    out = []
    for n in compiled.graph.contexts:
        elements, needs = [], []
        for e in enclosed(compiled.graph, n.id):
            code = compiled.codes[e]
            elements.append(code.name)
            asked = caps(code)
            for what in ("write", "resize", "stall", "close"):
                needs += [{"element": code.name, "need": what, "reason": r.text,
                           "at": f"{r.span.file.rpartition('/')[2]}:{r.span.line}"} for r in getattr(asked, what)]
        kinds = {x["need"] for x in needs}
        out.append({"context": n.name, "protocol": n.protocol, "elements": elements, "needs": needs,
                    "keeps": _keeps(n.protocol, kinds), "options": vars(n.options) if n.options is not None else {}})
    return out


def _keeps(protocol: str, needs: set[str]) -> list[str]:
    """What is buffered, and why."""
    out = []
    if protocol == "tcp":
        out.append("segments until they are acknowledged: a retransmission carries the bytes of the first copy")
        waits = needs & {"write", "resize", "stall"}
        out.append("segments that are ahead wait, the sender is told by duplicate ACKs" if waits
                   else "copies of segments that are ahead, to be read in order; they themselves go on at once")
    if "resize" in needs and protocol == "tcp":
        out.append("edits until they are acknowledged: numbers, windows, SACK blocks are mapped")
    if "stall" in needs:
        out.append("bytes that elements hold" + ("; acknowledged early after 50 ms" if protocol == "tcp" else ""))
    return out or ["nothing"]


# ---------------------------------------------------------------- table I


def _where(compiled: Compiled, stage: int, port: int) -> str:
    return compiled.graph.ports[port] if port >= 0 else compiled.plans.stages[stage].name


def _key_columns(compiled: Compiled, leaf: Leaf) -> list[str]:
    """Columns that are populated from the packet: one session for each of their values."""
    if leaf.kind < 0:
        return []
    names = [column(p.field) for p in compiled.plans.kinds[leaf.kind].parts]
    return [n for n in names if n not in ("proto", "in port", "tags", "walk")]


def _columns(compiled: Compiled, rules: tuple[Entry, ...]) -> list[str]:
    """Tested fields and fields of keys, in the order of the paper's table."""
    found = {c for e in rules for row in e.rows for c in row.cells()}
    found |= {c for e in rules for row in e.rows for c in _key_columns(compiled, compiled.plans.leaves[row.leaf])}
    return in_order(found)


def _rule(compiled: Compiled, entry: Entry, row: Row) -> dict[str, Any]:
    """One unified rule. `when`: values in words by column, others are not tested; `pfp`: columns that are populated
    from the packet; `key`: number of the key, None: no session."""
    graph, plans = compiled.graph, compiled.plans
    leaf = plans.leaves[row.leaf]
    return {"from": _where(compiled, entry.stage, entry.port), "when": row.cells(),
            "pfp": _key_columns(compiled, leaf), "leaf": leaf.id, "next_hops": list(hops(leaf.arc)),
            "session_space": _space(compiled, leaf), "key": leaf.kind if leaf.kind >= 0 else None,
            "timeout": leaf.timeout if leaf.kind >= 0 else None, "walk": walk_text(leaf, graph, plans),
            "other_outputs": _branches(compiled, leaf)}


def _offload(compiled: Compiled, port: int) -> dict[str, Any]:
    """What a NIC at the port can classify: how many patterns, with how many priorities, which leaves it marks, and
    what it leaves to software (which packets, and the test that is the reason)."""
    made = compiled.offload
    mine = [p for p in made.patterns if p.port == port]
    return {"port": compiled.graph.ports[port], "patterns": len(mine),
            "priorities": max((p.priority + 1 for p in mine), default=0),
            "leaves": sorted({made.marks[p.mark - 1].leaf for p in mine if p.mark}),
            "software": [{"packets": p.text, "why": p.why} for p in mine if not p.mark]}


def _branches(compiled: Compiled, leaf: Leaf) -> list[str]:
    """Where an element may send packets but by output 0."""
    graph, plans = compiled.graph, compiled.plans
    out = []
    for s in steps(leaf.arc.to):
        for k, arc in enumerate(s.outs[1:], 1):
            names = [graph.nodes[t.node].name for t in steps(arc.to)]
            plan = arc.to
            while isinstance(plan, Step):
                plan = plan.outs[0].to
            out.append(f"{graph.nodes[s.node].name}[{k}] >> {' >> '.join([*names, end_text(plan, graph, plans)])}")
    return list(dict.fromkeys(out))


def _space(compiled: Compiled, leaf: Leaf) -> list[dict[str, Any]]:
    """What is kept for a session of the leaf. kept: "direction", "connection", or "group" (shared by flows)."""
    grouped = {n for n, _ in leaf.groups}
    out = []
    for n in leaf.elements:
        code = compiled.codes[n]
        for struct, kept in ((code.scratch, "direction"), (code.conn, "connection")):
            if struct is not None:
                out.append({"element": code.name, "bytes": struct_size(struct)[0],
                            "kept": "group" if n in grouped else kept})
    return out


def _other(compiled: Compiled, number: int) -> dict[str, Any]:
    leaf = compiled.plans.leaves[number]
    return {"leaf": number, "from": _where(compiled, leaf.stage, leaf.port),
            "walk": walk_text(leaf, compiled.graph, compiled.plans)}


# ---------------------------------------------------------------- keys


def _key(compiled: Compiled, kind: KeyKind, rules: tuple[Entry, ...]) -> dict[str, Any]:
    """look_up: "hash first", "class first", or "group": by an element's own fields, once a flow."""
    how = "group" if kind.group >= 0 else "hash first" if kind.hash_first else "class first"
    return {"key": kind.id, "stage": compiled.plans.stages[kind.stage].name, "fields": [p.field for p in kind.parts],
            "bytes": 4 * kind.words, "look_up": how, "why": _why(compiled, kind, rules),
            "leaves": [leaf.id for leaf in compiled.plans.leaves
                       if leaf.kind == kind.id or kind.id in (k for _, k in leaf.groups)]}


def _why(compiled: Compiled, kind: KeyKind, rules: tuple[Entry, ...]) -> str:
    if kind.group >= 0:
        name = compiled.graph.nodes[kind.group].name
        return (f"{name} asks for fewer fields than a walk's key has, or a walk of it is class first: flows share "
                "its state")
    if kind.hash_first:
        return "the key tells every class apart: established flows are not classified"
    held = {p.field for p in kind.parts}
    held |= {MIRROR.get(f, f) for f in held}
    tested = {n.field.key for e in rules if e.stage == kind.stage for n in nodes_of(e.diagram) if isinstance(n, Switch)}
    missing = in_order({column(k) for k in tested - held - {"net", "transport", "in.port", "vlans"}})
    if missing:
        return f"classes test {', '.join(missing)}, which the key does not hold"
    return "the key's fields do not tell which layers a packet has, and classes ask for that"


# ---------------------------------------------------------------- figure 7


def _places(compiled: Compiled) -> list[dict[str, Any]]:
    """Every element's place, one offset an element; places of elements that never meet overlap."""
    slots = sorted(compiled.plans.layout.slots, key=lambda s: (s.area, s.offset, s.node))
    return [{"element": compiled.graph.nodes[s.node].name, "state": s.what,
             "kept": "direction" if s.area == "dir" else "connection", "offset": s.offset, "size": s.size}
            for s in slots]


def _bars(compiled: Compiled) -> Iterator[dict[str, Any]]:
    """One block an area and set of elements: the leaves that have it, their next hops, and what lies in it."""
    graph, layout = compiled.graph, compiled.plans.layout
    made: dict[tuple[str, tuple[Slot, ...]], list[Leaf]] = {}
    for leaf in compiled.plans.leaves:
        if leaf.kind < 0:
            continue
        for area in ("dir", "conn"):
            slots = tuple(sorted((s for s in layout.slots if s.area == area and s.node in leaf.elements),
                                 key=lambda s: s.offset))
            if slots or area == "dir":
                made.setdefault((area, slots), []).append(leaf)
    for (area, slots), leaves in sorted(made.items(), key=lambda m: (m[0][0] != "dir", m[1][0].id)):
        hop_lists = list(dict.fromkeys(hops(leaf.arc) for leaf in leaves))
        yield {"kept": "direction" if area == "dir" else "connection", "leaves": [leaf.id for leaf in leaves],
               "walks": list(dict.fromkeys(walk_text(leaf, graph, compiled.plans) for leaf in leaves)),
               "next_hops": [list(h) for h in hop_lists if h],
               "cells": [{"name": graph.nodes[s.node].name, "state": s.what, "offset": s.offset, "size": s.size}
                         for s in slots]}


# ---------------------------------------------------------------- elements, batches, buffers, checksums


def _element(compiled: Compiled, node: int) -> dict[str, Any]:
    """What an element's handlers need and write."""
    code = compiled.codes[node]
    elem = compiled.graph.nodes[node].elem
    needs = sorted(frozenset().union(*code.needs))
    grouped = any(n == node for leaf in compiled.plans.leaves for n, _ in leaf.groups)
    state = [{"bytes": struct_size(struct)[0], "kept": "group" if grouped else kept}
             for struct, kept in ((code.scratch, "direction"), (code.conn, "connection")) if struct is not None]
    return {"element": code.name, "type": code.type_name,
            "session": repr(elem.__mcc_elem__.session) if elem and elem.__mcc_elem__.session else "",
            "state": state, "handlers": [h.role for h in code.handlers], "needs": needs, "writes": sorted(code.writes)}


def _batches(compiled: Compiled) -> dict[str, Any]:
    """Walks handled batch by batch, and for each of the others why not."""
    plans, codes = compiled.plans, compiled.codes
    batched = batched_walks(plans, codes)
    leaves = sorted({leaf for leaf, _ in batched})
    ring = ring_size(plans, codes, plans.stages[0].builder) if leaves else 0
    single: dict[str, list[int]] = {}
    for leaf in plans.leaves:
        if leaf.id not in leaves and steps(leaf.arc.to):
            single.setdefault(_not_batched(compiled, leaf), []).append(leaf.id)
    return {"leaves": leaves, "open_at_once": ring, "packet_by_packet": single}


def _not_batched(compiled: Compiled, leaf: Leaf) -> str:
    line = steps(leaf.arc.to)
    if not any(compiled.codes[s.node].handler("process_batch", s.inp) for s in line):
        return "no element has process_batch"
    if leaf.kind < 0:
        return "the walk has no session"
    if leaf.stage:
        return "batches are built at the ports only"
    if leaf.groups:
        return "sessions share state (groups)"
    if any(len(s.outs) > 1 for s in line):
        return "an element has several outputs"
    return "a handler may end its session, emit, park, report, or drop part of a batch"


def _buffers(compiled: Compiled) -> list[dict[str, Any]]:
    """Where packets may wait, how many, and what lets them go."""
    out = []
    for node in sorted({e.node for e in compiled.plans.emits if e.output < 0}):
        code = compiled.codes[node]
        parked = {e.map for h in code.handlers for s in statements(h.func.body) for e in expressions(s)
                  if isinstance(e, Park)}
        out += [{"element": code.name, "map": m.name, "packets_a_key": m.park_limit, "packets": m.park_total,
                 "until": f"{m.name}.put of the same key", "timeout": m.timeout}
                for m in code.state if isinstance(m, MapDecl) and m.name in parked]
    return out


def _checksums(compiled: Compiled) -> list[dict[str, Any]]:
    """The checksums that each element's writes change; mended once, when the packet leaves."""
    out = []
    for code in compiled.codes.values():
        cover = sorted({c for k in code.writes if k in BY_KEY for c in BY_KEY[k].cover})
        if cover:
            out.append({"element": code.name, "covers": cover})
    return out
