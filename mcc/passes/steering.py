"""Which core a packet belongs to: so that all packets that meet in some state meet on one core.

    sessions, groups, maps of the chain  =>  domains (cells, fields)  =>  one Spread for cells that share a domain

A *cell* is the packets that come in by one port with one network and one transport layer. A *domain* is a piece of
state: the cells whose packets may meet in it, and the fields of which equal values mean that they may. Packets of equal
fields must be of one core, so the core may depend on those fields alone that every domain of a cell has; where answers
count too, only on fields that have their mirror (src and dst). No such field: core 0 has them all, and that is said
(`@element(cores=1)`) or refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from mcc.diag import Report, Span
from mcc.ir import func as h
from mcc.ir.classify import NET, TRANSPORT, Fdd, Leaf, Switch
from mcc.ir.element import Code, MapDecl
from mcc.ir.graph import Graph
from mcc.ir.plan import Arc, Cell, End, KeyKind, Plans, PortRange, Spread, Steering, steps
from mcc.ir.plan import Leaf as Rule
from mcc.ir.walkers import expressions, statements
from mcc.lang.session import l4_name
from mcc.lang.tested import MIRROR
from mcc.passes.answers import Answer, answer_of, field_of

GROUPS = (("none", "none"), ("arp", "none"), ("ip", "none"), ("ip", "tcp"), ("ip", "udp"), ("ip", "icmp"),
          ("ip6", "none"), ("ip6", "tcp"), ("ip6", "udp"), ("ip6", "icmp6"))
"""Network and transport layer of the cells of a port."""

ENDS = frozenset({"ip.src", "ip.dst", "l4.sport", "l4.dport"})
_REFINE = frozenset({"proto", "in.port", "tags", "walk"})
_ALONE = "@element(cores=1) says so: core 0 handles all packets that reach it"


@dataclass
class Domain:
    """Packets of `cells` with equal `fields` may meet; two_way: so may their answers. `declared`: one core is what the
    user wants. `answers`: those that a handler gave an address and ports of their own."""

    what: str
    span: Span
    fields: frozenset[str]
    two_way: bool = False
    declared: bool = False
    cells: set[Cell] = field(default_factory=set)
    ranges: set[PortRange] = field(default_factory=set)


def plan_steering(graph: Graph, codes: Mapping[int, Code], plans: Plans, report: Report) -> Steering:
    """The spread of every cell. What one core would have to handle, though nobody said so, is an error of the report:
    the chain runs on one core."""
    return _Steerer(graph, codes, plans, report).run()


@dataclass
class _Steerer:
    graph: Graph
    codes: Mapping[int, Code]
    plans: Plans
    report: Report
    domains: dict[object, Domain] = field(default_factory=dict)
    at: dict[int, set[Cell]] = field(default_factory=dict)
    """Cells whose packets may reach a node."""
    before: dict[int, set[str]] = field(default_factory=dict)
    """Fields that may have been written before a stage."""
    into: dict[int, set[Cell]] = field(default_factory=dict)
    """Cells whose packets may enter a stage."""

    def run(self) -> Steering:
        for _ in range(len(self.plans.stages) + 1):  # packets go from stage to stage
            for leaf in self.plans.leaves:
                self.walk(leaf)
            for emit in self.plans.emits:
                self.into.setdefault(emit.stage, set()).update(self.at.get(emit.node, ()))
                made = any(isinstance(s, h.EmitArp) for x in self.codes[emit.node].handlers
                           for s in statements(x.func.body))
                self.before.setdefault(emit.stage, set()).update(
                    {"*"} if made else self.written([emit.node]), self.upstream(emit.node))
        for leaf in self.plans.leaves:
            self.sessions(leaf)
        for n in self.graph.elements:
            self.element(n.id)
        deep = next((n for n in self.graph.nodes if n.name in self.graph.inner), None)
        if deep is not None:
            self.report.error(deep.span, f"port {deep.name} looks into tunnels, and which core has a packet depends on "
                              "its outermost headers: this chain runs on one core", "leave out --cores, or inner=True")
        return self.solve()

    # ------------------------------------------------------------ who gets where

    def groups_of(self, leaf: Rule) -> list[tuple[str, str]]:
        """Layers of packets that the diagrams lead to the leaf, or that its flows' keys are taken from."""
        stage = self.plans.stages[leaf.stage]
        kind = self.plans.kinds[leaf.kind] if leaf.kind >= 0 else None
        diagrams = [d for p, d in zip(stage.entries, stage.diagrams, strict=True) if p == leaf.port]
        joined = kind is not None and kind.hash_first and not kind.with_proto  # whatever the class of later packets
        return [g for g in GROUPS if any(leaf.id in _leaves(d, *g) for d in diagrams)
                or joined and kind is not None and _has_layers(g, kind)]

    def cells_of(self, leaf: Rule) -> set[Cell]:
        """Cells of the packets that walk the leaf, answers too."""
        groups = self.groups_of(leaf)
        if leaf.port < 0:
            return {c for c in self.into.get(leaf.stage, ()) if (c.net, c.transport) in groups
                    or "*" in self.before.get(leaf.stage, ())}
        ports = {leaf.port} | ({leaf.far} if leaf.bidirectional and leaf.far >= 0 else set())
        return {Cell(p, *g) for p in ports for g in groups}

    def walk(self, leaf: Rule) -> None:
        cells = self.cells_of(leaf)
        for arc in (leaf.arc, leaf.mirror):
            if arc is None:
                continue
            for s in steps(arc.to):
                self.at.setdefault(s.node, set()).update(cells)
            nodes = [s.node for s in steps(arc.to)]
            for stage in _stages(arc):
                self.into.setdefault(stage, set()).update(cells)
                self.before.setdefault(stage, set()).update(self.written(nodes), self.before.get(leaf.stage, ()))

    def written(self, nodes: Iterable[int]) -> set[str]:
        return {l4_name(k) for n in nodes if n in self.codes for k in self.codes[n].writes}

    def upstream(self, node: int) -> set[str]:
        """Fields that may have been written when a packet is at the node, its own writes included."""
        out: set[str] = set()
        for leaf in self.plans.leaves:
            for arc in (leaf.arc, leaf.mirror):
                nodes = [s.node for s in steps(arc.to)] if arc is not None else []
                if node in nodes:
                    out |= self.written(nodes) | self.before.get(leaf.stage, set())
        return out

    # ------------------------------------------------------------ domains

    def sessions(self, leaf: Rule) -> None:
        """Flows of the leaf, and the groups that its elements share."""
        if leaf.kind < 0:
            return
        cells = self.cells_of(leaf)
        kind = self.plans.kinds[leaf.kind]
        grouped = {n for n, _ in leaf.groups}
        own = [n for n in leaf.elements if n not in grouped] or list(leaf.elements)
        first = self.graph.nodes[own[0]] if own else None
        span = first.span if first is not None else self.graph.span
        mine = self.domain(("flow", leaf.id), f"sessions of {first.name}" if first else "sessions", span, kind,
                           leaf.stage, leaf.bidirectional)
        mine.cells |= cells
        for node in leaf.elements:
            if leaf.bidirectional and node in self.codes:
                self.answers(mine, kind, self.codes[node])
        for node, number in leaf.groups:
            elem = self.graph.nodes[node].elem
            assert elem is not None and elem.__mcc_elem__.session is not None
            group = self.domain(("group", number), f"sessions of {self.graph.nodes[node].name}",
                                self.graph.nodes[node].span, self.plans.kinds[number], leaf.stage,
                                elem.__mcc_elem__.session.bidirectional)
            group.cells |= cells

    def domain(self, key: object, what: str, span: Span, kind: KeyKind, stage: int, two_way: bool) -> Domain:
        """The domain of a kind of key, made when first asked for. Of a field that was written before, the value at the
        port is not known."""
        written = self.before.get(stage, set())
        fields = frozenset(p.field for p in kind.parts) - _REFINE
        fields = frozenset() if "*" in written else fields - written
        return self.domains.setdefault(key, Domain(what, span, fields, two_way))

    def answers(self, mine: Domain, kind: KeyKind, code: Code) -> None:
        """`flow.reply_key`: what of the question is still in the answer, or whose port it comes to."""
        if kind.part("ip.src") is None or kind.part("l4.sport") is None:
            return
        for x in code.handlers:
            for said in (s for s in statements(x.func.body) if isinstance(s, h.ReplyKey)):
                answer: Answer = answer_of(said, x.func, code)
                if answer.range is not None and not kind.group >= 0 and self.plans.stages[kind.stage].entries != (-1,):
                    mine.ranges.add(answer.range)
                else:
                    mine.fields -= answer.lost

    def element(self, node: int) -> None:
        """State that is not of a session: maps that are written; what a timer does to be seen; one core wanted."""
        code, n = self.codes[node], self.graph.nodes[node]
        cells = set(self.at.get(node, ()))
        assert n.elem is not None
        alone = n.elem.__mcc_elem__.cores == 1
        if alone:
            self.domains["alone", node] = Domain(n.name, n.span, frozenset(), declared=True, cells=cells)
            return
        for d in code.state:
            if isinstance(d, MapDecl):
                self.map(node, d.name, cells)
        for x in code.handlers:
            for s in statements(x.func.body) if x.role == "on_timer" else ():
                if isinstance(s, (h.CounterAdd, h.Alert, h.EmitArp, h.EmitCopy)):
                    self.report.error(s.span, f"on_timer of {n.name} runs on each core, and each of them would do this",
                                      _ALONE + ", and its timer")
                    break

    def map(self, node: int, name: str, cells: set[Cell]) -> None:
        code, written = self.codes[node], self.upstream(node)
        keys: set[str | None] = set()
        first: Span | None = None
        for f in (*(x.func for x in code.handlers), *code.inlines):
            for s in statements(f.body):
                used = [s] if isinstance(s, (h.MapPut, h.MapDelete)) else []
                parks = [e for e in expressions(s) if isinstance(e, (h.Park, h.MapGet))]
                for e in (*used, *parks):
                    if e.map != name:
                        continue
                    found = field_of(e.key, f)
                    keys.add(None if found in written else found)
                    if first is None and not isinstance(e, h.MapGet):
                        first = e.span
        if first is None:
            return  # what setup put there is read: each core has a copy
        key = keys.pop() if len(keys) == 1 else None
        fields = frozenset() if key is None else frozenset({key})
        self.domains["map", node, name] = Domain(f"the HashMap {name} of {self.graph.nodes[node].name}", first, fields,
                                                 cells=cells)

    # ------------------------------------------------------------ solving

    def solve(self) -> Steering:
        cells = [Cell(n.port, *g) for n in self.graph.entries for g in GROUPS]
        spreads: list[tuple[Cell, Spread]] = []
        ranges: dict[PortRange, None] = {}
        ranged: set[Cell] = set()
        for part in _parts(cells, self.domains.values()):
            domains = [d for d in self.domains.values() if d.cells & part]
            spread = self.spread(part, domains)
            mine = sorted({r for d in domains for r in d.ranges}, key=lambda r: (r.address, r.lo, r.hi))
            if spread.fields and mine:
                ranges.update(dict.fromkeys(mine))
                ranged |= {c for c in part if c.net == "ip" and c.transport in ("tcp", "udp")}
            spreads += [(c, spread if spread.fields or domains else _free(c)) for c in cells if c in part]
        self.overlaps(list(ranges))
        order = {c: i for i, c in enumerate(cells)}
        contexts = bool(self.graph.contexts)
        quoted = contexts and not any(c.transport in ("icmp", "icmp6") for d in self.domains.values() for c in d.cells)
        return Steering(tuple(sorted(spreads, key=lambda x: order[x[0]])), tuple(ranges), frozenset(ranged), contexts,
                        quoted)

    def spread(self, part: set[Cell], domains: list[Domain]) -> Spread:
        """What may decide the core of these cells, which share domains."""
        if not domains or any(d.declared for d in domains):
            return Spread()
        common = frozenset.intersection(*(d.fields for d in domains))
        both = frozenset(f for f in common if MIRROR.get(f) in common)
        ranges = any(d.ranges for d in domains)
        if ranges and not all(ENDS <= d.fields for d in domains if any(c.net == "ip" for c in d.cells)):
            both = common = frozenset()
        if both:
            return Spread(tuple(sorted(both)), True)
        if common and not any(d.two_way for d in domains):
            return Spread(tuple(sorted(common)))
        self.refuse(domains, ranges)
        return Spread()

    def refuse(self, domains: list[Domain], ranges: bool) -> None:
        """Blame the domain with the fewest fields, beside another one that it does not go with."""
        worst = min(domains, key=lambda d: (len(d.fields), d.span))
        other = next((d for d in domains if d.ranges and not ENDS <= worst.fields), None) if ranges else None
        if other is None and worst.fields:
            other = next((d for d in domains if d is not worst and not _go_together(worst, d)), None)
        if not worst.fields:
            text = f"nothing in a packet tells which part of {worst.what} it will meet"
        elif other is None or other is worst:
            text = f"{worst.what} are told apart by {_list(worst.fields)}, which answers do not share"
        else:
            text = f"{worst.what} are told apart by {_list(worst.fields)}, which {other.what} do not keep together"
        also: tuple[tuple[Span, str], ...] = ()
        if other is not None and other is not worst:
            more = " and by the port that was taken" if other.ranges else ", and have answers" if other.two_way else ""
            also = ((other.span, f"{other.what} are told apart by {_list(other.fields)}{more}"),)
        self.report.error(worst.span, f"{text}: this chain runs on one core", _ALONE, also=also)

    def overlaps(self, ranges: list[PortRange]) -> None:
        for i, r in enumerate(ranges):
            for other in ranges[:i]:
                if r.address == other.address and r.lo <= other.hi and other.lo <= r.hi:
                    self.report.error(self.graph.span, f"two elements take ports {max(r.lo, other.lo)} to "
                                      f"{min(r.hi, other.hi)} of one address: cores cannot tell whose answers come",
                                      "ranges that do not overlap, or an address each")


def _list(fields: Iterable[str]) -> str:
    return ", ".join(sorted(fields))


def _go_together(a: Domain, b: Domain) -> bool:
    """Whether some fields decide for both."""
    common = a.fields & b.fields
    return bool(common) and (not (a.two_way or b.two_way) or any(MIRROR.get(f) in common for f in common))


def _free(c: Cell) -> Spread:
    """Packets that no state keeps together: conversations stay whole, so that their packets keep their order."""
    ends = {"arp": (), "none": ()}.get(c.net, (f"{c.net}.src", f"{c.net}.dst"))
    return Spread((*ends, "l4.sport", "l4.dport") if c.transport in ("tcp", "udp") else tuple(ends), bool(ends))


def _parts(cells: list[Cell], domains: Iterable[Domain]) -> list[set[Cell]]:
    """Cells that share domains, directly or through others."""
    parts = [{c} for c in cells]
    for d in domains:
        touched = [p for p in parts if p & d.cells]
        if len(touched) > 1:
            parts = [p for p in parts if not p & d.cells] + [set().union(*touched)]
    return parts


def _has_layers(group: tuple[str, str], kind: KeyKind) -> bool:
    there = set(group) | {"in", "raw", "eth", "vlan"} | ({"net"} if group[0] in ("ip", "ip6") else set())
    there |= {"l4"} if group[1] in ("tcp", "udp") else set()
    return kind.layers <= there


def _leaves(d: Fdd, net: str, transport: str) -> set[object]:
    """Leaves of a diagram that packets with these layers can reach; other fields may have any value."""
    known = {"net": NET.index(net), "transport": TRANSPORT.index(transport)}
    found: set[object] = set()
    seen: set[int] = set()
    todo = [d]
    while todo:
        n = todo.pop()
        if n.uid in seen:
            continue
        seen.add(n.uid)
        if isinstance(n, Leaf):
            found.add(n.value)
        elif n.field.key in known:
            todo.append(n.child(known[n.field.key]))
        else:
            todo += _possible(n, net, transport)
    return found


def _possible(n: Switch, net: str, transport: str) -> tuple[Fdd, ...]:
    """Children of a test of the protocol itself, for a transport layer that is there; else all of them."""
    number = {"tcp": 6, "udp": 17, "icmp": 1, "icmp6": 58}.get(transport)
    etype = {"arp": 0x0806, "ip": 0x0800, "ip6": 0x86DD}.get(net)
    if number is not None and n.field.key in ("ip.proto", "ip6.next"):
        return (n.child(number),)
    if etype is not None and n.field.key == "etype":
        return n.child(etype), n.child(0)  # 0: on links that only say which protocol it is
    return n.children


def _stages(arc: Arc) -> set[int]:
    out: set[int] = set()
    todo = [arc]
    while todo:
        plan = todo.pop().to
        if isinstance(plan, End):
            out |= {plan.index} if plan.kind == "stage" else set()
        else:
            todo += plan.outs
    return out
