"""The receiver reads T(S): properties 1, 2, 4, 5, 13, 15, 22, 26, 27, 28."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from mcc.testing.frames import FIN, SYN, Segment, build
from mcc.testing.needed import st
from mcc.testing.options import pack
from mcc.testing.plans import Dialogue, Fate, Host
from mcc.testing.properties.base import complete, require, segments, streams_right
from mcc.testing.seqnum import SPACE, wire
from mcc.testing.strategies import ALL, dialogues, hard, impairments, sizes, streams
from mcc.testing.subject import Series, Subject
from mcc.testing.trace import Numbering, Trace


def delivered(subject: Subject, data: Any) -> None:
    """1: any segmentation, order and repetition."""
    trace = subject.run(data.draw(dialogues(subject.tokens, kinds=ALL), "dialogue"))
    complete(trace, 1)
    streams_right(subject, trace, 1)


def numbered(subject: Subject, data: Any) -> None:
    """2: f over the wrap. Every byte at its place, the SYN in front of the first, for ISNs just below 2^32."""
    d = data.draw(dialogues(subject.tokens, kinds=("lose", "twice", "cut"), least=12), "dialogue")
    back = data.draw(st.tuples(st.integers(1, 40), st.integers(1, 40)), "bytes before the wrap")
    d = replace(d, client=replace(d.client, isn=2**32 - back[0]), server=replace(d.server, isn=2**32 - back[1]))
    trace = subject.run(d)
    complete(trace, 2)
    streams_right(subject, trace, 2)
    for host, from_client in (("server", True), ("client", False)):
        other = "client" if from_client else "server"
        out, came = segments(trace, f"box>{host}", from_client), segments(trace, f"{other}>box", from_client)
        begins = {s.seq for s in out if s.has(SYN)}
        require(len(begins) == 1, 2, f"SYNs to the {host} have {len(begins)} initial numbers", trace)
        if subject.is_identity and begins:
            shift = (begins.pop() - next(s.seq for s in came if s.has(SYN))) % SPACE
            known = {((s.seq + shift) % SPACE, s.payload) for s in came}
            odd = [s for s in out if s.payload and not subject.has_context and (s.seq, s.payload) not in known]
            require(not odd, 2, f"a segment to the {host} has another place than all others", trace)


def sent_again(subject: Subject, data: Any) -> None:
    """4: what is sent again is cut at other places, and is the same bytes at the same new places."""
    data_ = data.draw(streams(subject.tokens, least=8), "stream")
    cuts, recuts = data.draw(sizes(), "first cut"), data.draw(sizes(), "cut again")
    lossy = data.draw(impairments(("lose",), 14), "behind the box")
    late = data.draw(impairments(("lose",), 6), "acknowledgements")
    d = Dialogue(Host(writes=((0.0, data_),), cuts=cuts, recuts=recuts, mss=536), Host(isn=900_000),
                 ((), lossy, (), late))
    trace = subject.run(d)
    complete(trace, 4)
    streams_right(subject, trace, 4)


def removed_whole(subject: Subject, data: Any) -> None:
    """5: one segment at a time; each is acknowledged in time although nothing may be left of it."""
    pieces = data.draw(st.lists(st.sampled_from(subject.tokens or (b"a", b"bc")) | st.binary(min_size=1, max_size=4),
                                min_size=1, max_size=6), "segments")
    client = Host(writes=((0.0, b"".join(pieces)),), cuts=tuple(map(len, pieces)), stop_and_wait=True, rto=1.0,
                  rto_cap=1.0, close_at=0.0)
    trace = subject.run(Dialogue(client, Host(isn=900_000), patience=60.0))
    complete(trace, 5)
    require(trace.client.sender.timeouts == 0, 5,
            f"the client waited for an ACK {trace.client.sender.timeouts} times until its timer ran out", trace)
    streams_right(subject, trace, 5)


def fast_open(subject: Subject, data: Any) -> None:
    """13: data on the SYN, which may get lost, and be taken or not."""
    payload = data.draw(streams(subject.tokens, least=6), "stream")
    client = Host(writes=((0.0, payload),), syn_data=data.draw(st.integers(1, len(payload)), "bytes on the SYN"),
                  cuts=data.draw(sizes(), "cuts"), isn=data.draw(st.sampled_from([1000, 2**32 - 3]), "isn"))
    server = Host(isn=900_000, takes_syn_data=data.draw(st.booleans(), "taken"),
                  writes=((0.0, data.draw(streams(subject.tokens), "answer")),))
    kinds = ("lose", "twice")
    links = tuple(data.draw(impairments(kinds, 4), "link") for _ in range(4))
    trace = subject.run(Dialogue(client, server, links))
    complete(trace, 13)
    streams_right(subject, trace, 13)


def small_enough(subject: Subject, data: Any) -> None:
    """15: full segments come in, what leaves fits the receiver's MSS, options included (RFC 6691)."""
    mss = data.draw(st.sampled_from([88, 100, 536]), "MSS of the server")
    filler = data.draw(streams(subject.tokens, least=4), "pattern")
    payload = (filler * (3 * mss // len(filler) + 1))[:data.draw(st.integers(mss, 3 * mss), "length")]
    stamped = data.draw(st.booleans(), "timestamps")
    d = Dialogue(Host(writes=((0.0, payload),), timestamps=stamped), Host(isn=900_000, mss=mss),
                 (data.draw(impairments(("lose",), 8), "link"), (), (), ()))
    trace = subject.run(d)
    size = max([mss, *(_size(s) for s in segments(trace, "client>box", True))])
    for s in segments(trace, "box>server", True):
        require(_size(s) <= size, 15, f"a segment of {_size(s)} bytes left, the server's MSS is {mss}", trace)
    complete(trace, 15)
    streams_right(subject, trace, 15)


def _size(s: Segment) -> int:
    """What the MSS limits: text and options, except on a SYN."""
    return len(s.payload) + (0 if s.has(SYN) else len(pack(s.options)))


def no_deadlock(subject: Subject, data: Any) -> None:
    """22: shut windows, one segment at a time, simultaneous open, bad wires: it always comes to its end."""
    trace = subject.run(data.draw(hard(subject.tokens), "dialogue"))
    complete(trace, 22)
    streams_right(subject, trace, 22)


def in_series(subject: Subject, data: Any) -> None:
    """26: the chain and its parts as boxes in a row; without parts the chain behind itself, which gives T(T(S))."""
    d = data.draw(dialogues(subject.tokens, kinds=("lose", "late"), both=False), "dialogue")
    openers = subject.parts or (subject.open_box, subject.open_box)
    once = subject.expect(d.client.data)
    twice = once if subject.parts else subject.expect(once)
    box = Series([opener() for opener in openers])
    try:
        trace = subject.run(d, box=box)
    finally:
        box.close()
    complete(trace, 26)
    got = bytes(trace.server.receiver.stream)
    require(got == twice, 26, f"boxes in a row gave {got!r}, expected is {twice!r}", trace)


def owned(subject: Subject, data: Any) -> None:
    """27: the client falls silent for good. What was acknowledged to it arrives all the same, or there is a RST."""
    payload = data.draw(streams(subject.tokens, least=6), "stream")
    mute = data.draw(st.integers(15, 90), "silent after 1/10 ms")
    client = Host(writes=((0.0, payload),), cuts=data.draw(sizes(), "cuts"), mute_at=mute / 10_000, close_at=None,
                  stop_and_wait=data.draw(st.booleans(), "one at a time"), rto=1.0, rto_cap=1.0)
    links = ((), (Fate(), Fate(), *data.draw(impairments(("lose",), 8), "behind the box")), (), ())
    server = Host(isn=900_000, close_at=None, rto=1.0, rto_cap=64.0)
    trace = subject.run(Dialogue(client, server, links, patience=300.0))
    acked = trace.client.sender.una - 1
    sure = _certain(subject, payload, acked)
    got = bytes(trace.server.receiver.stream)
    require(trace.server.dead or len(got) >= sure, 27,
            f"{acked} bytes were acknowledged to the client, so {sure} are owed to the server; it has {len(got)}",
            trace)
    streams_ok = subject.expect(payload).startswith(got) or subject.expect(payload[:acked]).startswith(got)
    require(streams_ok or _held_back(subject, payload, got), 27, f"the server read {got!r}", trace)


def _certain(subject: Subject, payload: bytes, acked: int) -> int:
    """Bytes of T(S) that the first `acked` bytes of S surely make, whatever follows."""
    part, whole = subject.expect(payload[:max(0, acked - subject.slack)]), subject.expect(payload)
    same = 0
    while same < min(len(part), len(whole)) and part[same] == whole[same]:
        same += 1
    return same


def _held_back(subject: Subject, payload: bytes, got: bytes) -> bool:
    """The sender stopped in the middle: what the server read begins T of some beginning of S."""
    return any(subject.expect(payload[:n]).startswith(got) for n in range(len(payload) + 1))


def corrupt(subject: Subject, data: Any) -> None:
    """28: bent copies, and garbage with a wrong checksum where the next bytes belong, before the good ones come."""
    d = data.draw(dialogues(subject.tokens, kinds=("bend", "late", "lose"), least=8), "dialogue")
    ahead = data.draw(st.lists(st.tuples(st.integers(10, 60), st.integers(0, 30)), max_size=3), "garbage at 1/10 ms")
    trace = subject.run(d, [(at / 10_000, "client", _garbage(offset)) for at, offset in ahead])
    complete(trace, 28)
    streams_right(subject, trace, 28)


def _garbage(offset: int) -> Any:
    def make(trace: Trace) -> bytes | None:
        sent = segments(trace, "client", True)
        isn = Numbering(sent).isn
        if isn is None or trace.client.receiver.isn is None:
            return None
        like = sent[-1]
        at = wire(trace.client.sender.una + offset, isn)
        return build(replace(like, seq=at, payload=b"\x5a" * 9, flags=(like.flags | 16) & ~(SYN | FIN | 4)),
                     bad_checksum=True)
    return make


