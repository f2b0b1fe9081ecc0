"""The decision diagram that tells packets apart.

    fdd   := (leaf VALUE) | (switch field (case ranges fdd)* (default fdd))
    field := (KEY TOP RANK)      what is read, the largest value it can have, its place in the order of tests

On any way down fields come in the order of their rank, each at most once; a field is read only behind the tests that
make the read safe (a layer that is there, or enough captured bytes). Nodes are made by mcc.passes.fdd.Manager, which
makes equal nodes the same object: compare with `is`.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Hashable
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Union

from mcc.lang.algebra import METAS, Load
from mcc.lang.ranges import Ranges, normal
from mcc.protocols.dissect import Dissected
from mcc.protocols.headers import BY_LAYER

NET = ("none", "arp", "ip", "ip6")
TRANSPORT = ("none", "tcp", "udp", "icmp", "icmp6")
"""Values of the fields "net" and "transport": which layer of its kind a packet has."""

_RANKS = {"in.port": 0, "link": 1, "avail.link": 2, "vlans": 3, "etype": 4, "avail.abs": 5, "net": 6, "transport": 7,
          "avail.l3": 8, "avail.l4": 10, "wire": 16}
_LOAD_RANKS = {"l3": 9, "l4": 11, "x4": 13, "abs": 15}
_TOPS = {"link": 5, "vlans": 8, "avail.link": 1, "net": len(NET) - 1, "transport": len(TRANSPORT) - 1}


@dataclass(frozen=True)
class DField:
    """Something that a node tests. `key`: a header field's name where the bits are one ("l4.dport" for the ports of TCP
    and UDP), else "l3+72.16" (bit 72, 16 bits), "&0xff00" behind it for a mask, or a name of METAS, "net",
    "transport". `load` is None for what is not read from the frame."""

    key: str
    top: int
    rank: tuple[int, int, int, int]
    load: Load | None = None

    def read(self, packet: Dissected) -> int:
        """Its value. A load of bytes that are not captured is our bug."""
        if self.load is not None:
            value = packet.bits(self.load.base, self.load.bit, self.load.width)
            assert value is not None, f"{self.key} is read where it is not captured"
            return value & self.load.mask if self.load.mask else value
        if self.key in ("net", "transport"):
            names = NET if self.key == "net" else TRANSPORT
            return next((i for i, n in enumerate(names) if i and packet.has(n)), 0)
        return packet.meta(self.key)


def _names() -> dict[tuple[str, int, int], str]:
    out: dict[tuple[str, int, int], str] = {}
    for layer in ("ip", "ip6", "arp", "l4", "tcp", "udp", "icmp", "icmp6", "eth", "vlan"):
        base = {"eth": "abs", "vlan": "abs", "ip": "l3", "ip6": "l3", "arp": "l3"}.get(layer, "l4")
        for f in BY_LAYER[layer].values():
            if f.key != "eth.type":
                out.setdefault((base, f.bit + (96 if layer == "vlan" else 0), f.width), f.key)
    return out


_NAMES = _names()


@cache
def meta_field(name: str) -> DField:
    """The field of a name of METAS, "net", "transport", or "avail.x4@N"."""
    if name.startswith("avail.x4@"):
        return DField(name, (1 << 32) - 1, (12, int(name[9:]), 0, 0))
    return DField(name, _TOPS.get(name) or (1 << METAS[name]) - 1, (_RANKS[name], 0, 0, 0))


@cache
def load_field(load: Load) -> DField:
    """The field of a load; reads of the same bits are the same field, whoever asks."""
    key = _NAMES.get((load.base, load.bit, load.width), f"{load.base}+{load.bit}.{load.width}")
    kind, _, at = load.base.partition("@")
    rank = (_LOAD_RANKS[kind], int(at or 0), load.bit, load.width << 33 | load.mask if load.width <= 32 else load.mask)
    return DField(key + (f"&{load.mask:#x}" if load.mask else ""), (1 << load.width) - 1, rank, load)


class Leaf:
    """The end of a way."""

    __slots__ = ("uid", "value")

    def __init__(self, value: Hashable, uid: int) -> None:
        self.value, self.uid = value, uid

    def __repr__(self) -> str:
        return f"(leaf {self.value!r})"


class Switch:
    """A test: values from starts[i] to starts[i + 1] - 1 go to children[i]; neighbours differ, starts[0] is 0."""

    def __init__(self, field: DField, starts: tuple[int, ...], children: tuple["Fdd", ...], uid: int) -> None:
        self.field, self.starts, self.children, self.uid = field, starts, children, uid

    def child(self, value: int) -> "Fdd":
        return self.children[bisect_right(self.starts, value) - 1]

    @cached_property
    def cases(self) -> tuple[tuple[Ranges, "Fdd"], ...]:
        """All children but the default with the values that lead to them, by smallest value."""
        return tuple((r, c) for c, r in self._grouped() if c is not self.default)

    @cached_property
    def default(self) -> "Fdd":
        """The child that the most intervals lead to; the one with most values among equals."""
        def weight(item: tuple["Fdd", Ranges]) -> tuple[int, int]:
            return len(item[1]), sum(hi - lo for lo, hi in item[1])
        return max(self._grouped(), key=weight)[0]

    def _grouped(self) -> list[tuple["Fdd", Ranges]]:
        out: dict[int, tuple[Fdd, list[tuple[int, int]]]] = {}
        for i, c in enumerate(self.children):
            end = self.starts[i + 1] - 1 if i + 1 < len(self.starts) else self.field.top
            out.setdefault(c.uid, (c, []))[1].append((self.starts[i], end))
        return [(c, normal(r)) for c, r in out.values()]

    def __repr__(self) -> str:
        return f"(switch {self.field.key} {len(self.cases)} cases)"


Fdd = Union[Leaf, Switch]


def nodes_of(*roots: Fdd) -> list[Fdd]:
    """Every node below, each once, parents before children where they are first met (depth first)."""
    seen: dict[int, Fdd] = {}
    stack = list(reversed(roots))
    while stack:
        n = stack.pop()
        if n.uid not in seen:
            seen[n.uid] = n
            if isinstance(n, Switch):
                stack += reversed(n.children)
    return list(seen.values())


def decide(fdd: Fdd, packet: Dissected) -> Hashable:
    """The value of the leaf that the packet reaches."""
    while isinstance(fdd, Switch):
        fdd = fdd.child(fdd.field.read(packet))
    return fdd.value


def text_of(fdd: Fdd) -> str:
    """The diagram, one node a line, numbered from 0 at the root; for dumps and tests."""
    order = {n.uid: i for i, n in enumerate(nodes_of(fdd))}
    lines = []
    for n in nodes_of(fdd):
        if isinstance(n, Leaf):
            lines.append(f"{order[n.uid]}: leaf {n.value!r}")
            continue
        shown = [f"{_ranges_text(r)} -> {order[c.uid]}" for r, c in n.cases]
        lines.append(f"{order[n.uid]}: {n.field.key}? {'; '.join(shown)}; else {order[n.default.uid]}")
    return "\n".join(lines)


def _ranges_text(r: Ranges) -> str:
    shown = ", ".join(str(lo) if lo == hi else f"{lo}-{hi}" for lo, hi in r[:8])
    return f"{shown}, .. ({len(r)})" if len(r) > 8 else shown
