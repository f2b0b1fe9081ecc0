"""The unified table as patterns for NICs (mcc.ir.offload): a diagram is cut by shapes of packets, each shape unrolled.

    0: transport? tcp -> 1; else leaf 2          eth / ipv4 / tcp  dport 80  => mark 1 (leaf 1)
    1: l4.dport? 80 -> leaf 1; else leaf 2   =>  eth / ipv4 / tcp            => mark 2 (leaf 2)
                                                 eth / ipv4                  => mark 3 (leaf 2) ..

A shape says which headers a packet has, so what is left of the diagram tests fields only. What NICs do not test
(lengths, fragments, bytes of the payload) is taken out: where its outcomes agree that is the leaf, where they do not
the packets match a pattern without a mark and are classified in software, and later patterns are not disturbed. A shape
of too many patterns is left to software as a whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from mcc.ir.classify import NET, TRANSPORT, DField, Fdd, load_field
from mcc.ir.classify import Leaf as DLeaf
from mcc.ir.offload import ETYPES, PATTERN_BYTES, PROTOS, Mark, Match, Offload, Pattern, Shape
from mcc.lang.algebra import Load
from mcc.lang.ranges import Ranges
from mcc.passes.fdd import Manager
from mcc.passes.rules import grouped
from mcc.passes.words import column, values_text
from mcc.protocols.dissect import ETHERNET
from mcc.protocols.dissect import TAGS as TPIDS
from mcc.protocols.headers import HEADER_BYTES

MOST = 1024
"""Patterns of one port."""

TAGS = (2, 1, 0)
"""Numbers of VLAN tags that are told apart where the chain looks at tags, as NICs do."""

MATCHED = {
    "eth": ((0, 12),), "vlan": ((14, 16),), "arp": ((6, 28),), "ip": ((1, 2), (8, 10), (12, 20)), "ip6": ((6, 40),),
    "tcp": ((0, 4), (13, 14)), "udp": ((0, 4),), "icmp": ((0, 2),), "icmp6": ((0, 2),), "none": (),
}
"""Bytes of each header, first and behind the last, that NICs match: addresses, TOS, TTL, protocol, ports, TCP's flags,
types. Those of `vlan` from the start of the frame: the outermost tag."""

_UNSAID = {"ip.frag": "fragments", "wire": "lengths", "etype": "Ethertype"}
_OVER = {"ip": ("tcp", "udp", "icmp", "none"), "ip6": ("tcp", "udp", "icmp6", "none")}

Tests = tuple[Match, ...]
Row = tuple[Tests, int | None, str]
"""Tests, the leaf (None: software), and why there is none."""


def offload(diagrams: Iterable[tuple[int, Fdd]]) -> Offload:
    """Patterns for ports with the diagrams of what comes in by them; their leaves are numbers."""
    manager = Manager()
    marks: dict[Mark, int] = {}
    patterns: list[Pattern] = []
    for port, diagram in diagrams:
        mine = manager.map_leaves(diagram, lambda v: v)
        patterns += _ranked(_needed(list(_port(manager, port, mine, marks))))
    return Offload(tuple(patterns), tuple(marks))


def _port(manager: Manager, port: int, diagram: Fdd, marks: dict[Mark, int]) -> Iterator[Pattern]:
    left = MOST
    for shape in _shapes(manager, diagram):
        rows: list[Row] = []
        mine = _agreed(manager, _of_shape(manager, port, diagram, shape), shape)
        if not _unroll(mine, shape, (), rows, left):
            rows = [((), None, f"more than {MOST} patterns")]
        left -= len(rows)
        for tests, leaf, why in rows:
            mark = 0 if leaf is None else marks.setdefault(Mark(port, shape, leaf), len(marks) + 1)
            yield Pattern(port, shape, tests, mark, why=why)


def _shapes(manager: Manager, diagram: Fdd) -> Iterator[Shape]:
    """In the order in which NICs must try them: a packet of a shape has the headers of later ones, too."""
    tested = manager.support(diagram)
    looks = any(k == "vlans" or k.startswith(("vlan.", "abs+", "avail.abs", "x4@")) for k in tested)
    for tags in TAGS if looks else (None,):
        for net, over in _OVER.items():
            for transport in over:
                yield Shape(net, transport, tags)
        yield Shape("arp", tags=tags)
        yield Shape("none", tags=tags or 0)  # a NIC that passes over tags may not know what is behind them


def _of_shape(manager: Manager, port: int, diagram: Fdd, shape: Shape) -> Fdd:
    """The diagram for packets of a shape."""
    least = shape.start("l4") + HEADER_BYTES.get(shape.transport, 0)
    known: dict[str, Ranges] = {"in.port": ((port, port),), "link": ((ETHERNET, ETHERNET),), "avail.link": ((1, 1),),
                                "avail.abs": ((least, (1 << 32) - 1),)}
    if shape.tags is not None:
        known["vlans"] = ((shape.tags, shape.tags),)
        if shape.transport in PROTOS:
            at = Load("abs", 8 * shape.start("l3") + (72 if shape.net == "ip" else 48), 8)
            known[load_field(at).key] = ((PROTOS[shape.transport], PROTOS[shape.transport]),)
    if shape.net in ETYPES:
        known["etype"] = ((ETYPES[shape.net], ETYPES[shape.net]),)
    for key, names, name in (("net", NET, shape.net), ("transport", TRANSPORT, shape.transport)):
        known[key] = ((names.index(name), names.index(name)),)
    return manager.restrict(diagram, known)


def _agreed(manager: Manager, diagram: Fdd, shape: Shape) -> Fdd:
    """Without tests that NICs do not make; leaves that depend on one are its name."""
    memo: dict[int, Fdd] = {}

    def go(n: Fdd) -> Fdd:
        if isinstance(n, DLeaf):
            return n
        if n.uid not in memo:
            children = [go(c) for c in n.children]
            memo[n.uid] = manager.switch(n.field, n.starts, children) if matched(n.field, shape) else \
                _agreement(manager, list(dict.fromkeys(children)), manager.leaf(_what(n.field)))
        return memo[n.uid]

    return go(diagram)


def _agreement(manager: Manager, children: list[Fdd], unknown: DLeaf) -> Fdd:
    """What all of them say; `unknown` where they do not."""
    def done(nodes: tuple[Fdd, ...]) -> Fdd | None:
        if len(set(nodes)) == 1:
            return nodes[0]
        left = next((n for n in nodes if isinstance(n, DLeaf) and isinstance(n.value, str)), None)
        return left or (unknown if all(isinstance(n, DLeaf) for n in nodes) else None)

    return manager.combine(children, done)


def _unroll(d: Fdd, shape: Shape, tests: Tests, rows: list[Row], most: int) -> bool:
    """Rows below `d`, those of the default last; False where there are more than `most`."""
    if len(rows) >= most:
        return False
    if isinstance(d, DLeaf):
        rows.append((tests, None, d.value) if isinstance(d.value, str) else (tests, int(str(d.value)), ""))
        return True
    for child, ranges in grouped(d):
        if child is not d.default:
            for value, mask in masks(ranges, d.field):
                if not _unroll(child, shape, (*tests, Match(d.field, value, mask)), rows, most):
                    return False
    return _unroll(d.default, shape, tests, rows, most)


def _what(field: DField) -> str:
    """A test that no NIC makes, in a word."""
    if field.key.startswith("avail."):
        return "cut packets"
    return _UNSAID.get(field.key) or (field.key if column(field.key) != "bytes" else "bytes")


def matched(field: DField, shape: Shape) -> bool:
    """NICs can match the field in packets of the shape."""
    if field.load is None:
        return field.key == "etype" and shape.net == "none"
    base, first, end = field.load.base, field.load.bit // 8, field.load.end
    l3 = shape.start("l3")
    if base == "abs" and shape.tags is not None and first >= l3:
        base, first, end = "l3", first - l3, end - l3
    ranges = {"abs": MATCHED["eth"] + MATCHED["vlan"] * bool(shape.tags), "l3": MATCHED[shape.net],
              "l4": MATCHED[shape.transport]}.get(base, ())
    return any(lo <= first and end <= hi for lo, hi in ranges)


def masks(ranges: Ranges, field: DField) -> Iterator[tuple[int, int]]:
    """The ranges as (value, mask): the fewest prefixes. 1-6 of 3 bits => 001, 01x, 10x, 110."""
    care = field.load.mask if field.load is not None and field.load.mask else field.top
    for lo, hi in ranges:
        while lo <= hi:
            size = lo & -lo if lo else field.top + 1
            while size > hi - lo + 1:
                size >>= 1
            if lo & ~care == 0:  # no value has other bits
                yield lo, care & (field.top ^ (size - 1))
            lo += size


# ---------------------------------------------------------------- which are needed, and in which order


class _Bits:
    """A pattern as two numbers, with what its shape says of types and protocols."""

    def __init__(self, p: Pattern) -> None:
        spec, mask = (int.from_bytes(b, "big") for b in p.bytes())
        s = p.shape
        for at, size, number in ((s.start("l3") - 2, 2, ETYPES.get(s.net)),
                                 (s.start("l3") + (9 if s.net == "ip" else 6), 1, PROTOS.get(s.transport))):
            if number is not None:
                shift = 8 * (PATTERN_BYTES - at - size)
                spec |= number << shift
                mask |= ((1 << 8 * size) - 1) << shift
        self.spec, self.mask, self.tags = spec, mask, s.tags or 0
        kind = 8 * (PATTERN_BYTES - s.start("l3"))  # of the type field
        self.open = any((spec >> kind ^ tag) & (mask >> kind) & 0xFFFF == 0 for tag in TPIDS)  # further tags may follow

    def meets(self, other: _Bits) -> bool:
        """Some packet may match both."""
        if self.tags != other.tags:
            return min(self, other, key=lambda b: b.tags).open
        return (self.spec ^ other.spec) & self.mask & other.mask == 0

    def inside(self, wide: _Bits) -> bool:
        """Every packet of this one matches the other, too."""
        return self.tags == wide.tags and wide.mask & ~self.mask == 0 and (self.spec ^ wide.spec) & wide.mask == 0


def _needed(patterns: list[Pattern]) -> list[Pattern]:
    """Without patterns whose packets later ones mark alike, and without those before which nothing is marked."""
    kept: list[tuple[Pattern, _Bits]] = []  # the last first
    for p in reversed(patterns):
        bits = _Bits(p)
        for q, other in reversed(kept):
            if bits.meets(other):
                if q.mark != p.mark:
                    kept.append((p, bits))
                    break
                if bits.inside(other):
                    break
        else:
            if p.mark:
                kept.append((p, bits))
    return [p for p, _ in reversed(kept)]


def _ranked(patterns: list[Pattern]) -> list[Pattern]:
    """With as few priorities as do: NICs have few."""
    bits = [_Bits(p) for p in patterns]
    out: list[Pattern] = []
    for i, p in enumerate(patterns):
        above = [out[j].priority for j in range(i) if patterns[j].mark != p.mark and bits[i].meets(bits[j])]
        out.append(replace(p, priority=max(above, default=-1) + 1, text=_pattern_text(p)))
    return out


# ---------------------------------------------------------------- in words


_ITEMS = {"ip": "ipv4", "ip6": "ipv6"}


def shape_text(shape: Shape) -> str:
    """As rte_flow and testpmd write patterns: `eth / vlan / ipv4 / tcp`."""
    items = ["eth", *["vlan"] * (shape.tags or 0), *(_ITEMS.get(n, n) for n in (shape.net, shape.transport)
                                                     if n != "none")]
    return " / ".join(items)


def _pattern_text(p: Pattern) -> str:
    return ", ".join([shape_text(p.shape), *map(_test_text, p.tests)])


def _test_text(t: Match) -> str:
    free = t.field.top ^ t.mask
    if free & (free + 1) or (t.field.load is not None and t.field.load.mask):
        return f"{t.field.key.partition('&')[0]} & {t.mask:#x} = {t.value:#x}"
    return f"{column(t.field.key)} {values_text(t.field, ((t.value, t.value | free),))}"
