"""Walk enumeration: graph -> one decision diagram an entry, whose leaves are the walks (docs/semantics.md 3).

    links e1 .. en of an output  =>  (ite class(e1) arrive(e1) (ite class(e2) arrive(e2) .. (end drop unmatched)))
    arrive at element n          =>  (ite class(n) (step n arc*) outside)

Class conjunction along the way, unsatisfiable ways and tests that decide nothing all fall out of `ite` on hash-consed
diagrams; a link that no packet can take is reported.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from mcc.diag import Report
from mcc.ir.classify import Fdd
from mcc.ir.element import Code
from mcc.ir.graph import Graph, GraphEdge, GraphNode
from mcc.ir.plan import Arc, End, Step
from mcc.lang.algebra import ANY, Cls, has
from mcc.lang.chain import declared_class
from mcc.lang.context import context_class
from mcc.passes.fdd import NO_RULE, Manager

_LAYER_OF_FIELD = {"net": ("ip", "ip6"), "l4": ("tcp", "udp")}


def layer_class(layer: str) -> Cls:
    """Packets that carry the whole header; "l4": of TCP or UDP, "net": of IPv4 or IPv6."""
    names = _LAYER_OF_FIELD.get(layer, (layer,))
    out: Cls = has(names[0])
    for n in names[1:]:
        out = out | has(n)
    return out


def element_class(node: GraphNode, code: Code, inp: int) -> Cls:
    """All that must hold for a packet to be inside the element's class at input `inp`."""
    assert node.elem is not None
    t = node.elem.__mcc_elem__
    declared = declared_class(node.elem, inp)
    out: Cls = ANY if declared is None else declared
    layers = set(code.needs[inp]) if inp < len(code.needs) else set()
    if t.session is not None and inp == 0:
        layers |= {f.layer for f in t.session.fields}
    for layer in sorted(layers - {"in", "raw", "link"}):
        out = out & layer_class(layer)
    return out


@dataclass
class Walker:
    """Builds the diagrams. `stage_of`: stage number of each classifier node and way."""

    graph: Graph
    codes: Mapping[int, Code]
    manager: Manager
    report: Report
    stage_of: Mapping[tuple[int, int], int]
    _memo: dict[tuple[int, int, int], Fdd] = field(default_factory=dict)
    _tried: dict[GraphEdge, bool] = field(default_factory=dict)

    def output(self, node: int, out: int, way: int) -> Fdd:
        """Packets that leave by output `out` of a node."""
        m = self.manager
        links = self.graph.links(node, out, way)
        several = len(links) > 1
        taken: list[Fdd] = []
        for i, e in enumerate(links):
            target = self.numbered(self.arrive(e.dst, e.inp, e.way), i + 1 if several else 0)
            taken.append(target if e.cls is None else m.ite(m.from_class(e.cls), target, m.leaf(NO_RULE)))
        result = m.first_of([*taken, m.leaf(Arc(0, End("drop", reason="unmatched")))])
        if several:
            reached = {arc.hop for arc in m.leaves(result) if isinstance(arc, Arc)}
            unsure = {i for i in range(len(links)) if i + 1 not in reached}
        else:
            unsure = {*range(len(links))}
        if unsure:
            self.check_links(links, unsure)
        return result

    def numbered(self, fdd: Fdd, hop: int) -> Fdd:
        return self.manager.map_leaves(fdd, lambda arc: Arc(hop, arc.to))

    def arrive(self, node: int, inp: int, way: int) -> Fdd:
        """Packets that reach a node; arcs with hop 0."""
        key = (node, inp, way)
        if key not in self._memo:
            self._memo[key] = self._arrive(node, inp, way)
        return self._memo[key]

    def _arrive(self, node: int, inp: int, way: int) -> Fdd:
        n, m = self.graph.nodes[node], self.manager
        if n.kind == "out":
            return m.leaf(Arc(0, End("port", n.port)))
        if n.kind == "drop":
            return m.leaf(Arc(0, End("drop", reason="drop")))
        if n.kind == "classifier":
            return m.leaf(Arc(0, End("stage", self.stage_of[node, way])))
        if n.kind == "context":
            return self.context(n, way)
        assert n.elem is not None
        t = n.elem.__mcc_elem__
        through = self.output(node, 0, way)
        handles = ("process_packet", "process_batch", "process_data")
        if not any(h.role in handles and h.port == inp for h in t.handlers) \
                and (inp != 0 or t.session is None):
            return m.map_leaves(through, lambda arc: arc)
        outs = [through, *(self.output(node, k, way) for k in range(1, t.ports[1]))]
        inside = m.product(outs, lambda arcs: Arc(0, Step(node, inp, way, tuple(arcs))))
        cls = element_class(n, self.codes[node], inp)
        outside = through if t.others == "pass" else m.leaf(Arc(0, End("drop", reason=f"others:{n.name}")))
        return m.ite(m.from_class(cls), inside, outside)

    def context(self, n: GraphNode, way: int) -> Fdd:
        """A context takes its protocol's packets through all that stands in it; others go by the whole of it."""
        m = self.manager
        step = m.map_leaves(self.output(n.id, 0, way), lambda arc: Arc(0, Step(n.id, 0, way, (arc,))))
        if not n.opens(way):
            return step
        return m.ite(m.from_class(context_class(n.protocol)), step, self.output(n.partner, 0, way))

    def check_links(self, links: tuple[GraphEdge, ...], unsure: set[int]) -> None:
        """Warn of a link that can take no packet, naming the earlier link that takes them all. Only links in `unsure`
        are looked at."""
        m = self.manager
        taken: Fdd = m.leaf(False)
        for i, e in enumerate(links):
            mine = m.leaf(True) if e.cls is None else m.from_class(e.cls)
            if i not in unsure:
                taken = m.ite(mine, m.leaf(True), taken)
                continue
            rest = m.ite(taken, m.leaf(False), mine)
            if m.leaves(rest) == {False} and e not in self._tried:
                self._tried[e] = True
                before = next((x for x in links[:i] if self._covers(x, mine)), links[i - 1] if i else None)
                self._shadowed(e, before)
            taken = m.ite(mine, m.leaf(True), taken)

    def _covers(self, earlier: GraphEdge, mine: Fdd) -> bool:
        m = self.manager
        if earlier.cls is None:
            return True
        return bool(m.leaves(m.ite(m.from_class(earlier.cls), m.leaf(False), mine)) == {False})

    def _shadowed(self, e: GraphEdge, before: GraphEdge | None) -> None:
        name = self.graph.nodes[e.dst].name
        if before is None:
            self.report.warning(e.span, f"no packet can take this link to {name}",
                                f"its class {e.cls} can never hold")
            return
        what = "everything" if before.cls is None else str(before.cls)
        self.report.warning(e.span, f"no packet can take this link to {name}",
                            "links are tried in order, the first that holds is taken",
                            also=((before.span, f"an earlier link takes {what}"),))
