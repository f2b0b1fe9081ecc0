"""What a NIC can do of the classification at the ports: patterns that mark packets before the box sees them.

    offload := (offload pattern* mark* left*)
    pattern := (pattern PORT shape test* PRIORITY MARK)      MARK 0: the packet is left to software
    shape   := (shape NET TRANSPORT TAGS)
    test    := (test FIELD VALUE MASK)                       field & mask == value
    mark    := (mark PORT shape LEAF)                        numbers from 1, in order

The first pattern that a packet matches says its mark; smaller priorities are tried first, and patterns of one priority
that meet say the same.
"""

from __future__ import annotations

from dataclasses import dataclass

from mcc.ir.classify import DField
from mcc.protocols.headers import HEADER_BYTES

ETYPES = {"arp": 0x0806, "ip": 0x0800, "ip6": 0x86DD}
PROTOS = {"tcp": 6, "udp": 17, "icmp": 1, "icmp6": 58}


@dataclass(frozen=True)
class Shape:
    """The headers of a packet: names of classify.NET and TRANSPORT; `tags`: its VLAN tags, None: however many."""

    net: str
    transport: str = "none"
    tags: int | None = None

    def start(self, base: str) -> int:
        """Bytes before a base of loads where headers are laid one behind the other (IPv4 without options)."""
        l3 = HEADER_BYTES["eth"] + HEADER_BYTES["vlan"] * (self.tags or 0)
        return {"abs": 0, "l3": l3, "l4": l3 + HEADER_BYTES.get(self.net, 0)}[base]


@dataclass(frozen=True)
class Match:
    """`field` & `mask` == `value`. A field without a load is the EtherType behind all tags."""

    field: DField
    value: int
    mask: int


@dataclass(frozen=True)
class Pattern:
    """Packets of `shape`, and of shapes with more headers, that pass every test. `why`: the reason of a mark 0;
    `text`: all of it in words."""

    port: int
    shape: Shape
    tests: tuple[Match, ...]
    mark: int
    priority: int = 0
    why: str = ""
    text: str = ""

    def bytes(self) -> tuple[bytes, bytes]:
        """(spec, mask) over the headers one behind the other, as on the wire; what the shape says is not in them."""
        spec = mask = 0
        for t in self.tests:
            spec |= t.value << self._shift(t)
            mask |= t.mask << self._shift(t)
        return spec.to_bytes(PATTERN_BYTES, "big"), mask.to_bytes(PATTERN_BYTES, "big")

    def _shift(self, t: Match) -> int:
        if t.field.load is None:
            end = 8 * self.shape.start("l3")
        else:
            end = 8 * self.shape.start(t.field.load.base) + t.field.load.bit + t.field.load.width
        return 8 * PATTERN_BYTES - end


PATTERN_BYTES = 82
"""MCC_PATTERN_BYTES: Ethernet, two tags, IPv6, TCP."""


@dataclass(frozen=True)
class Mark:
    """Packets from `port` with this mark go to `leaf`, if they have the headers of `shape` and no others."""

    port: int
    shape: Shape
    leaf: int


@dataclass(frozen=True)
class Offload:
    """Patterns in order of first match, port by port; mark i + 1 is marks[i]."""

    patterns: tuple[Pattern, ...]
    marks: tuple[Mark, ...]
