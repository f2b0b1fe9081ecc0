"""WordMatcher in every mode, in both directions, with words cut into segments of one byte."""

from __future__ import annotations

import re
from functools import cache
from random import Random
from typing import Any

import pytest

from mcc import CompileError
from mcc.std import WordMatcher
from tests.unit.std.carried import CONTEXTS, Streams, carry, counters, cut, ones

WORDS = [b"ATTACK", b"virus", b"AT", b"\x00\xfe"]
TEXT = b"12 ATT then ATTACK, ATTATTACK virusvirus \x00\xfe viru"
FOUND = re.compile(b"ATTACK|AT|virus|\x00\xfe", re.DOTALL)


def edited(mode: str, data: bytes, text: bytes) -> bytes:
    """What Python's re makes of a stream: leftmost, longest of those that begin there."""
    if mode == "full":
        m = FOUND.search(data)
        return data if m is None else data[:m.start()] + text
    new = {"mask": lambda m: b"*" * len(m[0]), "remove": lambda m: b"", "replace": lambda m: text}[mode]
    return FOUND.sub(new, data)


@cache
def streams(mode: str, context: str, text: bytes = b"") -> Streams:
    more = {"text": text} if mode in ("replace", "full") else {}
    return Streams(lambda: WordMatcher(WORDS, mode=mode, id=10, **more), context)


@pytest.mark.parametrize("context", CONTEXTS)
@pytest.mark.parametrize(("mode", "text"), [("mask", b""), ("remove", b""), ("replace", b"[blocked]"), ("full", b"gone")])
def test_edits(context: str, mode: str, text: bytes) -> None:
    m, other = streams(mode, context, text), TEXT[::-1] + TEXT
    with m.open() as box:
        for i, pieces in enumerate([ones, lambda d: cut(d, 1), lambda d: cut(d, 2), lambda d: [d]]):
            got = carry(m, box, up=pieces(TEXT), down=pieces(other), port=4000 + 10 * i)
            if context == "udp":  # a direction that falls silent is let go when its session ends
                assert edited(mode, TEXT, text).startswith(got.server_got)
            else:
                assert got.server_got == edited(mode, TEXT, text)
                assert got.client_got == edited(mode, other, text)
            assert got.whole
        box.finish()
        found = counters(box, "WordMatcher")["found"]
    each = len(FOUND.findall(TEXT)) + len(FOUND.findall(other))
    assert found == 4 * (2 if mode == "full" else each)


@pytest.mark.parametrize("mode", ["mask", "remove", "replace", "full"])
def test_random_streams_on_a_bad_wire(mode: str) -> None:
    rnd = Random(mode)
    text = {"replace": b"[blocked]", "full": b"gone"}.get(mode, b"")
    m = streams(mode, "tcp", text)
    with m.open() as box:
        for i in range(30):
            data = b"".join(rnd.choice([b"ATT", b"ATTACK", b"A", b"virus", b"vi", b"\x00", b"\xfe", b"zz"])
                            for _ in range(rnd.randint(1, 20)))
            got = carry(m, box, up=cut(data, i), port=7000 + i, loss=rnd, reorder=rnd, dup=rnd)
            assert (got.server_got, got.whole) == (edited(mode, data, text), True), (i, data)


@pytest.mark.parametrize("context", CONTEXTS)
def test_alerts_with_direction_and_offset(context: str) -> None:
    m = streams("alert", context)
    with m.open() as box:
        got = carry(m, box, up=ones(TEXT), down=cut(TEXT, 3))
        assert (got.server_got, got.client_got, got.whole) == (TEXT, TEXT, True)
        box.finish()
        alerts = box.alerts()
        assert counters(box, "WordMatcher") == {"found": len(alerts)}
    wanted = [(10 + WORDS.index(x[0]), repr(x[0])[2:-1], x.end()) for x in FOUND.finditer(TEXT)]
    for direction in ("to_server", "to_client"):
        mine = [a for a in alerts if a["direction"] == direction]
        assert [(a["id"], a["text"]) for a in mine] == [w[:2] for w in wanted]
        assert all(end <= a["offset"] <= end + 4 for a, (_, _, end) in zip(mine, wanted, strict=True)), \
            "where the word is certain: AT may become ATTACK for up to four bytes"
        assert [a["offset"] for a in mine if a["text"] == "ATTACK"] == [w[2] for w in wanted if w[1] == "ATTACK"]


@pytest.mark.parametrize("context", CONTEXTS)
def test_close(context: str) -> None:
    m = streams("close", context)
    with m.open() as box:
        if context == "udp":
            got = carry(m, box, up=ones(b"so AND virus then")).server_got
            assert got == b"so AND  then", "of the word nothing passes; in UDP what follows is a new session"
        else:
            segments: Any = closed(box)
            assert segments == (b"so AND ", True)
        alerts = box.alerts()
        assert [(a["id"], a["text"], a["direction"]) for a in alerts] == [(11, "virus", "to_server")]
        assert counters(box, "WordMatcher") == {"found": 1}
        box.finish()
        assert box.stats()["sessions"]["ended"]["closed"] == 1


def closed(box: Any) -> tuple[bytes, bool]:
    """A client by hand, because it does not get to the end: what the server got of it, and whether a FIN or RST came."""
    from scapy.layers.inet import IP, TCP

    from tests.unit.std import kit

    def frame(up: bool, seq: int, ack: int, flags: str, data: bytes = b"") -> Any:
        ends = (kit.CLIENT, kit.SERVER, 4000, 80) if up else (kit.SERVER, kit.CLIENT, 80, 4000)
        return kit.eth() / IP(src=ends[0], dst=ends[1]) / TCP(sport=ends[2], dport=ends[3], seq=seq, ack=ack, flags=flags) / data

    box.send("lan", frame(True, 100, 0, "S"), 1)
    box.send("wan", frame(False, 900, 101, "SA"), 1)
    box.send("lan", frame(True, 101, 901, "A"), 1)
    got, ended = b"", False
    for i, byte in enumerate(ones(b"so AND virus then")):
        for s in box.send("lan", frame(True, 101 + i, 901, "PA", byte), 1 + i / 100):
            if s.port == "wan":
                p = kit.Ether(s.frame)[IP]
                got += bytes(p[TCP].payload)[:p.len - 40]
                ended |= bool(p[TCP].flags.F or p[TCP].flags.R)
    return got, ended


def test_an_unknown_mode() -> None:
    with pytest.raises(CompileError, match="has no mode 'burn'"):
        WordMatcher(b"x", mode="burn")
