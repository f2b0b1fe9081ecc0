"""Packets in the reference: a frame, what the parser found, pending checksum differences, and the handlers' view."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from mcc.lang.ints import CLASSES, FixedInt, fits, u16, u32, u64
from mcc.protocols.dissect import Dissected, dissect
from mcc.protocols.headers import BY_LAYER, LAYERS, HeaderField, int_width
from mcc.protocols.tunnels import Outer
from mcc.reference.values import Fault

MAX_VLANS = 8
BIT = {name: 1 << i for i, name in enumerate(LAYERS)}
_TCP_UDP_ICMP6 = BIT["tcp"] | BIT["udp"] | BIT["icmp6"]


@dataclass
class PacketState:
    """One packet on its walk. `at` in ns; `next_hop` 0: the destination; `ip_delta`, `l4_delta`: sums of the 16-bit
    differences (RFC 1624) of the fields written so far, None where none was; `outer`: what is around a packet that
    came out of a tunnel."""

    data: bytearray
    found: Dissected
    at: int
    in_port: int
    link: int
    wire_len: int = 0
    next_hop: int = 0
    ip_delta: int | None = None
    l4_delta: int | None = None
    outer: Outer | None = None

    def copy(self) -> PacketState:
        """A second packet, as this one is now."""
        return dataclasses.replace(self, data=bytearray(self.data))

    def parse(self) -> None:
        """Look at the frame anew, as a classifier does."""
        self.found = dissect(bytes(self.data), self.link, self.in_port, self.wire_len, self.outer is not None)

    def has(self, layer: str) -> bool:
        """Whether the whole header is there; "l4": of TCP or UDP, "net": of IPv4 or IPv6."""
        names = {"l4": ("tcp", "udp"), "net": ("ip", "ip6")}.get(layer, (layer,))
        return any(self.found.layers & BIT[n] for n in names)

    def base(self, layer: str) -> int:
        """Offset of the first byte of a layer's header."""
        if layer in ("eth", "vlan"):
            return 0 if layer == "eth" else self.found.l3 - 4 * self.found.vlans - 2
        return self.found.l3 if layer in ("arp", "ip", "ip6") else self.found.l4

    def read(self, f: HeaderField) -> int:
        """A field's value, host order. Bytes that are not captured read as 0."""
        first, last = f.bit // 8, (f.bit + f.width + 7) // 8
        at = self._place(f) + first
        raw = bytes(self.data[at:at + last - first]).ljust(last - first, b"\0")
        return int.from_bytes(raw, "big") >> (last * 8 - f.bit - f.width) & ((1 << f.width) - 1)

    def write(self, f: HeaderField, value: int) -> None:
        """Store a field and note the difference it makes to the checksums that cover it."""
        words = range(f.bit // 16, (f.bit + f.width + 15) // 16)
        at, size = self._place(f) + 2 * words.start, 2 * len(words)
        old = int.from_bytes(bytes(self.data[at:at + size]).ljust(size, b"\0"), "big")
        shift = 16 * words.stop - f.bit - f.width
        new = old & ~(((1 << f.width) - 1) << shift) | value << shift
        room = max(0, min(size, len(self.data) - at))
        self.data[at:at + room] = new.to_bytes(size, "big")[:room]
        if "ip" in f.cover:
            self.ip_delta = (self.ip_delta or 0) + _difference(old, new, len(words))
        address = f.layer in ("ip", "ip6")
        if "l4" in f.cover and (not address or self.found.layers & _TCP_UDP_ICMP6):
            self.l4_delta = (self.l4_delta or 0) + _difference(old, new, len(words))

    def _place(self, f: HeaderField) -> int:
        if f.key == "eth.type":  # the EtherType behind all tags
            return self.found.l3 - 2 - f.bit // 8
        return self.base(f.layer)

    def hop(self) -> int:
        """The IPv4 address that the packet goes to next."""
        if self.next_hop:
            return self.next_hop
        return self.read(BY_LAYER["ip"]["dst"]) if self.has("ip") else 0

    def push_vlan(self, vid: int) -> None:
        """A new outermost 802.1Q tag, PCP 0. A fault for what is not Ethernet or has MAX_VLANS tags."""
        if not self.has("eth") or self.found.vlans >= MAX_VLANS:
            raise Fault("no room for another VLAN tag")
        self.data[12:12] = b"\x81\x00" + int(vid & 0xFFF).to_bytes(2, "big")
        self._shift(4, self.found.vlans + 1)

    def pop_vlan(self) -> None:
        """The outermost tag goes; nothing happens where there is none."""
        if self.has("vlan"):
            del self.data[12:16]
            self._shift(-4, self.found.vlans - 1)

    def _shift(self, by: int, vlans: int) -> None:
        d = self.found
        self.wire_len += by if self.wire_len else 0
        layers = d.layers | BIT["vlan"] if vlans else d.layers & ~BIT["vlan"]
        self.found = dataclasses.replace(d, vlans=vlans, layers=layers, l3=d.l3 + by, l4=d.l4 + by if d.l4 else 0,
                                         ip_end=d.ip_end + by)


def _difference(old: int, new: int, words: int) -> int:
    total = 0
    for _ in range(words):
        total += (~old & 0xFFFF) + (new & 0xFFFF)
        old, new = old >> 16, new >> 16
    return total


class LayerView:
    """`pkt.tcp`: fields as values of their types; a store outside the field's width is an AssertionError."""

    __slots__ = ("_fields", "_packet")

    def __init__(self, packet: PacketState, layer: str) -> None:
        object.__setattr__(self, "_packet", packet)
        object.__setattr__(self, "_fields", BY_LAYER[layer])

    def __getattr__(self, name: str) -> Any:
        f = self._fields[name]
        value = self._packet.read(f)
        return bool(value) if f.width == 1 else CLASSES[int_width(f), False](value)

    def __setattr__(self, name: str, value: Any) -> None:
        f = self._fields[name]
        assert f.writable, f"{f.key} is not written by handlers"
        if f.width == 1:
            assert isinstance(value, bool), f"{value!r} stored into {f.key}"
        else:
            assert not isinstance(value, bool) and 0 <= int(value) < 1 << f.width, f"{value!r} stored into {f.key}"
            kind = CLASSES[int_width(f), False]
            assert not isinstance(value, FixedInt) or (not value.signed and value.bits <= kind.bits), \
                f"{value!r} stored into {f.key} without a cast"
        self._packet.write(f, int(value))


class PacketView:
    """What a handler sees of a packet."""

    __slots__ = ("_p",)

    def __init__(self, packet: PacketState) -> None:
        object.__setattr__(self, "_p", packet)

    def __getattr__(self, name: str) -> Any:
        p: PacketState = self._p
        if name in BY_LAYER:
            return LayerView(p, name)
        match name:
            case "length":
                return u32(len(p.data))
            case "in_port":
                return u16(p.in_port)
            case "next_hop":
                return u32(p.hop())
            case "at":
                return u64(p.at)
        if name.startswith("is_"):
            return p.has(name[3:])
        raise AttributeError(name)

    def __setattr__(self, name: str, value: Any) -> None:
        assert name == "next_hop" and fits(value, u32), f"{name} = {value!r}"
        self._p.next_hop = int(value)

    def __len__(self) -> int:
        return len(self._p.data)

    def push_vlan(self, vid: Any) -> None:
        assert 0 <= int(vid) < 4096, f"VLAN {int(vid)}"
        self._p.push_vlan(int(vid))

    def pop_vlan(self) -> None:
        self._p.pop_vlan()


class BatchView:
    """What a batch handler sees: the packets of one session that arrived together."""

    def __init__(self, packets: list[PacketState]) -> None:
        self.packets = packets

    @property
    def bytes(self) -> FixedInt:
        return u32(sum(len(p.data) for p in self.packets))

    def __len__(self) -> int:
        return len(self.packets)

    def __iter__(self) -> Iterator[PacketView]:
        return (PacketView(p) for p in self.packets)
