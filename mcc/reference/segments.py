"""TCP segments as a context reads them: sequence numbers as positions, options, checksums (RFC 9293, 7323)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mcc.protocols.sums import ones_sum
from mcc.reference import checksum
from mcc.reference.packet import PacketState

FIN, SYN, RST, ACK = 1, 2, 4, 16
SCALE, MD5, AO = 3, 19, 29
"""Kinds of options: RFC 7323, 2385, 5925."""


def unwrap(number: int, isn: int, near: int) -> int:
    """The position of a sequence number, the one nearest to `near`. `isn`: the number of position 0."""
    off = (number - isn - near) & 0xFFFFFFFF
    return near + (off - (1 << 32) if off >> 31 else off)


@dataclass(frozen=True)
class Segment:
    """x: the position of its first byte; length: payload bytes that were captured, missing: that were not."""

    x: int
    seq: int
    ack: int
    flags: int
    window: int
    begin: int
    length: int
    missing: int

    @property
    def fin(self) -> bool:
        return bool(self.flags & FIN)


def read(p: PacketState, isn: int, near: int) -> Segment:
    """The segment in a packet whose direction counts from `isn`."""
    l3, l4, d = p.found.l3, p.found.l4, p.data
    number = [int.from_bytes(d[l4 + k:l4 + k + 4], "big") for k in (4, 8)]
    begin, captured = l4 + (d[l4 + 12] >> 4) * 4, p.found.ip_end
    total = int.from_bytes(d[l3 + 2:l3 + 4], "big") if p.has("ip") else 40 + int.from_bytes(d[l3 + 4:l3 + 6], "big")
    end, flags = l3 + total, d[l4 + 13]
    missing = end - max(begin, captured) if end > captured and end > begin else 0
    return Segment(unwrap(number[0] + bool(flags & SYN), isn, near), number[0], number[1], flags,
                   int.from_bytes(d[l4 + 14:l4 + 16], "big"), begin, max(0, captured - begin), missing)


def options(p: PacketState) -> Iterator[tuple[int, bytes]]:
    """Kind and contents of each option, up to the first that makes no sense."""
    l4 = p.found.l4
    at, end = l4 + 20, min(l4 + (p.data[l4 + 12] >> 4) * 4, p.found.ip_end)
    while at < end and p.data[at] != 0:
        if p.data[at] == 1:
            at += 1
            continue
        size = p.data[at + 1] if at + 1 < end else 0
        if size < 2 or at + size > end:
            return
        yield p.data[at], bytes(p.data[at + 2:at + size])
        at += size


def is_right(p: PacketState) -> bool:
    """Whether the TCP checksum is right, or cannot be told."""
    size, l4 = checksum.covered(p), p.found.l4
    total = ones_sum(bytes(p.data[l4:l4 + size])) + checksum.pseudo(p, size, "tcp") if size else 0xFFFF
    return checksum.fold(total) == 0xFFFF
