"""Where the headers of a frame are, in Python: docs/semantics.md, section 1, to the letter.

`dissect` is pure and takes any bytes; runtime_c/mcc_parse.h says the same in C. What a class reads of a packet is
read here too: `Dissected.bits` and `Dissected.meta`.
"""

from __future__ import annotations

from dataclasses import dataclass

from mcc.protocols.headers import LAYERS

ETHERNET, RAW, SLL, SLL2, NULL, OPAQUE = range(6)
"""Kinds of link, the numbers of enum mcc_link."""

LINK_OF_DLT = {1: ETHERNET, 12: RAW, 14: RAW, 101: RAW, 228: RAW, 229: RAW, 113: SLL, 276: SLL2, 0: NULL, 108: NULL}
"""Link types of captures (LINKTYPE_ and DLT_ numbers); all others are OPAQUE."""

LINK_NEEDS = {ETHERNET: 14, RAW: 1, SLL: 16, SLL2: 2, NULL: 4}
"""Bytes of the link header, up to the end of its type field."""

TAGS = (0x8100, 0x88A8, 0x9100)
MAX_TAGS = 8
_BIT = {name: 1 << i for i, name in enumerate(LAYERS)}
_L4 = {(6, 4): "tcp", (6, 6): "tcp", (17, 4): "udp", (17, 6): "udp", (1, 4): "icmp", (58, 6): "icmp6"}


@dataclass(frozen=True)
class Dissected:
    """A frame and what the parser found. Offsets in bytes from its start; `layers`: bit i for LAYERS[i].

    etype: behind all tags, 0 where there is none (IPv4 and IPv6 of raw and loopback links count as 0x0800, 0x86dd).
    l4: behind the IP header that the etype promises, even where it is not sane; 0 where there is none.
    proto: 0xff where there is none. frag: 1 for a non-zero fragment offset, 2 for more fragments.
    """

    data: bytes
    link: int
    in_port: int
    wire_len: int
    etype: int
    vlans: int
    l3: int
    l4: int
    layers: int
    proto: int
    frag: int
    ip_end: int

    def has(self, layer: str) -> bool:
        """The layer is there; "l4" is TCP or UDP."""
        return bool(self.layers & (_BIT["tcp"] | _BIT["udp"] if layer == "l4" else _BIT[layer]))

    def base(self, name: str) -> int:
        """The offset of "abs", "l3", "l4", or "x4@N": behind the IPv4 header that starts at N, by its length field."""
        if name.startswith("x4@"):
            at = int(name[3:])
            return at + 4 * (self.data[at] & 15) if at < len(self.data) else len(self.data)
        return {"abs": 0, "l3": self.l3, "l4": self.l4}[name]

    def captured(self, base: str) -> int:
        """Captured bytes from `base` on, 0 where it lies behind the capture; "link": 1 where the type field is."""
        if base == "link":
            return int(len(self.data) >= LINK_NEEDS.get(self.link, 1 << 32))
        return max(0, len(self.data) - self.base(base))

    def bits(self, base: str, bit: int, width: int) -> int | None:
        """`width` bits at `bit` behind `base`, most significant first; None where they are not all captured."""
        start, end = self.base(base) + bit // 8, self.base(base) + (bit + width + 7) // 8
        if end > len(self.data):
            return None
        value = int.from_bytes(self.data[start:end], "big") >> (-(bit + width) % 8)
        return value & ((1 << width) - 1)

    def meta(self, name: str) -> int:
        """What mcc.lang.algebra METAS names."""
        if name.startswith("layer."):
            return int(self.has(name[6:]))
        if name.startswith("avail."):
            return self.captured(name[6:])
        return {"in.port": self.in_port, "link": self.link, "vlans": self.vlans, "etype": self.etype,
                "wire": self.wire_len}[name]


def dissect(frame: bytes, link: int = ETHERNET, in_port: int = 0, wire_len: int = 0, peeled: bool = False) -> Dissected:
    """Parse a captured frame. `wire_len`: its length on the wire, where that is more than was captured. `peeled`: it
    came out of a tunnel (mcc.protocols.tunnels), its transport header may lie behind extension headers."""
    data = bytes(frame)
    etype, l3, tagged = _link(data, link)
    layers = _BIT["eth"] if link == ETHERNET and len(data) >= 14 else 0
    vlans = 0
    while tagged and etype in TAGS and vlans < MAX_TAGS and l3 + 4 <= len(data):
        etype, l3, vlans = int.from_bytes(data[l3 + 2 : l3 + 4], "big"), l3 + 4, vlans + 1
    layers |= _BIT["vlan"] if vlans and layers else 0
    l4, proto, frag, end = 0, 0xFF, 0, len(data)
    if etype == 0x0800:
        more, l4, proto, frag, end = _ip(data, l3)
        layers |= more
    elif etype == 0x86DD:
        more, l4, proto, end = _ip6(data, l3)
        layers |= more
    elif etype == 0x0806 and len(data) >= l3 + 28 and data[l3 + 4] == 6 and data[l3 + 5] == 4:
        layers |= _BIT["arp"]
    if peeled and layers & (_BIT["ip"] | _BIT["ip6"]) and not frag:
        version = data[l3] >> 4
        at, number = _behind(data, l4, end, proto, version)
        if at != l4:
            l4, proto, layers = at, number, layers | _transport(data, at, end, number, version)
    return Dissected(data, link, in_port, max(wire_len, len(data)), etype, vlans, l3, l4, layers, proto, frag, end)


def _behind(data: bytes, at: int, end: int, proto: int, version: int) -> tuple[int, int]:
    """(offset, protocol) behind at most eight extension headers."""
    for _ in range(8):
        size = beyond(data[at:end], proto, version)
        if not size:
            break
        at, proto = at + size, data[at]
    return at, proto


def beyond(data: bytes, number: int, version: int) -> int:
    """Bytes of the header `number` between an IP header and what it carries (AH; IPv6 extension headers but fragments,
    and routing headers that are not through), 0 where it is none, or not whole in `data`."""
    options = version == 6 and number in (0, 43, 60)
    if len(data) < 8 or not (options or number == 51) or (number == 43 and data[3]):
        return 0
    size = 8 + (8 if options else 4) * data[1]
    return size if size <= len(data) else 0


def _link(data: bytes, link: int) -> tuple[int, int, bool]:
    """(etype or 0, offset behind the link header, whether VLAN tags may follow)."""
    if link in (ETHERNET, SLL, SLL2):
        at, l3 = {ETHERNET: (12, 14), SLL: (14, 16), SLL2: (0, 20)}[link]
        return int.from_bytes(data[at : at + 2], "big") if len(data) >= at + 2 else 0, l3, True
    if link == NULL:
        family = int.from_bytes(data[:4], "big") if len(data) >= 4 else 0
        if family >= 1 << 24:
            family = int.from_bytes(data[:4], "little")
        return 0x0800 if family == 2 else 0x86DD if family in (24, 28, 30) else 0, 4, False
    if link == RAW and data:
        return {4: 0x0800, 6: 0x86DD}.get(data[0] >> 4, 0), 0, False
    return 0, 0, False


def _ip(data: bytes, l3: int) -> tuple[int, int, int, int, int]:
    """(layers, l4, proto, frag, ip_end) of an IPv4 packet."""
    left = len(data) - l3
    if left < 1:
        return 0, 0, 0xFF, 0, len(data)
    header = 4 * (data[l3] & 15)
    word = int.from_bytes(data[l3 + 6 : l3 + 8], "big") if left >= 8 else 0
    frag = int(word & 0x1FFF != 0) | (word >> 12 & 2)
    proto = data[l3 + 9] if left >= 10 else 0xFF
    total = int.from_bytes(data[l3 + 2 : l3 + 4], "big")
    if left < 20 or data[l3] >> 4 != 4 or header < 20 or header > left or total < header:
        return 0, l3 + header, proto, frag, len(data)
    end = l3 + min(total, left)
    layers = _BIT["ip"] | (0 if frag & 1 else _transport(data, l3 + header, end, proto, 4))
    return layers, l3 + header, proto, frag, end


def _ip6(data: bytes, l3: int) -> tuple[int, int, int, int]:
    """(layers, l4, proto, ip_end) of an IPv6 packet."""
    left = len(data) - l3
    proto = data[l3 + 6] if left >= 7 else 0xFF
    if left < 40 or data[l3] >> 4 != 6:
        return 0, l3 + 40, proto, len(data)
    end = l3 + min(40 + int.from_bytes(data[l3 + 4 : l3 + 6], "big"), left)
    return _BIT["ip6"] | _transport(data, l3 + 40, end, proto, 6), l3 + 40, proto, end


def _transport(data: bytes, l4: int, end: int, proto: int, version: int) -> int:
    """The bit of the transport layer that is whole between l4 and end, or 0."""
    layer = _L4.get((proto, version))
    if layer is None or end - l4 < (20 if layer == "tcp" else 8):
        return 0
    return 0 if layer == "tcp" and data[l4 + 12] >> 4 < 5 else _BIT[layer]
