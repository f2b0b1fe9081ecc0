"""The wire of a chain that translates addresses: hosts keep theirs, the box gets the ones that it expects.

    client 10.0.0.2:4000 -> 10.0.1.1:80  |box: NAT|  192.0.2.1:1024 -> 10.0.1.1:80   learned from its SYN
    client 10.0.0.2:4000 <- 10.0.1.1:80  |        |  192.0.2.1:1024 <- 10.0.1.1:80   put on the answers

So everything else in mcc.testing sees one connection with one pair of addresses. Only addresses, ports and what
checksums must change by are exchanged: a wrong checksum stays as wrong as it was.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

from mcc.testing.frames import IP4, IP6, ones_sum, tcp_checksum
from mcc.testing.simulation import BoxLike

SYN, ACK = 2, 16


@dataclass(frozen=True)
class Ends:
    """Addresses (packed) and ports of a segment."""

    src: bytes
    sport: int
    dst: bytes
    dport: int

    @property
    def back(self) -> Ends:
        """Those of an answer."""
        return Ends(self.dst, self.dport, self.src, self.sport)


@dataclass(frozen=True)
class Place:
    """Where things are in a frame: addresses from `at` on, `size` bytes each, TCP from `tcp` to `end`."""

    at: int
    size: int
    tcp: int
    end: int


def place_of(frame: bytes) -> Place | None:
    """None where there is no whole TCP header behind plain Ethernet and IP, or only a fragment."""
    kind = int.from_bytes(frame[12:14], "big")
    if kind == IP4 and len(frame) >= 34 and frame[23] == 6 and not int.from_bytes(frame[20:22], "big") & 0x3FFF:
        place = Place(26, 4, 14 + (frame[14] & 15) * 4, 14 + int.from_bytes(frame[16:18], "big"))
    elif kind == IP6 and len(frame) >= 54 and frame[20] == 6:
        place = Place(22, 16, 54, 54 + int.from_bytes(frame[18:20], "big"))
    else:
        return None
    return place if place.tcp + 20 <= place.end <= len(frame) else None


def ends_of(frame: bytes, p: Place) -> Ends:
    sport, dport = struct.unpack_from("!HH", frame, p.tcp)
    return Ends(frame[p.at:p.at + p.size], sport, frame[p.at + p.size:p.at + 2 * p.size], dport)


def with_ends(frame: bytes, p: Place, ends: Ends) -> bytes:
    """The frame with these addresses and ports; its checksums differ from right ones by what they did before."""
    new = bytearray(frame)
    old_ip, old_tcp = _sums(frame, p)
    new[p.at:p.at + 2 * p.size] = ends.src + ends.dst
    struct.pack_into("!HH", new, p.tcp, ends.sport, ends.dport)
    ip_sum, tcp_sum = _sums(bytes(new), p)
    there, = struct.unpack_from("!H", frame, p.tcp + 16)
    struct.pack_into("!H", new, p.tcp + 16, there ^ old_tcp ^ tcp_sum)
    if p.size == 4:
        there, = struct.unpack_from("!H", frame, 24)
        struct.pack_into("!H", new, 24, there ^ old_ip ^ ip_sum)
    return bytes(new)


def _sums(frame: bytes, p: Place) -> tuple[int, int]:
    """The right checksums of IPv4 header (IPv6: 0) and TCP."""
    head = frame[14:24] + b"\0\0" + frame[26:p.tcp] if p.size == 4 else b""
    return (~ones_sum(head) & 0xFFFF if head else 0,
            tcp_checksum(frame[p.at:p.at + p.size], frame[p.at + p.size:p.at + 2 * p.size], frame[p.tcp:p.end]))


class Translated:
    """A box between hosts that keep their addresses. ports[0] is the client's side, ports[1] the server's.

    here: the model's server as (address, port); there: where its clients connect to (a proxy's address),
    None: the same. raw: frames as they left the box are added to it.
    """

    def __init__(self, box: BoxLike, here: tuple[str, int] | None = None, there: tuple[str, int] | None = None,
                 raw: list[bytes] | None = None) -> None:
        self.box, self.ports, self.raw = box, box.ports, raw
        self.here, self.there = (None if x is None else (ip_address(x[0]).packed, x[1]) for x in (here, there))
        self.outside: dict[Ends, Ends] = {}
        """The ends of what the client sends, as the model has them, to those behind the box."""
        self.inside: dict[Ends, Ends] = {}
        self.opening: dict[int, Ends] = {}
        """The ends of SYNs on their way through the box, by sequence number."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self.box, name)

    @property
    def translates(self) -> bool:
        """Whether a SYN has come out with other addresses."""
        return bool(self.outside)

    def send(self, port: str, frame: bytes, at: float) -> list[Any]:
        return self._out(self.box.send(port, self._in(port, frame), at))

    def send_burst(self, frames: Any) -> list[Any]:
        """A frame of the server behind a SYN in the same burst: the SYN goes first, so that its addresses are known."""
        out: list[Any] = []
        waiting: list[Any] = []
        for port, frame, at in frames:
            if port == self.ports[1] and self.opening:
                out += self._out(self.box.send_burst(waiting))  # type: ignore[attr-defined]
                waiting = []
            waiting.append((port, self._in(port, frame), at))
        return out + self._out(self.box.send_burst(waiting))  # type: ignore[attr-defined]

    def advance(self, to: float) -> list[Any]:
        return self._out(self.box.advance(to))

    def stats(self) -> dict[str, Any]:
        return self.box.stats()

    def close(self) -> None:
        self.box.close()

    def _in(self, port: str, frame: bytes) -> bytes:
        p = place_of(frame)
        if p is None:
            return frame
        ends = model = ends_of(frame, p)
        if port == self.ports[1]:
            ends = self.outside[model.back].back if model.back in self.outside else model
        else:
            if (model.dst, model.dport) == self.here and self.there is not None:
                ends = Ends(model.src, model.sport, *self.there)
            if frame[p.tcp + 13] & (SYN | ACK) == SYN:
                self.opening[int.from_bytes(frame[p.tcp + 4:p.tcp + 8], "big")] = model
        return frame if ends == model else with_ends(frame, p, ends)

    def _out(self, sent: list[Any]) -> list[Any]:
        return [type(s)(s.port, self._left(s.port, s.frame), s.at) for s in sent]

    def _left(self, port: str, frame: bytes) -> bytes:
        if self.raw is not None:
            self.raw.append(frame)
        p = place_of(frame)
        if p is None:
            return frame
        ends = model = ends_of(frame, p)
        if port == self.ports[1]:
            if frame[p.tcp + 13] & (SYN | ACK) == SYN:
                self._learn(int.from_bytes(frame[p.tcp + 4:p.tcp + 8], "big"), ends)
            model = self.inside.get(ends, ends)
        elif (ends.src, ends.sport) == self.there and self.here is not None:
            model = Ends(*self.here, ends.dst, ends.dport)
        return frame if ends == model else with_ends(frame, p, model)

    def _learn(self, seq: int, ends: Ends) -> None:
        """A SYN leaves towards the server; one that is renumbered is not recognised."""
        model = self.opening.pop(seq, None)
        if model is not None:
            self.outside.pop(model, None)
            if model != ends:
                self.outside[model], self.inside[ends] = ends, model
