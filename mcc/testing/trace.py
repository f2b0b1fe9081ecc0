"""What happened in a dialogue: every frame at every place, in order of virtual time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import ip_address

from mcc.testing.endpoint import Complaint, Endpoint
from mcc.testing.frames import SYN, Segment, checksums_right, parse
from mcc.testing.plans import Dialogue
from mcc.testing.seqnum import position


@dataclass(frozen=True)
class Event:
    """place: client, server (a host sent it), lost, client>box, server>box (the box got it), box>server, box>client
    (the box sent it), client got, server got. `note` says what the wire did."""

    at: float
    place: str
    frame: bytes
    note: str = ""


@dataclass
class Trace:
    """Events, both ends as they are at the end, and whether the dialogue came to its end."""

    dialogue: Dialogue
    client: Endpoint
    server: Endpoint
    events: list[Event] = field(default_factory=list)
    ended: float = 0.0
    complete: bool = False
    stats: dict[str, object] = field(default_factory=dict)

    def frames(self, place: str) -> list[bytes]:
        return [e.frame for e in self.events if e.place == place]

    def at(self, place: str, *, good: bool = True) -> Iterator[tuple[Event, Segment]]:
        """TCP segments of the connection at a place; with `good` only those whose checksums are right."""
        for e in self.events:
            if e.place == place and (not good or checksums_right(e.frame)):
                s = parse(e.frame)
                if s is not None:
                    yield e, s

    def from_client(self, s: Segment) -> bool:
        return s.src == ip_address(self.client.me[0]).packed and s.sport == self.client.me[1]

    @property
    def complaints(self) -> list[Complaint]:
        return self.client.complaints + self.server.complaints


class Numbering:
    """The positions of one direction at one place: the ISN is the first SYN's there."""

    def __init__(self, segments: list[Segment]) -> None:
        self.isn = next((s.seq for s in segments if s.has(SYN)), None)
        self._near = 0

    def of(self, number: int) -> int:
        """The position of a sequence or acknowledgement number; without a SYN there is none."""
        assert self.isn is not None
        at = position(number, self.isn, self._near)
        self._near = max(self._near, at)
        return at


def bytes_at(segments: list[Segment]) -> tuple[dict[int, int], list[str]]:
    """Byte index of the stream to its first value among these segments, and the contradictions of later ones."""
    numbers = Numbering(segments)
    known: dict[int, int] = {}
    wrong: list[str] = []
    if numbers.isn is None:
        return known, wrong
    for s in segments:
        start = numbers.of(s.seq) + s.has(SYN) - 1
        for i, byte in enumerate(s.payload, start):
            was = known.setdefault(i, byte)
            if was != byte:
                wrong.append(f"byte {i} went out as {was:#04x}, then as {byte:#04x}")
    return known, wrong


def assembled(known: dict[int, int]) -> bytes:
    """The bytes from 0 up to the first hole."""
    out = bytearray()
    while len(out) in known:
        out.append(known[len(out)])
    return bytes(out)
