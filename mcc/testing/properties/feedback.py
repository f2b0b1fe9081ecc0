"""What comes back to the sender: properties 3, 6, 7, 9, 11, 12."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from mcc.testing import options as opt
from mcc.testing.frames import ACK, SYN, Segment, build
from mcc.testing.needed import st
from mcc.testing.plans import Dialogue, Fate, Host
from mcc.testing.positions import PositionMap
from mcc.testing.properties.base import (
    acks,
    complete,
    duplicates,
    lawful,
    ordered,
    require,
    scale_of,
    segments,
    streams_right,
)
from mcc.testing.seqnum import SPACE, wire
from mcc.testing.strategies import dialogues, impairments, sizes, streams
from mcc.testing.subject import Subject
from mcc.testing.trace import Numbering, Trace


def acknowledged(subject: Subject, data: Any) -> None:
    """3: acknowledgements to the client lie between what the server's mean and what the box has; in the end all."""
    d = data.draw(dialogues(subject.tokens, kinds=("lose", "cut"), least=6, both=False), "dialogue")
    d = replace(d, links=(d.links[0], d.links[1], (), ()))
    trace = subject.run(d)
    complete(trace, 3)
    streams_right(subject, trace, 3)
    payload = d.client.data
    edits = [] if subject.is_identity else subject.edits(payload) if subject.edits else None
    where = PositionMap(edits) if edits is not None else None
    highest = last = 0
    for place, ack in _both_sides(trace):
        if place == "server>box":
            highest = max(highest, ack)
            continue
        require(ack >= last, 3, f"an ACK to the client fell from {last} to {ack}", trace)
        last = ack
        whole = len(payload) + 2
        require(ack <= whole, 3, f"ACK {ack} to the client, its stream ends at {whole}", trace)
        if where is not None and 1 <= highest <= len(subject.expect(payload)):
            low, high = where.back(highest - 1) + 1, where.back_high(highest - 1) + 1
            require(ack >= min(low, last), 3, f"ACK {highest} of the server became {ack}, not {low}", trace)
            may = subject.early_ack is not False and subject.has_context
            require(ack <= high or may, 3, f"ACK {highest} of the server became {ack}, beyond {high}", trace)
    require(last == len(payload) + 2, 3, f"the last ACK to the client is {last}, not {len(payload) + 2}", trace)


def _both_sides(trace: Trace) -> list[tuple[str, int]]:
    """ACKs of the server as it sent them and as the client gets them, in order of time."""
    out = [(a.order, place, a.ack) for place in ("server>box", "box>client") for a in acks(trace, place, False)]
    return [(place, ack) for _, place, ack in sorted(out)]


def duplicates_kept(subject: Subject, data: Any) -> None:
    """6: one segment is lost behind the box. The client counts as many duplicate ACKs as the server sent."""
    count = data.draw(st.integers(6, 12), "segments")
    payload = data.draw(streams(subject.tokens, least=count * 4), "stream")
    size = len(payload) // count
    lost = data.draw(st.integers(2, 2 + count - 5), "lost behind the box")
    fates = tuple(Fate() for _ in range(lost)) + (Fate("lose"),)
    stamped, sack = data.draw(st.booleans(), "timestamps"), data.draw(st.booleans(), "SACK")
    client = Host(writes=((0.0, payload),), cuts=(size,) * (count + 1), rto=1.0, rto_cap=1.0, timestamps=stamped,
                  sack=sack)
    trace = subject.run(Dialogue(client, Host(isn=900_000, delayed_ack=data.draw(st.booleans(), "delayed")),
                                 ((), fates, (), ()), patience=60.0))
    complete(trace, 6)
    sent, got = duplicates(acks(trace, "server>box", False)), duplicates(acks(trace, "box>client", False))
    require(got <= sent, 6, f"the server sent {sent} duplicate ACKs, {got} left towards the client", trace)
    before = duplicates(acks(trace, "box>client", False)[:-2])
    if subject.is_identity and not subject.has_context:
        require(got == sent, 6, f"the server sent {sent} duplicate ACKs, {got} left towards the client", trace)
    owned = max([a.ack for a in acks(trace, "box>client", False)], default=0) > len(payload) and before < 3
    if sent >= 3 and not owned:
        require(trace.client.sender.timeouts == 0, 6,
                f"the server sent {sent} duplicate ACKs, yet the client waited for its timer", trace)


def selective(subject: Subject, data: Any) -> None:
    """7: a client that never sends again what SACK claims gets everything through; blocks are legal, not stripped."""
    d = data.draw(dialogues(subject.tokens, kinds=("lose", "twice", "late", "cut"), least=10, both=False), "dialogue")
    both = {"sack": True, "scale": 2}
    d = replace(d, client=replace(d.client, trusts_sack=True, **both), server=replace(d.server, **both))
    trace = subject.run(d)
    for side, from_client, came in (("server", True, "client"), ("client", False, "server")):
        for s in segments(trace, f"box>{side}", from_client):
            if s.has(SYN):
                require(opt.value(s.options, opt.SACK_PERMITTED) is not None, 7,
                        f"SACK-permitted of the {came} was stripped", trace)
    lawful(trace, 7)
    complete(trace, 7)
    streams_right(subject, trace, 7)
    claimed = [b for a in acks(trace, "server>box", False) for b in opt.sack_blocks(a.segment.options)]
    shown = [b for a in acks(trace, "box>client", False) for b in opt.sack_blocks(a.segment.options)]
    if subject.is_identity and not subject.has_context:
        require(len(shown) == len(claimed), 7, f"{len(claimed)} SACK blocks came, {len(shown)} went on", trace)
        return
    useful = _needed_blocks(trace)
    require(bool(shown) or not useful, 7, f"{useful} acknowledgements carried SACK blocks, none reached the client",
            trace)


def _needed_blocks(trace: Trace) -> int:
    """ACKs of the server with blocks above their ACK at a time when the client still needed them."""
    done = next((a.at for a in acks(trace, "box>client", False) if a.ack >= trace.client.sender.end - 1), 1e9)
    return sum(any((left - a.segment.ack) % SPACE < SPACE // 2 for left, _ in opt.sack_blocks(a.segment.options))
               for a in acks(trace, "server>box", False) if a.at < done and trace.client.sender.fast)


def windows(subject: Subject, data: Any) -> None:
    """9: the right edge towards the client never moves left, nothing exceeds the server's window, zero stays zero."""
    payload = data.draw(streams(subject.tokens, least=20, pieces=10), "stream")
    scale = data.draw(st.sampled_from([None, 0, 1, 3]), "scale")
    buffer = data.draw(st.sampled_from([8, 24, 64, 4096]), "buffer")
    pause = data.draw(st.integers(0, 60), "ms without reading")
    client = Host(writes=((0.0, payload),), cuts=data.draw(sizes(), "cuts"), scale=7)
    server = Host(isn=900_000, buffer=buffer, scale=scale, pauses=((0.0, pause / 1000),))
    trace = subject.run(Dialogue(client, server, ((), data.draw(impairments(("lose",), 8), "behind the box"), (), ())))
    for name, place in (("client", "server>box"), ("client", "box>client")):
        given = [opt.value(s.options, opt.SCALE) for s in segments(trace, place, False) if s.has(SYN)]
        require(len(set(given)) <= 1, 9, f"window scale towards the {name} is not one", trace)
    came = {opt.value(s.options, opt.SCALE) for s in segments(trace, "server>box", False) if s.has(SYN)}
    went = {opt.value(s.options, opt.SCALE) for s in segments(trace, "box>client", False) if s.has(SYN)}
    require(came == went, 9, "the window scale of the server was changed", trace)
    _edges(trace)
    _within(trace)
    complete(trace, 9)
    streams_right(subject, trace, 9)


def _edges(trace: Trace) -> None:
    grain = (1 << scale_of(trace, "server")) - 1
    edge, shut = 0, False
    events = [(a.order, place, a) for place in ("server>box", "box>client") for a in acks(trace, place, False)]
    for _, place, a in sorted(events, key=lambda e: e[0]):
        if a.edge is None:
            continue
        if place == "server>box":
            shut = a.segment.window == 0
            continue
        if shut and a.segment.window == 0:  # inserted bytes fill the room that was promised for others
            edge = a.edge
            continue
        require(a.edge >= edge - grain, 9, f"the right edge towards the client moved from {edge} to {a.edge}", trace)
        edge = max(edge, a.edge)
        require(not shut or a.segment.window == 0, 9, f"the server's window is shut, the client sees"
                f" {a.segment.window}", trace)


def _within(trace: Trace) -> None:
    """What leaves towards the server lies in the window that the box has seen; a probe is one byte beyond."""
    isn = Numbering(segments(trace, "box>server", True)).isn
    edge = 1
    seen = [(a.order, (a.edge if a.edge is not None else a.ack + a.segment.window))
            for a in acks(trace, "server>box", False)]
    sent = [(order, s) for order, _, s in ordered(trace, "box>server")
            if trace.from_client(s) and s.payload and not s.has(SYN)]
    events: list[tuple[int, int | Segment]] = [*seen, *sent]
    for _, what in sorted(events, key=lambda e: e[0]):
        if isinstance(what, int):
            edge = max(edge, what)
        elif isn is not None:
            end = (what.seq - isn) % SPACE + len(what.payload)
            require(end <= edge + 1, 9, f"bytes up to {end} left, the server's window ends at {edge}", trace)


def acceptable(subject: Subject, data: Any) -> None:
    """11: an ACK of bytes that do not exist never becomes one that the client believes, nor disturbs anything."""
    d = data.draw(dialogues(subject.tokens, kinds=("lose",), least=6, both=False), "dialogue")
    d = replace(d, links=((), (Fate(), Fate(), *d.links[1]), (), ()))
    when = data.draw(st.lists(st.integers(25, 120), min_size=1, max_size=3), "at 1/10 ms")
    beyond = data.draw(st.sampled_from([1, 50, 100_000, 2**30]), "beyond")
    trace = subject.run(d, [(at / 10_000, "server", _unseen(beyond + len(d.client.data) * 32 + 32)) for at in when])
    complete(trace, 11)
    streams_right(subject, trace, 11)


def _unseen(beyond: int) -> Any:
    def make(trace: Trace) -> bytes | None:
        sent = segments(trace, "server", False)
        isn = Numbering(segments(trace, "box>server", True)).isn
        if not sent or isn is None or trace.server.sender.una == 0:
            return None
        like, server = sent[-1], trace.server
        return build(replace(like, seq=wire(server.sender.nxt, server.plan.isn), flags=ACK, payload=b"",
                             ack=wire(server.receiver.next + beyond, isn),
                             options=tuple(o for o in like.options if o[0] == opt.TIMESTAMPS and not like.has(SYN))))
    return make


def probed(subject: Subject, data: Any) -> None:
    """12: keep-alives between two writes are answered and add nothing; probes of a shut window come through."""
    first = data.draw(streams(subject.tokens, least=4), "before")
    second = data.draw(streams(subject.tokens, least=1), "after")
    garbage = data.draw(st.lists(st.integers(0, 1), min_size=1, max_size=3), "garbage bytes")
    alive = tuple((0.2 + 0.1 * i, g) for i, g in enumerate(garbage))
    pause = data.draw(st.sampled_from([0.0, 0.08]), "shut for")
    client = Host(writes=((0.0, first), (0.6, second)), keepalives=alive, cuts=data.draw(sizes(), "cuts"))
    server = Host(isn=900_000, buffer=data.draw(st.sampled_from([65535, 6]), "buffer"), pauses=((0.0, pause),))
    trace = subject.run(Dialogue(client, server))
    complete(trace, 12)
    expected = subject.expect(first + second)
    got = bytes(trace.server.receiver.stream)
    require(got == expected, 12, f"the server read {got!r}, expected is {expected!r}", trace)
    for at, _ in alive:
        sent = any(e.place == "client" and abs(e.at - at) < 1e-6 for e in trace.events)
        heard = any(e.place == "client got" and at < e.at < at + 0.09 for e in trace.events)
        require(heard or not sent, 12, f"no answer to the keep-alive at {at * 1000:.0f} ms", trace)
