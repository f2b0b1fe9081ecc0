"""The chain as a graph: nodes, ordered links, ports. Built by mcc.lang.chain, read by every later stage.

    graph := (graph NAME port* node* edge*)
    node  := (node ID NAME kind)        kind := in | out | element | drop | classifier | context
    edge  := (edge SRC OUT DST INP way class)

A port NAME has an "in" node where packets enter and an "out" node where they leave. `way` tells the two directions
of a duplex apart: a walk that enters at an "in" node follows the links of that node's way, to the end.
"""

from __future__ import annotations

from dataclasses import dataclass

from mcc.diag import Span
from mcc.lang.classes import Cls
from mcc.lang.context import Options
from mcc.lang.element import Element
from mcc.lang.session import Session


@dataclass(frozen=True)
class GraphNode:
    """`port`: index into Graph.ports for "in" and "out". `session`: of a FlowClassifier. `way` of an "in" node.
    `protocol`, `role` ("in" or "out"), `options`, `partner` (the other end's node): of a context."""

    id: int
    name: str
    kind: str
    span: Span
    elem: Element | None = None
    port: int = -1
    way: int = 0
    session: Session | None = None
    builder: int = 0
    protocol: str = ""
    role: str = ""
    options: Options | None = None
    partner: int = -1

    def opens(self, way: int) -> bool:
        """Of a context: packets that walk `way` enter it here (a duplex walks back from its "out" end)."""
        return (self.role == "in") == (way == 0)


@dataclass(frozen=True)
class GraphEdge:
    """Link from output `out` of `src` to input `inp` of `dst`, taken by packets in `cls` (None: all)."""

    src: int
    out: int
    dst: int
    inp: int
    way: int
    cls: Cls | None
    span: Span


@dataclass(frozen=True)
class Graph:
    """`edges` are in the order in which they are tried. `far[p]`: the port on the other side of a duplex, or -1.
    `inner`: the ports that look into tunnels."""

    name: str
    nodes: tuple[GraphNode, ...]
    edges: tuple[GraphEdge, ...]
    ports: tuple[str, ...]
    far: tuple[int, ...]
    span: Span
    inner: tuple[str, ...] = ()

    def links(self, node: int, out: int, way: int) -> tuple[GraphEdge, ...]:
        """The links of an output for a walk of `way`; outputs beyond 0 of a duplex element may be linked one way."""
        mine = tuple(e for e in self.edges if e.src == node and e.out == out and e.way == way)
        return mine or tuple(e for e in self.edges if e.src == node and e.out == out > 0)

    @property
    def entries(self) -> tuple[GraphNode, ...]:
        """The "in" nodes that have a link, by port."""
        used = {e.src for e in self.edges}
        return tuple(sorted((n for n in self.nodes if n.kind == "in" and n.id in used), key=lambda n: n.port))

    def start_of(self, entry: GraphNode) -> GraphNode:
        """Where classification begins for packets of a port: at its node, or at the FlowClassifier that is all that
        its links lead to (paper II-C puts one at the beginning of each input path)."""
        links = [e for e in self.edges if e.src == entry.id]
        first = self.nodes[links[0].dst] if len(links) == 1 and links[0].cls is None else entry
        return first if first.kind == "classifier" and sum(e.dst == first.id for e in self.edges) == 1 else entry

    def context_of(self, node: int) -> int:
        """The number that both ends of a context go by: that of its "in" end."""
        n = self.nodes[node]
        return n.id if n.role == "in" else n.partner

    @property
    def contexts(self) -> tuple[GraphNode, ...]:
        """The "in" ends of all contexts."""
        return tuple(n for n in self.nodes if n.kind == "context" and n.role == "in")

    @property
    def elements(self) -> tuple[GraphNode, ...]:
        return tuple(n for n in self.nodes if n.kind == "element")
