"""The middle end: graph and typed elements -> Plans (stages, leaves, keys, layout). See mcc.ir.plan.

A stage is one classification: stage 0 at the ports, one behind each FlowClassifier, one for what an element emits
at an output, one for parked packets that go on at an element's input.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from mcc.diag import Report
from mcc.ir.classify import Fdd
from mcc.ir.element import Code
from mcc.ir.func import EmitArp, EmitCopy, Park
from mcc.ir.graph import Graph
from mcc.ir.plan import Arc, Emit, End, KeyKind, Leaf, Plans, Stage, Step, steps
from mcc.ir.walkers import expressions, statements
from mcc.lang.algebra import Cls, has
from mcc.lang.context import context_class, context_session
from mcc.lang.session import Session
from mcc.lang.tested import is_hash_first
from mcc.passes.fdd import Manager
from mcc.passes.keys import key_layers, make_kind, session_fields, union, walk_sessions
from mcc.passes.layout import lay_out
from mcc.passes.walk import Walker, element_class


@dataclass(frozen=True)
class Start:
    """Where a stage begins: (node, output, way, port), one an entry; output -1: at the node's input; port -1: inside
    the chain."""

    name: str
    points: tuple[tuple[int, int, int, int], ...]
    session: Session | None = None
    builder: int = 0


def plan_stages(graph: Graph, codes: Mapping[int, Code], report: Report) -> Plans:
    """Every stage of the chain. Warnings (links that no packet can take) go to the report."""
    return _Planner(graph, codes, report).run()


@dataclass
class _Planner:
    graph: Graph
    codes: Mapping[int, Code]
    report: Report
    manager: Manager = field(default_factory=Manager)
    kinds: list[KeyKind] = field(default_factory=list)
    leaves: list[Leaf] = field(default_factory=list)

    def run(self) -> Plans:
        starts, emits = self.starts()
        kinds = {n.id: n.kind for n in self.graph.nodes}
        stage_of = {(node, way): i for i, s in enumerate(starts) for node, _, way, port in s.points
                    if port < 0 and kinds[node] == "classifier"}
        walker = Walker(self.graph, self.codes, self.manager, self.report, stage_of)
        stages = tuple(self.stage(i, s, walker) for i, s in enumerate(starts))
        layout = lay_out(self.leaves, self.codes, bool(self.graph.inner))
        return Plans(stages, tuple(self.kinds), tuple(self.leaves), layout, emits)

    def starts(self) -> tuple[list[Start], tuple[Emit, ...]]:
        g = self.graph
        begin = {n.id: g.start_of(n) for n in g.entries}
        heads = [b for b in begin.values() if b.kind == "classifier"]
        session = next((b.session for b in heads if b.session is not None), None)
        out = [Start("ports", tuple((begin[n.id].id, 0, n.way, n.port) for n in g.entries), session,
                     max((b.builder for b in heads), default=0))]
        for n in g.nodes:
            if n.kind == "classifier" and n not in heads:
                ways = sorted({e.way for e in g.edges if e.src == n.id}) or [0]
                out += [Start(n.name, ((n.id, 0, way, -1),), n.session, n.builder) for way in ways]
        emits: list[Emit] = []
        for n in g.elements:
            ways = sorted({e.way for e in g.edges if e.dst == n.id})
            for port in sorted(emit_ports(self.codes[n.id])):
                for way in ways:
                    emits.append(Emit(n.id, port, way, len(out)))
                    name = f"{n.name}, parked" if port < 0 else f"{n.name}[{port}]"
                    out.append(Start(name, ((n.id, port, way, -1),)))
        return out, tuple(emits)

    def stage(self, number: int, start: Start, walker: Walker) -> Stage:
        """Diagrams first, then their leaves in order of first use, then the kinds of key that they need."""
        raw: list[tuple[int, Fdd]] = []
        for node, out, way, port in start.points:
            d = walker.arrive(node, 0, way) if out < 0 else walker.output(node, out, way)
            raw.append((port, self.manager.restrict(d, {"in.port": ((port, port),)} if port >= 0 else None)))
        classes = self.classes_in(start)
        arcs = [a for _, d in raw for a in self.manager.leaves(d)]
        grouped = self.grouped_elements([a for a in arcs if isinstance(a, Arc)], start, classes)
        made: dict[object, int] = {}
        diagrams = []
        for port, d in raw:
            split = self.manager.map_leaves_to(d, lambda arc: self.families(arc, start))
            number_of = functools.partial(self.leaf, stage=number, port=port, start=start, classes=classes,
                                          grouped=grouped, made=made)
            numbered = self.manager.map_leaves(split, number_of)
            diagrams.append(self.manager.restrict(numbered))
        self.add_mirrors(number)
        kinds = tuple(k.id for k in self.kinds if k.stage == number)
        mine = tuple(leaf.id for leaf in self.leaves if leaf.stage == number)
        return Stage(number, start.name, tuple(p for p, _ in raw), tuple(diagrams), mine, kinds, start.builder)

    def sessions(self, arc: Arc, start: Start) -> list[Session]:
        out = [self.session_of(n) for n in walk_sessions(self.graph, arc)]
        return out + ([start.session] if start.session is not None and steps(arc.to) else [])

    def session_of(self, node: int) -> Session:
        if self.graph.nodes[node].kind == "context":
            return context_session(self.graph.nodes[node].protocol, self.graph.nodes[node].options)
        elem = self.graph.nodes[node].elem
        assert elem is not None and elem.__mcc_elem__.session is not None
        return elem.__mcc_elem__.session

    def families(self, arc: Arc, start: Start) -> Fdd:
        """Split a walk by network layer where its key holds addresses of either."""
        m = self.manager
        sessions = self.sessions(arc, start)
        if not any(f.key.startswith("net.") for s in sessions for f in s.fields):
            return m.leaf((arc, ""))
        return m.ite(m.from_class(has("ip")), m.leaf((arc, "ip")),
                     m.ite(m.from_class(has("ip6")), m.leaf((arc, "ip6")), m.leaf((arc, "none"))))

    def grouped_elements(self, arcs: list[Arc], start: Start, classes: list[Cls]) -> frozenset[tuple[int, str]]:
        """(node, family) of elements that somewhere have fewer fields than the walk's key, or a class-first key."""
        out = set()
        known: dict[tuple[str, ...], bool] = {}
        for arc in arcs:
            nodes = tuple(n for n in walk_sessions(self.graph, arc) if self.graph.nodes[n].kind == "element")
            for family in ("ip", "ip6", "") if nodes else ():
                key = union(self.sessions(arc, start), family)
                first = known.get(key)
                if first is None:
                    first = known[key] = is_hash_first(key, classes)
                out |= {(n, family) for n in nodes
                        if not first or set(session_fields(self.session_of(n), family)) != set(key)
                        or len(start.points) > 1 and not self.session_of(n).bidirectional}
        return frozenset(out)

    def leaf(self, value: object, stage: int, port: int, start: Start, classes: list[Cls],
             grouped: frozenset[tuple[int, str]], made: dict[object, int]) -> int:
        """The number of the leaf for (arc, family) of this entry, made when first met."""
        assert isinstance(value, tuple)
        if (port, value) in made:
            return made[port, value]
        arc, family = value
        number = len(self.leaves)
        made[port, value] = number
        sessions = [] if family == "none" else self.sessions(arc, start)
        if not sessions:
            self.leaves.append(Leaf(number, stage, port, arc, -1))
            return number
        fam = family or ""
        fields = union(sessions, fam)
        several = len(start.points) > 1
        kind = self.kind(stage, fields, several, classes)
        elements = walk_sessions(self.graph, arc)
        groups = tuple((n, self.kind(stage, session_fields(self.session_of(n), fam), False, classes, group=n))
                       for n in elements if (n, fam) in grouped)
        bidirectional = any(s.bidirectional for s in sessions)
        timeouts = [s.timeout for s in sessions if s.timeout]
        self.leaves.append(Leaf(
            number, stage, port, arc, kind, elements, bidirectional, timeout=min(timeouts, default=0), groups=groups,
            tcp=bidirectional and "l4" in key_layers(fields)))
        return number

    def kind(self, stage: int, fields: tuple[str, ...], with_port: bool, classes: list[Cls],
             group: int = -1) -> int:
        new = make_kind(len(self.kinds), stage, fields, with_port, classes, group)
        for k in self.kinds:
            if (k.stage, k.parts, k.group) == (new.stage, new.parts, new.group):
                return k.id
        self.kinds.append(new)
        return new.id

    def classes_in(self, start: Start) -> list[Cls]:
        """Every class that the stage tests: of its links, and of the elements that they lead to."""
        g = self.graph
        out: list[Cls] = []
        seen: set[tuple[int, int, int]] = set()
        todo: list[tuple[int, int, int]] = []

        def links(node: int, port: int, way: int) -> None:
            for e in g.links(node, port, way):
                out.extend([e.cls] if e.cls is not None else [])
                todo.append((e.dst, e.inp, e.way))

        for node, port, way, _ in start.points:
            if port < 0:
                todo.append((node, 0, way))
            else:
                links(node, port, way)
        while todo:
            at = todo.pop()
            elem = g.nodes[at[0]].elem
            if at not in seen and g.nodes[at[0]].kind == "context":
                seen.add(at)
                out.append(context_class(g.nodes[at[0]].protocol))
                links(at[0], 0, at[2])
            if at in seen or elem is None:
                continue
            seen.add(at)
            out.append(element_class(g.nodes[at[0]], self.codes[at[0]], at[1]))
            for k in range(elem.__mcc_elem__.ports[1]):
                links(at[0], k, at[2])
        return out

    def add_mirrors(self, stage: int) -> None:
        """What answers walk: the elements of the walk backwards in a duplex, else the same; and numbers of walks."""
        walks: dict[Arc, int] = {}
        for i, leaf in enumerate(self.leaves):
            if leaf.stage != stage:
                continue
            if leaf.bidirectional:
                far = self.graph.far[leaf.port] if leaf.port >= 0 else -1
                if far < 0 or not self.ends_at(leaf.arc, far):
                    leaf = replace(leaf, mirror=leaf.arc, far=leaf.port)
                else:
                    leaf = replace(leaf, mirror=self.mirror(leaf.arc, leaf.port), far=far)
            number = walks.setdefault(_bare(leaf.arc), len(walks))
            if leaf.mirror is not None:
                walks.setdefault(_bare(leaf.mirror), number)
            self.leaves[i] = replace(leaf, walk=number)

    def ends_at(self, arc: Arc, port: int) -> bool:
        plan = arc.to
        while isinstance(plan, Step):
            plan = plan.outs[0].to
        return plan.kind == "port" and plan.index == port

    def mirror(self, arc: Arc, port: int) -> Arc:
        """The elements along outputs 0, last first, leaving by the port the question came in by."""
        line: list[Step] = []
        plan = arc.to
        while isinstance(plan, Step):
            line.append(plan)
            plan = plan.outs[0].to
        back = Arc(0, End("port", port))
        for s in line:
            others = tuple(Arc(a.hop, a.to) for a in s.outs[1:])
            back = Arc(0, Step(s.node, s.inp, 1 - s.way, (back, *others)))
        return back


def _bare(arc: Arc) -> Arc:
    """The walk without the numbers of its links."""
    plan = arc.to
    return Arc(0, plan if isinstance(plan, End) else replace(plan, outs=tuple(_bare(a) for a in plan.outs)))


def emit_ports(code: Code) -> set[int]:
    """Outputs at which an element's handlers emit packets; -1 where packets are parked."""
    out: set[int] = set()
    for h in code.handlers:
        for s in statements(h.func.body):
            if isinstance(s, (EmitArp, EmitCopy)):
                out.add(s.port)
            out |= {-1 for e in expressions(s) if isinstance(e, Park)}
    return out
