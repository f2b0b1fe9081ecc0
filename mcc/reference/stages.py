"""Stages: where classification starts, which keys are looked up before it, which elements have groups."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import product

from mcc.lang.algebra import And, Cls, Meta, Test
from mcc.lang.chain import declared_class
from mcc.lang.session import Session
from mcc.lang.tested import is_hash_first, tests_tags
from mcc.reference.keys import fields_of
from mcc.reference.walk import Walker, session_layers

Start = tuple[int, int, int]
"""Node, output (-1 - i: the node's input i), way."""

_APART = (("tcp", "udp", "icmp", "icmp6", "arp"), ("ip", "ip6", "arp"), ("l4", "icmp", "icmp6", "arp"),
          ("net", "arp"))
_OVER = {"icmp": "ip", "icmp6": "ip6"}


@dataclass
class Stage:
    """One classification. `starts`: where packets enter; `session`: of a FlowClassifier; `ports`: whether the port by
    which a packet came in is part of its keys; `first`: keys that are looked up before packets are classified, those
    with most fields first; `tags`: whether they hold tags and link."""

    number: int
    starts: tuple[Start, ...]
    ports: bool
    session: Session | None
    classes: list[Cls]
    grouped: frozenset[tuple[int, str]]
    first: tuple[frozenset[str], ...] = ()
    tags: bool = False


def make_stage(walker: Walker, number: int, starts: tuple[Start, ...], session: Session | None) -> Stage:
    """The stage that begins at `starts`."""
    nodes: set[int] = set()
    pairs: set[tuple[int, int]] = set()
    for node, out, way in starts:
        inside = _Together(walker)
        more, both = inside.output(node, out, way) if out >= 0 else inside.arrive(node, -1 - out, way)
        nodes |= more
        pairs |= both
    classes = walker.classes(starts)
    possible = _Possible(walker)
    walks = [w for node, out, way in starts
             for w in (possible.output(node, out, way) if out >= 0 else possible.arrive(node, -1 - out, way))]
    always = [session] if session is not None else []
    keys = {k for w in walks for fam in ("ip", "ip6", "") if (k := fields_of([*w, *always], fam))
            and not any(f.startswith("net.") for f in k)}
    first = sorted((k for k in keys if is_hash_first(k, classes)),
                   key=lambda k: (-len(k) - any(f.startswith("l4.") for f in k), sorted(k)))
    grouped = _grouped(walker, nodes, pairs, len(starts) > 1, session)
    grouped |= {(n, fam) for n in nodes for w in walks for fam in ("ip", "ip6", "")
                if n in walker.runners and walker.runners[n].elem.session in w
                and not is_hash_first(fields_of([*w, *always], fam), classes)}
    return Stage(number, starts, len(starts) > 1, session, classes, grouped, tuple(first), tests_tags(classes))


Sessions = frozenset[Session]


@dataclass
class _Possible:
    """Which sets of sessions a walk may have, as far as layers tell."""

    walker: Walker
    memo: dict[Start, frozenset[Sessions]] = field(default_factory=dict)

    def output(self, node: int, out: int, way: int) -> frozenset[Sessions]:
        found = [self.arrive(e.dst, e.inp, e.way) for e in self.walker.graph.links(node, out, way)]
        return frozenset({frozenset()}).union(*found)

    def arrive(self, node: int, inp: int, way: int) -> frozenset[Sessions]:
        key = (node, inp, way)
        n = self.walker.graph.nodes[node]
        elem = n.elem
        if n.kind == "context" and key not in self.memo:
            mine = frozenset({self.walker.session(self.walker.graph.context_of(node))})
            inner = self.output(node, 0, way)
            taken = {s for s in (mine | x for x in inner) if _can_meet({y for k in s for y in session_layers(k)})}
            by = self.output(n.partner, 0, way) if n.opens(way) else frozenset()
            self.memo[key] = frozenset(taken) | by
        if n.kind == "context":
            return self.memo[key]
        if elem is None:
            return frozenset({frozenset()})
        if key not in self.memo:
            t = elem.__mcc_elem__
            outs = [self.output(node, k, way) for k in range(t.ports[1])]
            own = frozenset({t.session}) if t.session is not None and inp == 0 else frozenset()
            inside = {own.union(*sets) for sets in product(*outs)}
            sane = {s for s in inside if _can_meet({x for k in s for x in session_layers(k)})}
            self.memo[key] = outs[0] | sane
        return self.memo[key]


@dataclass
class _Together:
    """Which elements some packet may reach, and which pairs of them one walk may hold."""

    walker: Walker
    memo: dict[Start, tuple[frozenset[int], frozenset[tuple[int, int]]]] = field(default_factory=dict)

    def output(self, node: int, out: int, way: int) -> tuple[frozenset[int], frozenset[tuple[int, int]]]:
        nodes: frozenset[int] = frozenset()
        pairs: frozenset[tuple[int, int]] = frozenset()
        for e in self.walker.graph.links(node, out, way):
            more, both = self.arrive(e.dst, e.inp, e.way)
            nodes, pairs = nodes | more, pairs | both
        return nodes, pairs

    def arrive(self, node: int, inp: int, way: int) -> tuple[frozenset[int], frozenset[tuple[int, int]]]:
        key = (node, inp, way)
        n = self.walker.graph.nodes[node]
        elem = n.elem
        if elem is None and n.kind != "context":
            return frozenset(), frozenset()
        if key not in self.memo:
            mine = self.walker.graph.context_of(node) if elem is None else node
            outs = [self.output(node, k, way) for k in range(elem.__mcc_elem__.ports[1] if elem is not None else 1)]
            if elem is None and n.opens(way):
                outs.append(self.output(n.partner, 0, way))
            node = mine
            nodes = frozenset({node}).union(*(n for n, _ in outs))
            pairs = frozenset().union(*(p for _, p in outs), {(node, n) for ns, _ in outs for n in ns})
            for i, (a, _) in enumerate(outs):
                pairs |= {(x, y) for b, _ in outs[i + 1:] for x in a for y in b}
            self.memo[key] = nodes, pairs
        return self.memo[key]


def _grouped(walker: Walker, nodes: Iterable[int], pairs: set[tuple[int, int]], several: bool,
             own: Session | None) -> frozenset[tuple[int, str]]:
    """(node, family) of session elements that have fewer fields than some walk's key, or that are not bidirectional
    where the port is a part of keys."""
    sessions = {n: s for n in nodes if (s := walker.session_at(n)) is not None}
    out: set[tuple[int, str]] = set()
    for fam in ("ip", "ip6", ""):
        fields = {n: fields_of([s], fam) for n, s in sessions.items()}
        if several:
            out |= {(n, fam) for n, s in sessions.items() if not s.bidirectional}
        if own is not None:
            out |= {(n, fam) for n in sessions if not fields_of([own], fam) <= fields[n]}
        for a, b in pairs:
            if a in fields and b in fields and a != b and _can_meet(_layers(walker, a) | _layers(walker, b)):
                out |= {(x, fam) for x, y in ((a, b), (b, a)) if not fields[y] <= fields[x]}
    return frozenset((n, fam) for n, fam in out if n in walker.runners)


def _layers(walker: Walker, node: int) -> set[str]:
    """Layers that every packet inside a session element's class has."""
    elem = walker.graph.nodes[node].elem
    if elem is None:
        protocol = walker.graph.nodes[node].protocol
        return session_layers(walker.session(node)) | ({protocol} if protocol != "ip" else set())
    session = elem.__mcc_elem__.session
    out = set(walker.needs.get((node, 0), ())) | (session_layers(session) if session else set())
    declared = declared_class(elem, 0)
    return out | (_asked(declared) if declared is not None else set())


def _asked(c: Cls) -> set[str]:
    if isinstance(c, And):
        return set().union(*(_asked(p) for p in c.parts))
    if isinstance(c, Test) and isinstance(c.subject, Meta) and c.ranges == ((1, 1),):
        return {c.subject.name.removeprefix("layer.")} if c.subject.name.startswith("layer.") else set()
    return set()


def _can_meet(layers: set[str]) -> bool:
    """Whether one packet may have all the layers."""
    layers = layers | {_OVER[x] for x in layers if x in _OVER}
    return all(len(layers & set(group)) < 2 for group in _APART)
