"""Segments without hosts: a script of frames for what no lawful endpoint would send."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address

from mcc.testing import options as opt
from mcc.testing.frames import ACK, PSH, SYN, Segment, build
from mcc.testing.seqnum import wire

Frame = tuple[str, bytes]
"""(side that sends it, frame)."""


@dataclass
class Script:
    """One connection's numbers. `extra` options go on every segment of both sides."""

    client: str = "10.0.0.2"
    server: str = "10.0.1.1"
    sport: int = 4000
    dport: int = 80
    isn: int = 1000
    server_isn: int = 900_000
    extra: opt.Options = ()

    def from_client(self, at: int, flags: int = ACK, payload: bytes = b"", *, ack: int = 1,
                    options: opt.Options = ()) -> Frame:
        """A segment at a position, acknowledging position `ack` of the server."""
        return "client", build(Segment(
            ip_address(self.client).packed, ip_address(self.server).packed, self.sport, self.dport,
            wire(at, self.isn), wire(ack, self.server_isn) if flags & ACK else 0, flags, 65535,
            (*options, *self.extra), payload))

    def from_server(self, at: int, flags: int = ACK, payload: bytes = b"", *, ack: int = 1,
                    options: opt.Options = ()) -> Frame:
        return "server", build(Segment(
            ip_address(self.server).packed, ip_address(self.client).packed, self.dport, self.sport,
            wire(at, self.server_isn), wire(ack, self.isn) if flags & ACK else 0, flags, 65535,
            (*options, *self.extra), payload))

    def handshake(self) -> list[Frame]:
        """SYN, SYN-ACK, ACK."""
        size = (opt.mss(1460),)
        return [self.from_client(0, SYN, options=size), self.from_server(0, SYN | ACK, options=size),
                self.from_client(1)]

    def data(self, payload: bytes, sizes: tuple[int, ...] = ()) -> list[Frame]:
        """The client's bytes from the first on, cut by sizes."""
        out, at, planned = [], 0, list(sizes)
        while at < len(payload):
            piece = payload[at:at + (planned.pop(0) if planned else 1400)]
            out.append(self.from_client(1 + at, ACK | PSH, piece))
            at += len(piece)
        return out
