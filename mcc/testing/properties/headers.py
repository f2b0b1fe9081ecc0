"""Header fields of single packets: properties 8, 10, 14, 16, 17, 18."""

from __future__ import annotations

import struct
from dataclasses import replace
from typing import Any

from mcc.testing import options as opt
from mcc.testing.frames import FIN, RST, SYN, URG, Segment, ip, ip_parts, ones_sum
from mcc.testing.needed import st
from mcc.testing.plans import Dialogue, Host
from mcc.testing.positions import PositionMap
from mcc.testing.properties.base import complete, lawful, ordered, require, segments, streams_right
from mcc.testing.raw import Script
from mcc.testing.seqnum import SPACE, position
from mcc.testing.strategies import dialogues, impairments, sizes, streams
from mcc.testing.subject import NotApplicable, Subject
from mcc.testing.trace import Numbering, Trace


def stamped(subject: Subject, data: Any) -> None:
    """8: every segment has a timestamp that its host has sent, echoes one of the peer's, and PAWS never trips."""
    d = data.draw(dialogues(subject.tokens, kinds=("lose", "cut"), least=6), "dialogue")
    d = replace(d, client=replace(d.client, timestamps=True), server=replace(d.server, timestamps=True))
    trace = subject.run(d)
    seen: dict[bool, set[int]] = {True: set(), False: set()}
    order = sorted([*ordered(trace, "client>box"), *ordered(trace, "server>box"), *ordered(trace, "box>client"),
                    *ordered(trace, "box>server")], key=lambda e: e[0])
    for _, e, s in order:
        stamps, mine = opt.stamps(s.options), trace.from_client(s)
        if e.place.endswith(">box"):
            seen[mine] |= {stamps[0]} if stamps else set()
            continue
        if s.has(RST):
            continue
        require(stamps is not None, 8, f"a segment left ({e.place}) without a timestamp", trace)
        assert stamps is not None
        require(stamps[0] in seen[mine], 8, f"TSval {stamps[0]} left ({e.place}), its host never sent it", trace)
        require(stamps[1] in seen[not mine] or (s.has(SYN) and stamps[1] == 0), 8,
                f"TSecr {stamps[1]} left ({e.place}), the other host never sent it", trace)
    lawful(trace, 8)
    require(trace.client.stale + trace.server.stale == 0, 8, "PAWS dropped a segment", trace)
    complete(trace, 8)
    streams_right(subject, trace, 8)


def ends(subject: Subject, data: Any) -> None:
    """10: the FIN lies directly behind T(S); a RST is accepted, which takes exactly RCV.NXT."""
    d = data.draw(dialogues(subject.tokens, kinds=(), least=2), "dialogue")
    abort = data.draw(st.sampled_from([None, "client", "server"]), "who resets")
    when = data.draw(st.integers(45, 300), "at 1/10 ms") / 10_000
    if abort == "client":
        d = replace(d, client=replace(d.client, abort_at=when, close_at=None))
    elif abort == "server":
        d = replace(d, server=replace(d.server, abort_at=when, close_at=None))
    trace = subject.run(replace(d, patience=20.0))
    reset = min((n for side in ("client", "server") for n, _, s in ordered(trace, f"{side}>box") if s.has(RST)),
                default=len(trace.events))  # what is under way to a dead host says nothing any more
    for name, plan, from_client in (("server", d.client, True), ("client", d.server, False)):
        out = [s for n, _, s in ordered(trace, f"box>{name}") if n < reset and trace.from_client(s) == from_client]
        isn = Numbering(out).isn
        if isn is None:
            continue
        whole = len(subject.expect(plan.data, from_client))
        for s in out:
            at = position(s.seq, isn, 0) + s.length
            fin = s.has(FIN) and plan.abort_at is None
            require(not fin or at == whole + 2, 10, f"the FIN to the {name} ends at {at}, not {whole + 2}", trace)
            require(at <= whole + 2, 10, f"a segment to the {name} ends at {at}, behind {whole + 2}", trace)
    other = trace.server if abort == "client" else trace.client
    came = any(s.has(RST) for s in segments(trace, f"{abort}>box", abort == "client")) if abort else False
    if came:
        require(other.reset_by is not None or other.done, 10,
                f"the {other.name} did not take the RST ({other.challenges} challenges)", trace)
        require(other.challenges == 0, 10, f"a RST missed the {other.name}'s RCV.NXT", trace)
    elif abort is None:
        complete(trace, 10)
        streams_right(subject, trace, 10)


def urgent(subject: Subject, data: Any) -> None:
    """14: the urgent pointer points to the same byte, or no URG leaves at all."""
    payload = data.draw(streams(subject.tokens, least=8), "stream")
    marks = data.draw(st.lists(st.integers(1, len(payload)), min_size=1, max_size=3, unique=True), "urgent until")
    cuts = data.draw(sizes(), "cuts")
    client = Host(writes=((0.0, payload),), urgent=tuple(sorted(marks)), cuts=cuts)
    links = (data.draw(impairments(("lose",), 6), "link"), (), (), ())
    trace = subject.run(Dialogue(client, Host(isn=900_000), links))
    complete(trace, 14)
    streams_right(subject, trace, 14)
    pointed = {"in": _pointers(trace, "client>box"), "out": _pointers(trace, "box>server")}
    if not pointed["out"] and not subject.is_identity:
        return
    edits = [] if subject.is_identity else subject.edits(payload) if subject.edits else None
    whole = len(subject.expect(payload))
    require(all(0 <= u <= whole for u in pointed["out"]), 14, f"urgent pointers to {sorted(pointed['out'])}", trace)
    if edits is not None:
        where = PositionMap(edits)
        right = {p for u in pointed["in"] for p in (where.forward(u), where.forward_low(u), where.forward(u - 1) + 1)}
        require(pointed["out"] <= right, 14, f"urgent data ended at {sorted(pointed['in'])}, now at "
                f"{sorted(pointed['out'])}", trace)
        require(bool(pointed["out"]) or not subject.is_identity or subject.has_context, 14, "URG was lost", trace)


def _pointers(trace: Trace, place: str) -> set[int]:
    """Counts of bytes before the end of urgent data."""
    sent = segments(trace, place, True)
    isn = Numbering(sent).isn
    assert isn is not None
    return {(s.seq - isn) % SPACE - 1 + s.urgent for s in sent if s.has(URG)}


def icmp(subject: Subject, data: Any) -> None:
    """16: a router behind the box quotes a segment of ours; the client gets the error about its own segment."""
    if subject.translates:
        raise NotApplicable("the chain translates addresses; what ICMP errors quote is then not followed")
    payload = data.draw(streams(subject.tokens, least=20), "stream")
    cuts = data.draw(sizes(), "cuts")
    nth = data.draw(st.integers(0, 5), "which segment is quoted")
    d = Dialogue(Host(writes=((0.0, payload),), cuts=cuts), Host(isn=900_000), ip6=data.draw(st.booleans(), "IPv6"))
    quoted: list[Segment] = []

    def make(trace: Trace) -> bytes | None:
        sent = [(e.frame, s) for e, s in trace.at("box>server") if trace.from_client(s) and s.payload]
        if not sent:
            return None
        frame, segment = sent[nth % len(sent)]
        quoted.append(segment)
        return _unreachable(frame)

    trace = subject.run(d, [(0.0031, "server", make)])
    if not quoted:
        return
    came = [p for p in map(_quote, trace.frames("box>client")) if p is not None]
    require(len(came) == 1, 16, f"the ICMP error arrived {len(came)} times at the client's side", trace)
    src, dst, sport, dport, seq = came[0]
    mine = next(iter(segments(trace, "client>box", True)))
    require((src, dst, sport, dport) == (mine.src, mine.dst, mine.sport, mine.dport), 16,
            "the ICMP error quotes addresses or ports that are not the client's", trace)
    isn = Numbering(segments(trace, "client>box", True)).isn
    isn_out = Numbering(segments(trace, "box>server", True)).isn
    assert isn is not None and isn_out is not None
    at, out = (seq - isn) % SPACE, (quoted[0].seq - isn_out) % SPACE
    require(1 <= at <= trace.client.sender.nxt, 16, f"the ICMP error quotes position {at}, never sent", trace)
    edits = [] if subject.is_identity else subject.edits(payload) if subject.edits else None
    if edits is not None:
        where = PositionMap(edits)
        right = {where.back(out - 1) + 1, where.back_high(out - 1) + 1}
        require(at in right, 16, f"the ICMP error quotes position {at}, not {sorted(right)}", trace)
    streams_right(subject, trace, 16)


def _unreachable(frame: bytes) -> bytes:
    """Host unreachable (RFC 792; RFC 4443, 3.1), with the IP header and the first 8 bytes of TCP."""
    parts = ip_parts(frame)
    assert parts is not None
    src, _, _, head, tcp = parts
    if len(src) == 4:
        body = struct.pack("!BBHI", 3, 1, 0, 0) + head + tcp[:8]
        return ip(bytes([10, 0, 9, 9]), src, 1, body[:2] + struct.pack("!H", ~ones_sum(body) & 0xFFFF) + body[4:])
    router = bytes.fromhex("20010db8000900000000000000000009")
    body = struct.pack("!BBHI", 1, 0, 0, 0) + head + tcp
    total = ones_sum(router + src + struct.pack("!IHBB", len(body), 0, 0, 58) + body)
    return ip(router, src, 58, body[:2] + struct.pack("!H", ~total & 0xFFFF) + body[4:])


def _quote(frame: bytes) -> tuple[bytes, bytes, int, int, int] | None:
    """Addresses, ports and sequence number that an ICMP error quotes."""
    parts = ip_parts(frame)
    if parts is None or parts[2] not in (1, 58):
        return None
    inner = parts[4][8:]
    size = 40 if parts[2] == 58 else (inner[0] & 15) * 4
    src, dst = (inner[8:24], inner[24:40]) if parts[2] == 58 else (inner[12:16], inner[16:20])
    sport, dport, seq = struct.unpack_from("!HHI", inner, size)
    return src, dst, sport, dport, seq


def protected(subject: Subject, data: Any) -> None:
    """17: a connection with TCP-AO or TCP-MD5 passes untouched, or none of its data does."""
    kind = data.draw(st.sampled_from([opt.MD5, opt.AO]), "option")
    payload = data.draw(streams(subject.tokens, least=6), "stream")
    script = Script(extra=((kind, b"\x42" * 16),))
    frames = [*script.handshake(), *script.data(payload, data.draw(sizes(), "cuts"))]
    trace = subject.feed(frames)
    came = [f for side, f in frames if side == "client"]
    went = trace.frames("box>server")
    if went == came:
        return
    out = segments(trace, "box>server", True)
    require(not any(s.payload for s in out), 17, "a connection with a signature was changed, or passed in part", trace)


def multipath(subject: Subject, data: Any) -> None:
    """18: MP_CAPABLE is taken out by a chain that modifies, and left by one that does not; other options stay."""
    flags = data.draw(st.sampled_from([b"\x01\x81", b"\x00\x81" + b"\x21" * 8]), "MP_CAPABLE")
    stamps = data.draw(st.booleans(), "timestamps")
    payload = data.draw(streams(subject.tokens), "stream")
    client = Host(writes=((0.0, payload),) if payload else (), syn_options=((opt.MPTCP, flags),), timestamps=stamps,
                  scale=data.draw(st.sampled_from([None, 7]), "scale"))
    trace = subject.run(Dialogue(client, Host(isn=900_000, timestamps=stamps)))
    complete(trace, 18)
    came = next(s for s in segments(trace, "client>box", True) if s.has(SYN))
    syns = [s for s in segments(trace, "box>server", True) if s.has(SYN)]
    for s in syns:
        left = opt.value(s.options, opt.MPTCP)
        require(left in (None, flags), 18, "MP_CAPABLE was changed", trace)
        if subject.transform is not None:
            require((left is not None) == subject.is_identity, 18,
                    "MP_CAPABLE passed a chain that modifies" if left else "MP_CAPABLE was taken out by a chain that "
                    "only reads", trace)
        others = [tuple(o for o in x.options if o[0] != opt.MPTCP) for x in (came, s)]
        require(others[0] == others[1], 18, f"other options of the SYN changed from {others[0]} to {others[1]}", trace)
    require(bool(syns), 18, "no SYN left", trace)
    streams_right(subject, trace, 18)


