"""TCP segments to Ethernet frames and back, sharing nothing with what runs chains."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from mcc.testing.options import Options, pack, unpack

FIN, SYN, RST, PSH, ACK, URG = 1, 2, 4, 8, 16, 32
ETHERNET = bytes.fromhex("020000000002020000000001")
IP4, IP6 = 0x0800, 0x86DD


@dataclass(frozen=True)
class Segment:
    """One TCP segment. Addresses are packed (4 or 16 bytes); numbers as on the wire, the window unscaled."""

    src: bytes
    dst: bytes
    sport: int
    dport: int
    seq: int
    ack: int = 0
    flags: int = ACK
    window: int = 65535
    options: Options = ()
    payload: bytes = b""
    urgent: int = 0

    @property
    def length(self) -> int:
        """Sequence numbers that it takes."""
        return len(self.payload) + bool(self.flags & SYN) + bool(self.flags & FIN)

    def has(self, flags: int) -> bool:
        return bool(self.flags & flags)


def ones_sum(data: bytes) -> int:
    """The one's complement sum of 16-bit words (RFC 1071), an odd byte padded by zero."""
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data[:len(data) & ~1]))
    total += data[-1] << 8 if len(data) % 2 else 0
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def tcp_checksum(src: bytes, dst: bytes, tcp: bytes) -> int:
    """Over the pseudo-header (RFC 9293, 3.1; RFC 8200, 8.1) and the segment, whose own field is taken as zero."""
    tail = struct.pack("!BBH", 0, 6, len(tcp)) if len(src) == 4 else struct.pack("!IHBB", len(tcp), 0, 0, 6)
    return ~ones_sum(src + dst + tail + tcp[:16] + b"\0\0" + tcp[18:]) & 0xFFFF


def build(s: Segment, *, bad_checksum: bool = False) -> bytes:
    """The frame, with right lengths and checksums, or with one wrong TCP checksum."""
    options = pack(s.options)
    tcp = struct.pack("!HHIIBBHHH", s.sport, s.dport, s.seq, s.ack, (20 + len(options)) // 4 << 4, s.flags, s.window,
                      0, s.urgent) + options + s.payload
    check = tcp_checksum(s.src, s.dst, tcp) ^ (0x5555 if bad_checksum else 0)
    return ip(s.src, s.dst, 6, tcp[:16] + struct.pack("!H", check) + tcp[18:])


def ip(src: bytes, dst: bytes, protocol: int, payload: bytes) -> bytes:
    """An Ethernet frame with an IP packet (version by the addresses' length) around `payload`."""
    if len(src) == 16:
        head = struct.pack("!IHBB", 6 << 28, len(payload), protocol, 64) + src + dst
        return ETHERNET + struct.pack("!H", IP6) + head + payload
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), 0, 0x4000, 64, protocol, 0) + src + dst
    head = head[:10] + struct.pack("!H", ~ones_sum(head) & 0xFFFF) + head[12:]
    return ETHERNET + struct.pack("!H", IP4) + head + payload


def ip_parts(frame: bytes) -> tuple[bytes, bytes, int, bytes, bytes] | None:
    """(source, destination, protocol, IP header, what it carries) of an unfragmented packet without IPv6 extensions."""
    kind = int.from_bytes(frame[12:14], "big")
    packet = frame[14:]
    if kind == IP6 and len(packet) >= 40:
        length = int.from_bytes(packet[4:6], "big")
        return packet[8:24], packet[24:40], packet[6], packet[:40], packet[40:40 + length]
    if kind == IP4 and len(packet) >= 20:
        head, length = (packet[0] & 15) * 4, int.from_bytes(packet[2:4], "big")
        return packet[12:16], packet[16:20], packet[9], packet[:head], packet[head:length]
    return None


def parse(frame: bytes) -> Segment | None:
    """The segment in a frame, whatever its checksums; None where there is none, or a cut one."""
    parts = ip_parts(frame)
    if parts is None or parts[2] != 6 or len(parts[4]) < 20:
        return None
    src, dst, _, _, tcp = parts
    sport, dport, seq, ack, offset, flags, window, _, urgent = struct.unpack_from("!HHIIBBHHH", tcp)
    head = (offset >> 4) * 4
    if head < 20 or head > len(tcp):
        return None
    return Segment(src, dst, sport, dport, seq, ack, flags, window, unpack(tcp[20:head]), tcp[head:], urgent)


def checksums_right(frame: bytes) -> bool:
    """Whether the IPv4 header's and TCP's checksum verify; True for what is not TCP."""
    parts = ip_parts(frame)
    if parts is None or parts[2] != 6 or len(parts[4]) < 20:
        return True
    src, dst, _, head, tcp = parts
    return (len(src) == 16 or ones_sum(head) == 0xFFFF) and \
        tcp_checksum(src, dst, tcp) == int.from_bytes(tcp[16:18], "big")
