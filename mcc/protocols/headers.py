"""The header table: every named field of every layer, once, as data.

Read by the class language (`Tcp.dport`), the frontend (`pkt.tcp.dport`), the classifier, the reference and the
printer of C. Offsets are in bits from the first byte of the layer's header, big-endian, most significant bit first.

Where a layer starts is decided by the parser (runtime_c/mcc_parse.h, mcc/reference/packet.py):
`eth` at 0 of an Ethernet frame, `vlan` at the first (outermost) tag, `arp`, `ip`, `ip6` behind all tags, `tcp`,
`udp`, `icmp`, `icmp6` behind the IP header (first fragment only). `l4` is the first four bytes of TCP or UDP.
"""

from __future__ import annotations

from dataclasses import dataclass

LAYERS = ("eth", "vlan", "arp", "ip", "ip6", "tcp", "udp", "icmp", "icmp6")
"""Bit i of `mcc_packet.layers` says that the whole fixed header of LAYERS[i] is there (captured, lengths sane)."""

HEADER_BYTES = {"eth": 14, "vlan": 4, "arp": 28, "ip": 20, "ip6": 40, "tcp": 20, "udp": 8, "icmp": 8, "icmp6": 8}


@dataclass(frozen=True)
class HeaderField:
    """One field: `bit` from the start of the layer, `width` in bits. `cover`: the checksums a write must mend
    ("ip": the IPv4 header checksum; "l4": the TCP, UDP or ICMP checksum, pseudo header included)."""

    layer: str
    name: str
    bit: int
    width: int
    cover: frozenset[str] = frozenset()
    writable: bool = True

    @property
    def key(self) -> str:
        return f"{self.layer}.{self.name}"


def _f(layer: str, name: str, bit: int, width: int, cover: str = "", writable: bool = True) -> HeaderField:
    return HeaderField(layer, name, bit, width, frozenset(cover.split()), writable)


FIELDS: tuple[HeaderField, ...] = (
    _f("eth", "dst", 0, 48), _f("eth", "src", 48, 48), _f("eth", "type", 96, 16),
    # a tag is TPID (16), PCP (3), DEI (1), VID (12); offsets from the TPID
    _f("vlan", "tpid", 0, 16), _f("vlan", "pcp", 16, 3), _f("vlan", "dei", 19, 1), _f("vlan", "vid", 20, 12),
    _f("arp", "htype", 0, 16), _f("arp", "ptype", 16, 16), _f("arp", "op", 48, 16),
    _f("arp", "sha", 64, 48), _f("arp", "spa", 112, 32), _f("arp", "tha", 144, 48), _f("arp", "tpa", 192, 32),
    _f("ip", "version", 0, 4, writable=False), _f("ip", "ihl", 4, 4, writable=False), _f("ip", "tos", 8, 8, "ip"),
    _f("ip", "len", 16, 16, writable=False), _f("ip", "id", 32, 16, "ip"), _f("ip", "flags", 48, 3, "ip"),
    _f("ip", "frag", 51, 13, writable=False), _f("ip", "ttl", 64, 8, "ip"),
    _f("ip", "proto", 72, 8, writable=False), _f("ip", "checksum", 80, 16, writable=False),
    _f("ip", "src", 96, 32, "ip l4"), _f("ip", "dst", 128, 32, "ip l4"),
    _f("ip6", "tclass", 4, 8), _f("ip6", "flow", 12, 20), _f("ip6", "len", 32, 16, writable=False),
    _f("ip6", "next", 48, 8, writable=False), _f("ip6", "hops", 56, 8),
    _f("ip6", "src", 64, 128, "l4"), _f("ip6", "dst", 192, 128, "l4"),
    _f("tcp", "sport", 0, 16, "l4"), _f("tcp", "dport", 16, 16, "l4"), _f("tcp", "seq", 32, 32, "l4"),
    _f("tcp", "ack", 64, 32, "l4"), _f("tcp", "doff", 96, 4, writable=False), _f("tcp", "flags", 104, 8, "l4"),
    _f("tcp", "window", 112, 16, "l4"), _f("tcp", "checksum", 128, 16, writable=False),
    _f("tcp", "urgent", 144, 16, "l4"),
    _f("tcp", "cwr", 104, 1, "l4"), _f("tcp", "ece", 105, 1, "l4"), _f("tcp", "urg", 106, 1, "l4"),
    _f("tcp", "ackflag", 107, 1, "l4"), _f("tcp", "psh", 108, 1, "l4"), _f("tcp", "rst", 109, 1, "l4"),
    _f("tcp", "syn", 110, 1, "l4"), _f("tcp", "fin", 111, 1, "l4"),
    _f("udp", "sport", 0, 16, "l4"), _f("udp", "dport", 16, 16, "l4"), _f("udp", "len", 32, 16, writable=False),
    _f("udp", "checksum", 48, 16, writable=False),
    _f("icmp", "type", 0, 8, "l4"), _f("icmp", "code", 8, 8, "l4"), _f("icmp", "checksum", 16, 16, writable=False),
    _f("icmp", "id", 32, 16, "l4"), _f("icmp", "seq", 48, 16, "l4"),
    _f("icmp6", "type", 0, 8, "l4"), _f("icmp6", "code", 8, 8, "l4"),
    _f("icmp6", "checksum", 16, 16, writable=False), _f("icmp6", "id", 32, 16, "l4"), _f("icmp6", "seq", 48, 16, "l4"),
)
"""One-bit fields are `bool` to handlers (pkt.tcp.syn), all others unsigned integers of the next width of
8, 16, 32, 64, 128 bits. `l4.sport` and `l4.dport` are the ports of TCP or UDP, whichever is there."""

BY_KEY: dict[str, HeaderField] = {f.key: f for f in FIELDS}
BY_LAYER: dict[str, dict[str, HeaderField]] = {
    layer: {f.name: f for f in FIELDS if f.layer == layer} for layer in LAYERS}
BY_LAYER["l4"] = {"sport": _f("l4", "sport", 0, 16, "l4"), "dport": _f("l4", "dport", 16, 16, "l4")}


def int_width(field: HeaderField) -> int:
    """Bits of the unsigned integer type that holds the field: 8, 16, 32, 64 or 128."""
    return next(w for w in (8, 16, 32, 64, 128) if field.width <= w)
