"""Middleboxes in Python: one that only passes packets, and for each property one that breaks it."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from mcc.lang.sent import Sent
from mcc.testing import options as opt
from mcc.testing.frames import ACK, FIN, RST, SYN, URG, Segment, build, checksums_right, ip_parts, parse
from mcc.testing.seqnum import SPACE, before, wire
from mcc.testing.subject import identity


class Plain:
    """Passes every frame. `edit` is where the wrong ones differ: (port, frame) to [(port, frame)]."""

    ports = ("lan", "wan")

    def __init__(self) -> None:
        self.seen: dict[int, int] = {}
        """(by source port) behind the highest byte so far."""

    def edit(self, port: str, frame: bytes) -> list[tuple[str, bytes]]:
        s = parse(frame) if checksums_right(frame) else None
        if s is None:
            return [(self.other(port), frame)]
        new = self.segment(s, port == "lan")
        end = (s.seq + s.length) % SPACE
        if s.sport not in self.seen or before(self.seen[s.sport], end):
            self.seen[s.sport] = end
        if new is s:
            return [(self.other(port), frame)]
        return [(self.other(port), build(new))] if new is not None else []

    def segment(self, s: Segment, up: bool) -> Segment | None:
        return s

    def old(self, s: Segment) -> bool:
        """Whether the segment begins before what has been seen."""
        return s.sport in self.seen and before(s.seq, self.seen[s.sport])

    def other(self, port: str) -> str:
        return "wan" if port == "lan" else "lan"

    def send(self, port: str, frame: bytes, at: float) -> list[Any]:
        return [Sent(p, f, at) for p, f in self.edit(port, frame)]

    def send_burst(self, frames: Any) -> list[Any]:
        return [s for port, frame, at in frames for s in self.send(port, frame, at)]

    def advance(self, to: float) -> list[Any]:
        return []

    def stats(self) -> dict[str, Any]:
        return {}

    def close(self) -> None:
        pass


def bent(payload: bytes) -> bytes:
    return bytes(b ^ 1 for b in payload)


class BendsLate(Plain):
    """What comes out of order is changed."""

    def segment(self, s: Segment, up: bool) -> Segment | None:
        late = s.payload and s.sport in self.seen and s.seq != self.seen[s.sport]
        return replace(s, payload=bent(s.payload)) if late else s


class BreaksAtWrap(Plain):
    """32-bit numbers are compared as plain integers: behind the wrap data is moved by one."""

    def __init__(self) -> None:
        super().__init__()
        self.isn: dict[int, int] = {}

    def segment(self, s: Segment, up: bool) -> Segment | None:
        if s.has(SYN):
            self.isn[s.sport] = s.seq
        wrapped = s.payload and s.seq < self.isn.get(s.sport, 0)
        return replace(s, payload=s.payload[1:] + s.payload[:1]) if wrapped else s


class AcksOneLess(Plain):
    def segment(self, s: Segment, up: bool) -> Segment | None:
        return s if up or s.has(SYN) else replace(s, ack=(s.ack - 1) % SPACE)


class BendsRetransmissions(Plain):
    def segment(self, s: Segment, up: bool) -> Segment | None:
        return replace(s, payload=bent(s.payload)) if s.payload and self.old(s) else s


class SwallowsSegments(Plain):
    """Segments that the transform empties vanish, nobody acknowledges them."""

    def segment(self, s: Segment, up: bool) -> Segment | None:
        return None if s.payload == b"bc" and not s.has(FIN) else s


class DoublesAcks(Plain):
    def edit(self, port: str, frame: bytes) -> list[tuple[str, bytes]]:
        s = parse(frame)
        pure = s is not None and not s.length and port == "wan"
        return super().edit(port, frame) * (2 if pure else 1)


class LosesDuplicates(Plain):
    """Of equal ACKs only the first passes."""

    last = -1

    def segment(self, s: Segment, up: bool) -> Segment | None:
        again = not up and not s.length and s.ack == self.last
        self.last = self.last if up else s.ack
        return None if again else s


class ShiftsSack(Plain):
    """Acknowledgements are right, the blocks are two bytes off, as by a box that maps ACK alone."""

    def segment(self, s: Segment, up: bool) -> Segment | None:
        blocks = opt.sack_blocks(s.options)
        if up or not blocks:
            return s
        new = opt.sack([((a - 2) % SPACE, b) for a, b in blocks])
        return replace(s, options=tuple(new if o[0] == opt.SACK else o for o in s.options))


class StripsSack(Plain):
    def segment(self, s: Segment, up: bool) -> Segment | None:
        return replace(s, options=tuple(o for o in s.options if o[0] not in (opt.SACK, opt.SACK_PERMITTED)))


class RenumbersTimestamps(Plain):
    def segment(self, s: Segment, up: bool) -> Segment | None:
        stamps = opt.stamps(s.options)
        if stamps is None or not up:
            return s
        new = opt.timestamps((stamps[0] + 1000) % SPACE, stamps[1])
        return replace(s, options=tuple(new if o[0] == opt.TIMESTAMPS else o for o in s.options))


class ShrinksWindow(Plain):
    """Every other window is halved."""

    turn = 0

    def segment(self, s: Segment, up: bool) -> Segment | None:
        self.turn += 1
        return replace(s, window=s.window // 2) if not up and self.turn % 2 and not s.has(SYN) else s


class RstNextDoor(Plain):
    def segment(self, s: Segment, up: bool) -> Segment | None:
        return replace(s, seq=(s.seq + 1) % SPACE) if s.has(RST) else s


class ClampsAcks(Plain):
    """An ACK of what was never sent becomes one of all that was."""

    def segment(self, s: Segment, up: bool) -> Segment | None:
        highest = self.seen.get(s.dport)
        beyond = not up and highest is not None and s.has(ACK) and before(highest, s.ack)
        return replace(s, ack=highest) if beyond and highest is not None else s


class DropsKeepalives(Plain):
    def segment(self, s: Segment, up: bool) -> Segment | None:
        alive = up and len(s.payload) <= 1 and s.sport in self.seen and (s.seq + 1) % SPACE == self.seen[s.sport]
        return None if alive and not s.flags & (SYN | FIN) else s


class BendsSynData(Plain):
    def segment(self, s: Segment, up: bool) -> Segment | None:
        return replace(s, payload=bent(s.payload)) if s.has(SYN) and s.payload else s


class UrgentNextDoor(Plain):
    def segment(self, s: Segment, up: bool) -> Segment | None:
        return replace(s, urgent=s.urgent + 1) if s.has(URG) else s


class ExtendsSegments(Plain):
    """A segment brings the bytes before it once more, and grows beyond the MSS."""

    def __init__(self) -> None:
        super().__init__()
        self.before: dict[int, bytes] = {}

    def segment(self, s: Segment, up: bool) -> Segment | None:
        was = self.before.get(s.sport, b"")
        if s.has(SYN) or not s.payload or s.seq != self.seen[s.sport]:
            return s
        self.before[s.sport] = s.payload[-30:]
        return replace(s, seq=(s.seq - len(was)) % SPACE, payload=was + s.payload, flags=s.flags & ~URG)


class IcmpNextDoor(Plain):
    """The quoted sequence number is one off."""

    def edit(self, port: str, frame: bytes) -> list[tuple[str, bytes]]:
        parts = ip_parts(frame)
        if parts is None or parts[2] not in (1, 58):
            return super().edit(port, frame)
        at = 14 + len(parts[3]) + 8 + (40 if parts[2] == 58 else 20) + 4
        seq = (int.from_bytes(frame[at:at + 4], "big") + 1) % SPACE
        return [(self.other(port), frame[:at] + struct.pack("!I", seq) + frame[at + 4:])]


class StripsSignatures(Plain):
    def segment(self, s: Segment, up: bool) -> Segment | None:
        kept = tuple(o for o in s.options if o[0] not in (opt.MD5, opt.AO))
        return s if kept == s.options else replace(s, options=kept)


class StripsMultipath(Plain):
    def segment(self, s: Segment, up: bool) -> Segment | None:
        kept = tuple(o for o in s.options if o[0] != opt.MPTCP)
        return s if kept == s.options else replace(s, options=kept)


class PassesBothVersions(Plain):
    """Says that it follows streams, and lets every copy through."""

    def stats(self) -> dict[str, Any]:
        return {"contexts": {"tcp": {"conflicts": 0}}}


class ReservedCleared(Plain):
    """Builds every packet anew, without what it does not know."""

    def segment(self, s: Segment, up: bool) -> Segment | None:
        return replace(s)


class Leaks(Plain):
    def finish(self) -> list[Any]:
        return []

    def stats(self) -> dict[str, Any]:
        return {"sessions": {"active": int(bool(self.seen))}}


class Crashes(Plain):
    def segment(self, s: Segment, up: bool) -> Segment | None:
        if s.has(SYN) and s.has(FIN):
            raise ZeroDivisionError("SYN and FIN")
        return s


class LosesRetransmissions(Plain):
    def segment(self, s: Segment, up: bool) -> Segment | None:
        return None if s.length and self.old(s) else s


class HoldsForever(Plain):
    """Keeps everything behind a hole."""

    held = 0

    def segment(self, s: Segment, up: bool) -> Segment | None:
        hole = bool(s.payload) and (self.held > 0 or s.seq != self.seen.get(s.sport, s.seq))
        self.held += hole
        return None if hole else s

    def stats(self) -> dict[str, Any]:
        return {"contexts": {"tcp": {"conflicts": 0}}, "held": self.held}


class NegativeZero(Plain):
    """The checksum 0x0000 leaves as 0xFFFF (RFC 1624, 3: what the old formula gives)."""

    def edit(self, port: str, frame: bytes) -> list[tuple[str, bytes]]:
        parts = ip_parts(frame)
        assert parts is not None
        at = 14 + len(parts[3]) + 16
        if parts[2] == 6 and frame[at:at + 2] == b"\0\0":
            frame = frame[:at] + b"\xff\xff" + frame[at + 2:]
        return [(self.other(port), frame)]


class SortsBursts(Plain):
    def send_burst(self, frames: Any) -> list[Any]:
        return super().send_burst(sorted(frames, key=lambda f: len(f[1])))


class OnceOnly(Plain):
    """Marks what it has passed, and does not pass it again: alone it is right, behind itself not."""

    def edit(self, port: str, frame: bytes) -> list[tuple[str, bytes]]:
        mark = b"\x02\xbb"
        return [] if frame[:2] == mark else [(self.other(port), mark + frame[2:])]


class AcksWithoutOwning(Plain):
    """Acknowledges data itself, and forgets it."""

    def __init__(self) -> None:
        super().__init__()
        self.server: Segment | None = None

    def edit(self, port: str, frame: bytes) -> list[tuple[str, bytes]]:
        out = super().edit(port, frame)
        s = parse(frame)
        if s is not None and port == "wan" and (self.server is None or s.has(SYN)):
            self.server = s
        if s is not None and port == "lan" and s.payload and self.server is not None and not s.has(SYN):
            stamps = opt.stamps(s.options)
            seen = opt.stamps(self.server.options)
            echo = (opt.timestamps(seen[0], stamps[0]),) if stamps and seen else ()
            out.append(("lan", build(replace(self.server, seq=wire(1, self.server.seq), flags=ACK, payload=b"",
                                             ack=(s.seq + s.length) % SPACE, options=echo, window=65535))))
        return out


class MendsChecksums(Plain):
    """Gives a damaged segment a right checksum."""

    def edit(self, port: str, frame: bytes) -> list[tuple[str, bytes]]:
        s = parse(frame)
        return [(self.other(port), build(s) if s is not None else frame)]


class Upper(Plain):
    """Right: changes bytes, not their number, and so takes out MP_CAPABLE and keeps off signed connections."""

    def segment(self, s: Segment, up: bool) -> Segment | None:
        if any(o[0] in (opt.MD5, opt.AO) for o in s.options):
            return s
        return replace(s, payload=s.payload.upper(), options=tuple(o for o in s.options if o[0] != opt.MPTCP))


def without_bc(data: bytes) -> bytes:
    return data.replace(b"bc", b"")



_SAME: list[tuple[int, type[Plain]]] = [
    (1, BendsLate), (2, BreaksAtWrap), (3, AcksOneLess), (4, BendsRetransmissions), (6, DoublesAcks),
    (6, LosesDuplicates), (7, ShiftsSack), (7, StripsSack), (8, RenumbersTimestamps), (9, ShrinksWindow),
    (10, RstNextDoor), (11, ClampsAcks), (12, DropsKeepalives), (13, BendsSynData), (14, UrgentNextDoor),
    (15, ExtendsSegments), (16, IcmpNextDoor), (17, StripsSignatures), (18, StripsMultipath), (19, PassesBothVersions),
    (20, ReservedCleared), (21, Leaks), (21, Crashes), (22, LosesRetransmissions), (23, HoldsForever),
    (24, NegativeZero), (25, SortsBursts), (26, OnceOnly), (27, AcksWithoutOwning), (28, MendsChecksums)]
WRONG: list[tuple[int, type[Plain], Callable[[bytes], bytes]]] = [(number, box, identity) for number, box in _SAME] + [(5, SwallowsSegments, without_bc)]
"""(the property that must see it, box, what the box claims to do)."""

