"""Traffic that no lawful host sends, and the box as a whole: properties 19, 20, 21, 23, 24, 25."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from mcc.testing.frames import ACK, FIN, PSH, RST, SYN, checksums_right, ip, ip_parts, ones_sum, parse, tcp_checksum
from mcc.testing.needed import st
from mcc.testing.plans import Dialogue, Host
from mcc.testing.properties.base import complete, require, segments, streams_right
from mcc.testing.raw import Frame, Script
from mcc.testing.simulation import BoxLike
from mcc.testing.strategies import dialogues, sizes, streams
from mcc.testing.subject import Broken, NotApplicable, Subject
from mcc.testing.trace import Trace, assembled, bytes_at

NO_CONTEXT = "no TCP context"


def overlaps(subject: Subject, data: Any) -> None:
    """19: copies with other bytes. Each position leaves with one value, its first copy's; conflicts are
    counted where the first copy goes on as it came."""
    if not subject.has_context:
        raise NotApplicable(NO_CONTEXT)
    length = data.draw(st.integers(4, 24), "stream")
    base = bytes(65 + i % 26 for i in range(length))
    pieces = data.draw(st.lists(st.tuples(st.integers(0, length - 1), st.integers(1, length), st.integers(0, 1)),
                                min_size=1, max_size=8), "(from, bytes, version)")
    script = Script()
    frames, first, conflict = script.handshake(), dict[int, int](), False
    for at, size, version in [*pieces, (0, length, 0)]:
        payload = bytes(b ^ (0x20 * version) for b in base[at:at + size])
        for i, byte in enumerate(payload, at):
            conflict |= first.setdefault(i, byte) != byte
        frames.append(script.from_client(1 + at, ACK | PSH, payload))
    trace = subject.feed(frames)
    known, wrong = bytes_at(segments(trace, "box>server", True))
    require(not wrong, 19, "; ".join(wrong[:3]), trace)
    if subject.is_identity:
        require(all(first.get(i) == b for i, b in known.items()), 19, "a later copy won over the first", trace)
        require(len(assembled(known)) == length, 19, f"only {len(assembled(known))} of {length} bytes left", trace)
    whole = bytes(first.get(i, base[i]) for i in range(length))
    if conflict and (subject.transform is None or subject.transform(whole) == whole):
        # a first copy that was edited is not there to be compared with any more
        require(_counted(trace, "conflict") > 0, 19, "an overlap with other bytes was not counted", trace)


def _counted(trace: Trace, word: str) -> int:
    """The sum of the contexts' statistics whose name has `word`."""
    contexts = trace.stats.get("contexts")
    assert isinstance(contexts, dict)
    return sum(v for c in contexts.values() for k, v in c.items() if word in k and isinstance(v, int))


def untouched(subject: Subject, data: Any) -> None:
    """20: what a chain that changes nothing lets out is what came in, bit by bit, odd bits and options included."""
    if not subject.is_identity:
        raise NotApplicable("the transform is not mcc.testing.identity")
    script = Script()
    raw = st.binary(max_size=16).map(lambda b: b + b"\x01" * (-len(b) % 4))
    frames, at = [*script.handshake()], 1
    for _ in range(data.draw(st.integers(1, 5), "segments")):
        payload = data.draw(st.binary(min_size=1, max_size=20), "payload")
        side, frame = script.from_client(at, ACK | PSH, payload)
        frames.append((side, _odd(frame, data.draw(raw, "options"), data.draw(st.integers(0, 15), "reserved bits"),
                                  data.draw(st.integers(0, 255), "TOS"), data.draw(st.integers(0, 65535), "urgent"),
                                  data.draw(st.booleans(), "padding"))))
        at += len(payload)
    trace = subject.feed(frames)
    came = [f for side, f in frames if side == "client"]
    went = trace.frames("box>server")
    for i, frame in enumerate(came):
        require(i < len(went) and went[i] == frame, 20, f"frame {i + 1} of the client left as "
                f"{went[i].hex() if i < len(went) else 'nothing'}, it came as {frame.hex()}", trace)
    require(len(went) == len(came), 20, f"{len(came)} frames came, {len(went)} left", trace)


def _odd(frame: bytes, options: bytes, reserved: int, tos: int, urgent: int, padding: bool) -> bytes:
    """The frame with raw options, reserved bits, an urgent pointer without URG, a TOS, and bytes behind the packet."""
    parts = ip_parts(frame)
    assert parts is not None
    src, dst, _, _, tcp = parts
    tcp = tcp[:12] + bytes([(20 + len(options)) // 4 << 4 | reserved]) + tcp[13:18] + struct.pack("!H", urgent) + \
        options + tcp[20:]
    tcp = tcp[:16] + struct.pack("!H", tcp_checksum(src, dst, tcp)) + tcp[18:]
    new = bytearray(ip(src, dst, 6, tcp))
    new[15] = tos
    new[24:26] = b"\0\0"
    new[24:26] = struct.pack("!H", ~ones_sum(bytes(new[14:34])) & 0xFFFF)
    return bytes(new) + (b"\xee" * 6 if padding else b"")


# ---------------------------------------------------------------- 21


def _midstream(s: Script, payload: bytes) -> list[Frame]:
    return [*s.data(payload, (3, 2)), s.from_server(500, ACK | PSH, b"answer", ack=1 + len(payload)),
            s.from_client(1 + len(payload), FIN | ACK, ack=506)]


def _one_sided(s: Script, payload: bytes) -> list[Frame]:
    return [f for f in [*s.handshake(), *s.data(payload, (4,)), s.from_client(1 + len(payload), FIN | ACK)]
            if f[0] == "client"]


def _split(s: Script, payload: bytes) -> list[Frame]:
    """The split handshake: SYN, then ACK and SYN of the server apart, then the client's SYN-ACK."""
    return [s.from_client(0, SYN), s.from_server(0, ACK, ack=1), s.from_server(0, SYN),
            s.from_client(0, SYN | ACK), s.from_server(1, ACK), *s.data(payload)]


def _other_isn(s: Script, payload: bytes) -> list[Frame]:
    """The SYN-ACK comes again with another initial number."""
    again = Script(server_isn=s.server_isn + 77_777)
    return [*s.handshake()[:2], again.from_server(0, SYN | ACK), *again.handshake()[2:], *s.data(payload)]


def _reset_in_the_middle(s: Script, payload: bytes) -> list[Frame]:
    return [*s.handshake(), *s.data(payload[:3]), s.from_server(1, RST | ACK, ack=4), *s.data(payload),
            s.from_client(2**31 + 5, RST), s.from_client(9, RST | FIN | SYN, payload)]


def _wild(s: Script, payload: bytes) -> list[Frame]:
    """Numbers and flags of an attacker."""
    flags = (0, FIN, SYN | FIN, RST | ACK, SYN | RST, 63, ACK | PSH)
    return [*s.handshake(), *(s.from_client(1 + (k * 0x2FFFFFFF) % 2**32, f, payload, ack=(k * 77) % 2**32)
                              for k, f in enumerate(flags)), *s.data(payload)]


SCENES: dict[str, Callable[[Script, bytes], list[Frame]]] = {
    "start in mid-stream": _midstream, "one side only": _one_sided, "split handshake": _split,
    "SYN-ACK with another ISN": _other_isn, "reset in the middle": _reset_in_the_middle, "wild numbers": _wild}


def declared(subject: Subject, data: Any) -> None:
    """21: strange connections. No crash, no leak, and the same 4-tuple serves a sound connection afterwards."""
    scene = data.draw(st.sampled_from([*SCENES, "4-tuple again", "simultaneous open"]), "scene")
    payload = data.draw(streams(subject.tokens, least=6), "stream")
    box = subject.open_box()
    host = Host(writes=((0.0, payload),), isn=data.draw(st.sampled_from([1000, 77_000_000, 2**32 - 4]), "isn"))
    d = Dialogue(host, Host(isn=900_000, writes=((0.0, payload),)), simultaneous=scene == "simultaneous open")
    try:
        if scene in SCENES:
            trace = subject.feed(SCENES[scene](Script(), payload), box=box)
        else:
            trace = subject.run(d, box=box)
            complete(trace, 21)
            streams_right(subject, trace, 21)
        if scene not in SCENES or scene == "reset in the middle":
            again = 3 * 3600.0
            box.advance(again - 1)  # what is left of the scene says its last
            trace = subject.run(d, box=box, start=again)
            complete(trace, 21)
            streams_right(subject, trace, 21)
        _nothing_left(box, trace)
    finally:
        box.close()


def _nothing_left(box: BoxLike, trace: Trace) -> None:
    """After the end of the run no session and no packet is kept, and packets are conserved."""
    finish = getattr(box, "finish", None)
    if finish is None:
        return
    finish()
    stats = box.stats()
    sessions = stats.get("sessions", {})
    require(sessions.get("active", 0) == 0, 21, f"{sessions.get('active')} sessions are left after the end", trace)
    require(stats.get("held", 0) == 0, 21, f"{stats.get('held')} packets are held after the end", trace)
    received = sum(p["rx_packets"] for p in stats.get("ports", {}).values())
    if "made" in stats and "sent" in stats:
        into, out = received + stats["made"], stats["sent"] + sum(stats["drops"].values())
        require(into == out, 21, f"{received} received + {stats['made']} made, {out} sent or dropped", trace)


# ---------------------------------------------------------------- 23, 24, 25


def bounded(subject: Subject, data: Any) -> None:
    """23: a flood of segments behind a hole. What is held stays under the cap, and going over it is counted."""
    if not subject.has_context:
        raise NotApplicable(NO_CONTEXT)
    script, size = Script(), 1400
    count = data.draw(st.sampled_from([7000, 12_000]), "segments")
    frames = [*script.handshake(), *(script.from_client(100 + i * size, ACK, b"x" * size) for i in range(count))]
    trace = subject.feed(frames, gap=0.000_01)
    left = len(trace.frames("box>server"))
    held, peak = trace.stats.get("held", 0), _counted(trace, "held_bytes_peak")
    assert isinstance(held, int)
    require(held * size <= subject.cap + 65536, 23, f"{held} packets are held, the cap is {subject.cap} bytes", trace)
    require(peak <= subject.cap + 65536, 23, f"{peak} bytes were held, the cap is {subject.cap}", trace)
    drops = trace.stats.get("drops", {})
    assert isinstance(drops, dict)
    over = count * size > subject.cap + 65536
    require(not over or sum(drops.values()) > 0 or left > 3 or _counted(trace, "cap") > 0, 23,
            "more came than may be held, and nothing was counted", trace)


def summed(subject: Subject, data: Any) -> None:
    """24: every checksum that leaves is what the full sum gives, 0x0000 and 0xFFFF included."""
    payload = data.draw(streams(subject.tokens, least=6), "stream")
    cuts, target = data.draw(sizes(), "cuts"), data.draw(st.sampled_from([0x0000, 0xFFFE, 0x0001, 0x8000]), "checksum")
    script = Script(isn=data.draw(st.integers(0, 2**32 - 1), "isn"))
    frames = [*script.handshake(), *(("client", _aimed(f, target)) for _, f in script.data(payload, cuts))]
    trace = subject.feed(frames)
    trace.events += subject.run(data.draw(dialogues(subject.tokens, kinds=("lose", "twice")), "dialogue")).events
    for place in ("box>server", "box>client"):
        for frame in trace.frames(place):
            parts = ip_parts(frame)
            require(checksums_right(frame), 24, f"a wrong checksum left ({place}): {frame.hex()}", trace)
            if parts is not None and parts[2] == 6:
                there, full = int.from_bytes(parts[4][16:18], "big"), tcp_checksum(parts[0], parts[1], parts[4])
                require(there == full, 24, f"checksum {there:#06x} left ({place}), the full sum is {full:#06x}", trace)


def _aimed(frame: bytes, target: int) -> bytes:
    """The frame with an urgent pointer, which nobody reads without URG, that makes its checksum the target."""
    segment = parse(frame)
    parts = ip_parts(frame)
    assert segment is not None and parts is not None
    src, dst, _, _, tcp = parts
    now = tcp_checksum(src, dst, tcp)
    urgent = (now - target) % 0xFFFF
    tcp = tcp[:18] + struct.pack("!H", urgent) + tcp[20:]
    return ip(src, dst, 6, tcp[:16] + struct.pack("!H", tcp_checksum(src, dst, tcp)) + tcp[18:])


def same_output(subject: Subject, data: Any) -> None:
    """25: the same packets in bursts of other sizes, and through other builds, give the same packets."""
    trace = subject.run(data.draw(dialogues(subject.tokens), "dialogue"))
    ports = subject_ports(subject)
    came = [(ports[0 if e.place == "client>box" else 1], e.frame, e.at) for e in trace.events
            if e.place in ("client>box", "server>box")]
    if not hasattr(_peek(subject), "send_burst"):
        raise NotApplicable("the box takes one packet at a time")
    size = data.draw(st.sampled_from([2, 3, 7, 32]), "burst")
    one = _replay(subject.open_box, came, 1)
    for name, opener, burst in [(f"bursts of {size}", subject.open_box, size),
                                *((f"build {i + 1}", v, 1) for i, v in enumerate(subject.variants))]:
        other = _replay(opener, came, burst)
        for port in ports:
            a, b = one.get(port, []), other.get(port, [])
            i = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
            require(a == b, 25, f"{name}: port {port} differs from frame {i + 1} on ({len(a)} and {len(b)} frames)",
                    trace)


def _peek(subject: Subject) -> BoxLike:
    box = subject.open_box()
    box.close()
    return box


def subject_ports(subject: Subject) -> tuple[str, ...]:
    return _peek(subject).ports


def _replay(opener: Callable[[], BoxLike], came: list[tuple[str, bytes, float]], burst: int) -> dict[str, list[bytes]]:
    """What leaves by each port when these frames come in bursts."""
    box: Any = opener()
    out: dict[str, list[bytes]] = {}
    try:
        for i in range(0, len(came), burst):
            for s in box.send_burst(came[i:i + burst]):
                out.setdefault(s.port, []).append(s.frame)
        last = came[-1][2] if came else 0.0
        for s in box.advance(last + 60.0):
            out.setdefault(s.port, []).append(s.frame)
        return out
    except Exception as e:
        raise Broken(25, f"the box failed: {type(e).__name__}: {e}") from e
    finally:
        box.close()
