"""The middle end: graph and typed elements -> Plans (stages, leaves, keys, layout). See mcc.ir.plan.

A stage is one classification: stage 0 at the ports, one behind each FlowClassifier, one for what an element emits
at an output, one for parked packets that go on at an element's input.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from mcc.diag import Report
from mcc.ir.classify import Fdd
from mcc.ir.element import Code
from mcc.ir.func import EmitArp, EmitCopy, Park
from mcc.ir.graph import Graph, GraphNode
from mcc.ir.plan import Arc, End, KeyKind, Leaf, Plans, Stage, Step, steps
from mcc.ir.walkers import expressions, statements
from mcc.lang.algebra import Cls, has
from mcc.lang.session import Session
from mcc.passes.fdd import Manager
from mcc.passes.keys import key_layers, make_kind, session_fields, union, walk_sessions
from mcc.passes.layout import lay_out
from mcc.passes.walk import Walker, element_class


@dataclass(frozen=True)
class Start:
    """Where a stage begins: (node, output) pairs, one an entry; `port` -1 inside the chain. inp >= 0: at that input."""

    name: str
    points: tuple[tuple[GraphNode, int, int], ...]
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
        stage_of = {s.points[0][0].id: i for i, s in enumerate(starts)
                    if s.points[0][0].kind == "classifier"}
        walker = Walker(self.graph, self.codes, self.manager, self.report, stage_of)
        stages = tuple(self.stage(i, s, walker) for i, s in enumerate(starts))
        layout = lay_out(self.leaves, self.codes)
        return Plans(stages, tuple(self.kinds), tuple(self.leaves), layout, emits)

    def starts(self) -> tuple[list[Start], tuple[tuple[int, int, int], ...]]:
        g = self.graph
        out = [Start("ports", tuple((n, 0, n.port) for n in g.entries))]
        for n in g.nodes:
            if n.kind == "classifier":
                out.append(Start(n.name, ((n, 0, -1),), n.session, n.builder))
        emits: list[tuple[int, int, int]] = []
        for n in g.elements:
            for port in sorted(emit_ports(self.codes[n.id])):
                emits.append((n.id, port, len(out)))
                name = f"{n.name}_parked" if port < 0 else f"{n.name}_out{port}"
                out.append(Start(name, ((n, port, -1),)))
        return out, tuple(emits)

    def stage(self, number: int, start: Start, walker: Walker) -> Stage:
        """Diagrams first, then their leaves in order of first use, then the kinds of key that they need."""
        raw: list[tuple[int, Fdd]] = []
        for node, out, port in start.points:
            d = walker.arrive(node.id, 0, 0) if out < 0 else (
                walker.entry(node) if node.kind in ("in", "classifier") else walker.output(node.id, out, 0))
            if port >= 0:
                d = self.manager.restrict(d, {"in.port": ((port, port),)})
            raw.append((port, d))
        classes = self.classes_in([d for _, d in raw])
        arcs = [a for _, d in raw for a in self.manager.leaves(d)]
        grouped = self.grouped_elements([a for a in arcs if isinstance(a, Arc)], start)
        made: dict[object, int] = {}
        diagrams = []
        for port, d in raw:
            split = self.manager.map_leaves_to(d, lambda arc: self.families(arc, start))
            diagrams.append(self.manager.map_leaves(
                split, lambda v, port=port: self.leaf(v, number, port, start, classes, grouped, made)))
        self.add_mirrors(number, raw)
        kinds = tuple(k.id for k in self.kinds if k.stage == number)
        mine = tuple(leaf.id for leaf in self.leaves if leaf.stage == number)
        return Stage(number, start.name, tuple(p for p, _ in raw), tuple(diagrams), mine, kinds, start.builder)

    def sessions(self, arc: Arc, start: Start) -> list[Session]:
        out = [self.session_of(n) for n in walk_sessions(self.graph, arc)]
        return out + ([start.session] if start.session is not None and steps(arc.to) else [])

    def session_of(self, node: int) -> Session:
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

    def grouped_elements(self, arcs: list[Arc], start: Start) -> frozenset[tuple[int, str]]:
        """(node, family) of elements that somewhere have fewer fields than the walk's key."""
        out = set()
        for arc in arcs:
            for family in ("ip", "ip6", ""):
                fields = set(union(self.sessions(arc, start), family))
                out |= {(n, family) for n in walk_sessions(self.graph, arc)
                        if set(session_fields(self.session_of(n), family)) != fields
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
        layers = key_layers(fields)
        timeouts = [s.timeout for s in sessions if s.timeout]
        self.leaves.append(Leaf(
            number, stage, port, arc, kind, elements, bidirectional, timeout=min(timeouts, default=0), groups=groups,
            tcp=bidirectional and "l4" in layers, layers=layers))
        return number

    def kind(self, stage: int, fields: tuple[str, ...], with_port: bool, classes: list[Cls],
             group: int = -1) -> int:
        new = make_kind(len(self.kinds), stage, fields, with_port, classes, group)
        for k in self.kinds:
            if (k.stage, k.parts, k.group) == (new.stage, new.parts, new.group):
                return k.id
        self.kinds.append(new)
        return new.id

    def classes_in(self, diagrams: list[Fdd]) -> list[Cls]:
        """Every class that the stage's walks test: links and elements that they pass or might pass."""
        g = self.graph
        out: list[Cls] = []
        nodes: set[int] = set()
        todo = [n for d in diagrams for a in self.manager.leaves(d) if isinstance(a, Arc) for n in steps(a.to)]
        nodes |= {s.node for s in todo}
        for e in g.edges:
            if e.cls is not None:
                out.append(e.cls)
        for n in sorted(nodes):
            for inp in range(len(self.codes[n].needs) or 1):
                out.append(element_class(g.nodes[n], self.codes[n], inp))
        return out

    def add_mirrors(self, stage: int, raw: list[tuple[int, Fdd]]) -> None:
        """What answers walk: the elements of the walk backwards in a duplex, else the same walk."""
        for i, leaf in enumerate(self.leaves):
            if leaf.stage != stage or not leaf.bidirectional:
                continue
            far = self.graph.far[leaf.port] if leaf.port >= 0 else -1
            if far < 0 or not self.ends_at(leaf.arc, far):
                self.leaves[i] = replace(leaf, mirror=leaf.arc, far=leaf.port)
            else:
                self.leaves[i] = replace(leaf, mirror=self.mirror(leaf.arc, leaf.port), far=far)

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


def emit_ports(code: Code) -> set[int]:
    """Outputs at which an element's handlers emit packets; -1 where packets are parked."""
    out: set[int] = set()
    for h in code.handlers:
        for s in statements(h.func.body):
            if isinstance(s, (EmitArp, EmitCopy)):
                out.add(s.port)
            out |= {-1 for e in expressions(s) if isinstance(e, Park)}
    return out
