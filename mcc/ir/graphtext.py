"""Graph and plans as S-expressions, for `mcc dump --stage graph`; in the grammars of graph.py and plan.py."""

from __future__ import annotations

from mcc.ir.classify import Fdd, Leaf, Switch, nodes_of
from mcc.ir.graph import Graph
from mcc.ir.plan import Arc, End, Plans, hops


def print_graph(g: Graph) -> str:
    """The links as written."""
    out = [f"(graph {g.name} {' '.join(g.ports)}"]
    for n in g.nodes:
        kind = n.elem.__mcc_elem__.name if n.elem is not None else n.kind
        out.append(f"  (node {n.id} {n.name} {kind})")
    for e in g.edges:
        out.append(f"  (edge {g.nodes[e.src].name}[{e.out}] {g.nodes[e.dst].name}[{e.inp}] way {e.way} "
                   f"{e.cls if e.cls is not None else 'ANY'})")
    return "\n".join(out) + ")\n"


def print_plans(g: Graph, plans: Plans) -> str:
    """Stages, leaves, keys, slots, diagrams."""
    out = []
    for s in plans.stages:
        out.append(f"(stage {s.id} {s.name}")
        for port, d in zip(s.entries, s.diagrams, strict=True):
            out.append(f"  (entry {g.ports[port] if port >= 0 else '-'}")
            out += ["    " + line for line in diagram_lines(d)]
            out[-1] += ")"
        for i in s.leaves:
            leaf = plans.leaves[i]
            kind = f"kind {leaf.kind}" if leaf.kind >= 0 else "no session"
            out.append(f"  (leaf {i} {kind} hops {list(hops(leaf.arc))} {arc_text(g, leaf.arc)}")
            if leaf.mirror is not None and leaf.mirror != leaf.arc:
                out.append(f"    (answers {arc_text(g, leaf.mirror)})")
            out[-1] += ")"
        for k in s.kinds:
            key = plans.kinds[k]
            parts = " ".join(f"(part {p.field} {p.word} {p.shift} {p.width})" for p in key.parts)
            what = f"groups of {g.nodes[key.group].name}" if key.group >= 0 else \
                "hash first" if key.hash_first else "class first"
            out.append(f"  (kind {k} {what} {parts})")
        out[-1] += ")"
    for slot in plans.layout.slots:
        out.append(f"(slot {g.nodes[slot.node].name} {slot.what} {slot.area} {slot.offset} {slot.size})")
    return "\n".join(out) + "\n"


def arc_text(g: Graph, arc: Arc) -> str:
    plan = arc.to
    hop = f"{arc.hop}:" if arc.hop else ""
    if isinstance(plan, End):
        inside = f"stage {plan.index}" if plan.kind == "stage" else plan.reason
        what = g.ports[plan.index] if plan.kind == "port" else inside
        return f"(end {hop}{plan.kind} {what})"
    return f"(step {hop}{g.nodes[plan.node].name}[{plan.inp}] {' '.join(arc_text(g, a) for a in plan.outs)})"


def diagram_lines(d: Fdd) -> list[str]:
    """One line a node, numbered in order of first meeting."""
    nodes = nodes_of(d)
    number = {n.uid: i for i, n in enumerate(nodes)}
    out = []
    for n in nodes:
        if isinstance(n, Leaf):
            out.append(f"{number[n.uid]}: leaf {n.value}")
            continue
        assert isinstance(n, Switch)
        cases = [f"{_ranges(r)} -> {number[c.uid]}" for r, c in n.cases]
        out.append(f"{number[n.uid]}: {n.field.key}? {'; '.join(cases)}; else -> {number[n.default.uid]}")
    return out


def _ranges(ranges: tuple[tuple[int, int], ...]) -> str:
    shown = [str(a) if a == b else f"{a}-{b}" for a, b in ranges[:6]]
    return ",".join(shown) + (f",..({len(ranges)})" if len(ranges) > 6 else "")
