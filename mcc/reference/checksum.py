"""Checksums: the sum (RFC 1071), mending after writes (RFC 1624, equation 3), verifying, computing anew."""

from __future__ import annotations

from mcc.protocols.sums import ones_sum
from mcc.reference.packet import PacketState

_AT = {"tcp": 16, "udp": 6, "icmp": 2, "icmp6": 2}
_PROTO = {"tcp": 6, "udp": 17, "icmp6": 58}


def fold(total: int) -> int:
    """A sum of 16-bit words with the carries added in: 0 only for 0."""
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def l4_name(p: PacketState) -> str:
    """The layer with a checksum of its own: "tcp", "udp", "icmp", "icmp6", or "" where there is none."""
    return next((n for n in _AT if p.has(n)), "")


def mend(p: PacketState) -> None:
    """Apply the differences of the fields written, once, as the packet leaves. A UDP checksum of 0 stays 0."""
    if p.ip_delta is not None and p.has("ip"):
        _apply(p, p.found.l3 + 10, p.ip_delta)
    name = l4_name(p)
    if p.l4_delta is not None and name:
        at = p.found.l4 + _AT[name]
        if name != "udp" or p.data[at:at + 2] != b"\0\0":
            _apply(p, at, p.l4_delta)
            if name == "udp" and p.data[at:at + 2] == b"\0\0":
                p.data[at:at + 2] = b"\xff\xff"
    p.ip_delta = p.l4_delta = None


def _apply(p: PacketState, at: int, delta: int) -> None:
    was = int.from_bytes(p.data[at:at + 2], "big")
    p.data[at:at + 2] = (~fold((~was & 0xFFFF) + delta) & 0xFFFF).to_bytes(2, "big")


def _ip_sum(p: PacketState) -> int:
    l3 = p.found.l3
    return ones_sum(bytes(p.data[l3:p.found.l4]))


def pseudo(p: PacketState, length: int, name: str) -> int:
    """The sum of the pseudo header."""
    l3 = p.found.l3
    if name == "icmp":
        return 0
    addresses = p.data[l3 + 12:l3 + 20] if p.has("ip") else p.data[l3 + 8:l3 + 40]
    return ones_sum(bytes(addresses)) + (length >> 16) + (length & 0xFFFF) + _PROTO[name]


def covered(p: PacketState) -> int:
    """Bytes behind l4 that the layer 4 checksum covers; 0 where it cannot be told: there is none, or the packet is a
    fragment, is not captured to its end, or has an impossible UDP length."""
    l3, l4, d = p.found.l3, p.found.l4, p.data
    name = l4_name(p)
    total = int.from_bytes(d[l3 + 2:l3 + 4], "big") if p.has("ip") else 40 + int.from_bytes(d[l3 + 4:l3 + 6], "big")
    if not name or p.found.frag or l3 + total > len(d):
        return 0
    length = p.found.ip_end - l4
    if name != "udp":
        return length
    own = int.from_bytes(d[l4 + 4:l4 + 6], "big")
    return own if 8 <= own <= length else 0


def verify(p: PacketState) -> bool:
    """False for a packet with a wrong IPv4 header or layer 4 checksum; what cannot be told counts as right."""
    if p.has("ip") and fold(_ip_sum(p)) != 0xFFFF:
        return False
    name, l4, length = l4_name(p), p.found.l4, covered(p)
    if not length:
        return True
    if name == "udp" and p.data[l4 + 6:l4 + 8] == b"\0\0":
        return True
    return fold(ones_sum(bytes(p.data[l4:l4 + length])) + pseudo(p, length, name)) == 0xFFFF


def fill_ip(p: PacketState) -> None:
    """Compute the IPv4 header's checksum anew."""
    p.ip_delta = p.l4_delta = None
    if p.has("ip"):
        at = p.found.l3 + 10
        p.data[at:at + 2] = b"\0\0"
        p.data[at:at + 2] = (~fold(_ip_sum(p)) & 0xFFFF).to_bytes(2, "big")


def fill(p: PacketState) -> None:
    """Compute both checksums anew; a UDP checksum of 0 (none) over IPv4 stays 0."""
    fill_ip(p)
    name, l4, length = l4_name(p), p.found.l4, covered(p)
    if not length:
        return
    at = l4 + _AT[name]
    if name == "udp" and p.has("ip") and p.data[at:at + 2] == b"\0\0":
        return
    p.data[at:at + 2] = b"\0\0"
    value = ~fold(ones_sum(bytes(p.data[l4:l4 + length])) + pseudo(p, length, name)) & 0xFFFF
    p.data[at:at + 2] = (value or (0xFFFF if name == "udp" else 0)).to_bytes(2, "big")
