"""What a packet walks, worked out link by link on the packet itself (docs/semantics.md 3).

    plan := (end port N) | (end drop REASON) | (end stage NODE way) | (step NODE INP way plan*)
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Union

from mcc.lang.algebra import Cls, has
from mcc.lang.chain import declared_class
from mcc.lang.context import context_class, context_session
from mcc.lang.element import Element
from mcc.lang.evaluate import matches
from mcc.lang.graph import Graph, GraphNode
from mcc.lang.session import Session
from mcc.reference.packet import PacketState
from mcc.reference.runner import Runner


@dataclass(frozen=True)
class End:
    """kind "port": leaves by port `index`; "drop": counted under `reason`; "stage": on behind classifier `index`."""

    kind: str
    index: int = -1
    reason: str = ""
    way: int = 0


@dataclass(frozen=True)
class Step:
    """Input `inp` of element `node` is visited; output k leads along `outs[k]`."""

    node: int
    inp: int
    way: int
    outs: tuple["Plan", ...]


Plan = Union[End, Step]


def steps(plan: Plan) -> list[Step]:
    """Every step that may be taken, output 0 first."""
    if isinstance(plan, End):
        return []
    return [plan, *(s for out in plan.outs for s in steps(out))]


def session_layers(s: Session) -> set[str]:
    """Layers that the session's fields need; "net": IPv4 or IPv6, "l4": TCP or UDP."""
    return {f.layer for f in s.fields} - {"in", "raw", "link"}


@dataclass
class Walker:
    """The graph with what each element wants."""

    graph: Graph
    runners: dict[int, Runner]
    needs: dict[tuple[int, int], frozenset[str]]

    def inside(self, node: GraphNode, inp: int, p: PacketState) -> bool:
        """Whether the packet is in the element's class at an input."""
        assert node.elem is not None
        declared = declared_class(node.elem, inp)
        if declared is not None and not matches(declared, p.found):
            return False
        layers = set(self.needs.get((node.id, inp), ()))
        session = node.elem.__mcc_elem__.session
        if session is not None and inp == 0:
            layers |= session_layers(session)
        return all(p.has(layer) for layer in layers)

    def plan(self, node: int, out: int, way: int, p: PacketState) -> Plan:
        """The walk of a packet that leaves by output `out` of a node."""
        return _OnePacket(self, p).output(node, out, way)

    def arrival(self, node: int, inp: int, way: int, p: PacketState) -> Plan:
        """The walk of a packet that reaches an input of a node."""
        return _OnePacket(self, p).arrive(node, inp, way)

    def transparent(self, node: GraphNode, inp: int) -> bool:
        """Nothing of the element has to do with packets at this input: they pass to output 0."""
        runner = self.runners[node.id]
        return not any(runner.has(r, inp) for r in ("process_packet", "process_batch", "process_data")) and (
            inp != 0 or runner.elem.session is None)

    def sessions(self, plan: Plan) -> list[int]:
        """Session elements of a walk, in walk order, each once."""
        found = [s.node for s in steps(plan) if s.inp == 0 and s.node in self.runners
                 and self.runners[s.node].elem.session is not None]
        return list(dict.fromkeys(found))

    def contexts(self, plan: Plan) -> list[int]:
        """Contexts of a walk ("in" ends), in walk order, each once."""
        nodes = self.graph.nodes
        found = [self.graph.context_of(s.node) for s in steps(plan) if nodes[s.node].kind == "context"]
        return list(dict.fromkeys(found))

    def session(self, node: int) -> Session:
        found = self.session_at(node)
        assert found is not None
        return found

    def session_at(self, node: int) -> Session | None:
        """The session of an element, or what a context's state is kept by."""
        n = self.graph.nodes[node]
        if n.kind != "context":
            return self.runners[node].elem.session
        return context_session(n.protocol, n.options)

    def mirror(self, plan: Plan, port: int) -> Plan | None:
        """The walk of answers in a duplex: the same elements backwards, leaving by the port the question came in by.
        None where the walk does not end at the duplex's other port."""
        line: list[Step] = []
        end = plan
        while isinstance(end, Step):
            line.append(end)
            end = end.outs[0]
        if end.kind != "port" or end.index != self.graph.far[port]:
            return None
        back: Plan = End("port", port)
        for s in line:
            back = Step(s.node, s.inp, 1 - s.way, (back, *s.outs[1:]))
        return back

    def classes(self, starts: Iterable[tuple[int, int, int]]) -> list[Cls]:
        """All that a stage's classification tests, from its starts on: the links, and the whole classes of the elements
        that they lead to, layers included."""
        out: list[Cls] = []
        seen: set[tuple[int, int, int]] = set()
        todo = list(starts)
        while todo:
            at = todo.pop()
            if at in seen:
                continue
            seen.add(at)
            node, port, way = at
            if port >= 0:
                links = self.graph.links(node, port, way)
                out += [e.cls for e in links if e.cls is not None]
                todo += [(e.dst, -1 - e.inp, e.way) for e in links]
                continue
            n = self.graph.nodes[node]
            elem = n.elem
            if n.kind == "context":
                out.append(context_class(n.protocol))
                todo.append((node, 0, way))
            if elem is not None:
                out += self.asked(node, elem, -1 - port)
                todo += [(node, k, way) for k in range(elem.__mcc_elem__.ports[1])]
        return out

    def asked(self, node: int, elem: Element, inp: int) -> list[Cls]:
        """The parts of an element's class at an input."""
        declared = declared_class(elem, inp)
        session = elem.__mcc_elem__.session
        layers = set(self.needs.get((node, inp), ()))
        if session is not None and inp == 0:
            layers |= session_layers(session)
        both = {"net": ("ip", "ip6"), "l4": ("tcp", "udp")}
        return [*([declared] if declared is not None else []),
                *(has(x) for layer in sorted(layers) for x in both.get(layer, (layer,)))]


@dataclass
class _OnePacket:
    """All classes are asked about the packet as it is now, each at most once."""

    walker: Walker
    packet: PacketState
    memo: dict[tuple[int, int, int], Plan] = field(default_factory=dict)

    def output(self, node: int, out: int, way: int) -> Plan:
        for e in self.walker.graph.links(node, out, way):
            if e.cls is None or matches(e.cls, self.packet.found):
                return self.arrive(e.dst, e.inp, e.way)
        return End("drop", reason="unmatched")

    def arrive(self, node: int, inp: int, way: int) -> Plan:
        key = (node, inp, way)
        if key not in self.memo:
            self.memo[key] = self._arrive(self.walker.graph.nodes[node], inp, way)
        return self.memo[key]

    def _arrive(self, n: GraphNode, inp: int, way: int) -> Plan:
        if n.kind == "out":
            return End("port", n.port)
        if n.kind == "drop":
            return End("drop", reason="drop")
        if n.kind == "classifier":
            return End("stage", n.id, way=way)
        if n.kind == "context":  # others than the protocol's packets go by the whole of it
            if n.opens(way) and not matches(context_class(n.protocol), self.packet.found):
                return self.output(n.partner, 0, way)
            return Step(n.id, 0, way, (self.output(n.id, 0, way),))
        assert n.elem is not None
        t = n.elem.__mcc_elem__
        if self.walker.transparent(n, inp):
            return self.output(n.id, 0, way)
        if self.walker.inside(n, inp, self.packet):
            return Step(n.id, inp, way, tuple(self.output(n.id, k, way) for k in range(t.ports[1])))
        return self.output(n.id, 0, way) if t.others == "pass" else End("drop", reason=f"others:{n.name}")
