"""What the properties share: the record of one, and looking at what left the box."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from mcc.testing.frames import SYN, Segment, checksums_right, parse
from mcc.testing.seqnum import position
from mcc.testing.subject import Broken, Subject
from mcc.testing.trace import Event, Numbering, Trace, bytes_at


@dataclass(frozen=True)
class Property:
    """`check(subject, data)` draws from Hypothesis' `data`; raises Broken, or NotApplicable with the reason."""

    number: int
    name: str
    basis: str
    check: Callable[[Subject, Any], None]


def require(holds: bool, number: int, text: str, trace: Trace) -> None:
    if not holds:
        raise Broken(number, text, trace)


def segments(trace: Trace, place: str, from_client: bool) -> list[Segment]:
    """Segments with right checksums of one sender at a place."""
    return [s for _, s in trace.at(place) if trace.from_client(s) == from_client]


def streams_right(subject: Subject, trace: Trace, number: int, *, complete: bool = True) -> None:
    """Both directions: the wire is consistent and carries T(S) and no more; where `complete`, all of it arrived."""
    d = trace.dialogue
    for name, plan, receiver, from_client in (("server", d.client, trace.server.receiver, True),
                                              ("client", d.server, trace.client.receiver, False)):
        expected = subject.expect(plan.data, from_client)
        known, wrong = bytes_at(segments(trace, f"box>{name}", from_client))
        require(not wrong, number, f"to the {name}: {'; '.join(wrong[:3])}", trace)
        for i, byte in sorted(known.items()):
            there = f"{expected[i]:#04x}" if 0 <= i < len(expected) else "nothing"
            require(there == f"{byte:#04x}", number,
                    f"to the {name}: byte {i} went out as {byte:#04x}, expected is {there}", trace)
        got = bytes(receiver.stream)
        require(expected.startswith(got), number, f"the {name} read {got!r}, expected is {expected!r}", trace)
        require(not receiver.conflicts, number, f"at the {name}: {'; '.join(receiver.conflicts[:3])}", trace)
        if complete:
            require(got == expected and receiver.finished, number, f"the {name} read {got!r}"
                    f"{'' if receiver.finished else ' and no end'}, expected is {expected!r}", trace)


def complete(trace: Trace, number: int) -> None:
    """The dialogue came to its end."""
    h = {e.name: f"una {e.sender.una}, nxt {e.sender.nxt}, end {e.sender.end}, got {e.receiver.next}"
         for e in (trace.client, trace.server)}
    text = f"no end after {trace.ended:.1f} s: client {h['client']}; server {h['server']}"
    require(trace.complete, number, text, trace)


def lawful(trace: Trace, number: int) -> None:
    """No host saw what a lawful network cannot do, as far as this property speaks of it."""
    mine = [c.text for c in trace.complaints if c.number == number]
    require(not mine, number, "; ".join(mine[:3]), trace)


@dataclass(frozen=True)
class AckSeen:
    """An ACK at a place, in positions of the stream it acknowledges. `order`: of the event in the trace;
    `edge`: right window edge; None on a SYN."""

    order: int
    at: float
    ack: int
    edge: int | None
    segment: Segment

    @property
    def pure(self) -> bool:
        return self.segment.length == 0


def ordered(trace: Trace, place: str) -> Iterator[tuple[int, Event, Segment]]:
    """Segments with right checksums at a place, with their order in the whole trace."""
    for order, e in enumerate(trace.events):
        if e.place == place and checksums_right(e.frame):
            s = parse(e.frame)
            if s is not None:
                yield order, e, s


def acks(trace: Trace, place: str, from_client: bool) -> list[AckSeen]:
    """Acknowledgements of one host at a place. Positions by the ISN that the other host's segments have there."""
    lan = "client" in place
    towards = f"{'client' if lan else 'server'}>box" if from_client != lan else f"box>{'client' if lan else 'server'}"
    isn = Numbering(segments(trace, towards, not from_client)).isn
    own = segments(trace, place, from_client)
    scale = next((v[0] for s in own if s.has(SYN) for k, v in s.options if k == 3 and v), None)
    other = next((True for s in segments(trace, towards, not from_client) if s.has(SYN)
                  for k, _ in s.options if k == 3), False)
    shift = scale if scale is not None and other else 0
    out, near = [], 0
    for order, e, s in ordered(trace, place):
        if trace.from_client(s) == from_client and s.has(16) and isn is not None and not s.has(4):
            ack = position(s.ack, isn, near)
            near = max(near, ack)
            out.append(AckSeen(order, e.at, ack, None if s.has(SYN) else ack + (s.window << shift), s))
    return out


def duplicates(seen: list[AckSeen]) -> int:
    """Duplicate ACKs as a sender counts them (RFC 5681, 2), whatever is outstanding."""
    count, last = 0, None
    for a in seen:
        if last is not None and a.pure and a.ack == last.ack and a.edge == last.edge:
            count += 1
        if last is None or a.ack >= last.ack:
            last = a
    return count


def scale_of(trace: Trace, host: str) -> int:
    plan = trace.dialogue.server if host == "server" else trace.dialogue.client
    return plan.scale or 0
