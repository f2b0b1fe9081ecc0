"""RegexMatcher against Python's `re` on whole streams: wherever packets cut what matches, and without leaving state behind."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path
from random import Random
from typing import Any

import pytest
from scapy.layers.inet import TCP, UDP
from scapy.layers.l2 import Ether

from mcc import (
    PASS,
    TCP4,
    UDP4,
    Action,
    BuildError,
    CompileError,
    Counter,
    Element,
    HsDatabase,
    HsStream,
    MccError,
    Stream,
    element,
    struct,
    u32,
)
from mcc.api import Module
from mcc.std import RegexMatcher
from mcc.testing import Conversation
from tests.unit.std import kit
from tests.unit.std.carried import CONTEXTS, Streams, carry, counters, cut, ones, scratches
from tests.unit.test_runtime_c import RUNTIME, compile_c

hyperscan = pytest.mark.skipif(not any(Path(p, "hs/hs.h").exists() for p in ("/usr/include", "/usr/local/include")),
                               reason="needs Hyperscan: apt-get install libhyperscan-dev")
pytestmark = hyperscan

PATTERNS = [r"union\s{1,3}select", r"<script>", r"a.c", r"(GET|POST) /\w+ HTTP"]
TEXT = b"x UNION \t select abc <script> POST /index HTTP aac a\nc <scr<SCRIPT> GET /a HTTP a.c"


def ends(patterns: list[str], data: bytes) -> int:
    """Pairs of a pattern and a byte where some match of it ends: what Hyperscan counts."""
    found = 0
    for p in patterns:
        rx = re.compile(b"(?:%b)\\Z" % p.encode(), re.IGNORECASE | re.DOTALL)
        found += sum(rx.search(data, 0, end) is not None for end in range(1, len(data) + 1))
    return found


def matcher(context: str = "tcp", patterns: list[str] = PATTERNS, **more: Any) -> Streams:
    return Streams(lambda: RegexMatcher(patterns, "is", id=10, **more), context)


def found(box: Any) -> int:
    return counters(box, "RegexMatcher")["found"]


def state(box: Any) -> tuple[int, int]:
    of = counters(box, "RegexMatcher")
    return of["db.open"], of["db.refused"]


def test_of_the_test() -> None:
    assert ends(PATTERNS, TEXT) == len(re.findall(b"|".join(p.encode() for p in PATTERNS), TEXT, re.I | re.S)) == 9
    assert ends(["ab+"], b"abb") == 2


@pytest.mark.parametrize("context", CONTEXTS)
def test_pieces_of_one_byte(context: str) -> None:
    m = matcher(context)
    with m.open() as box:
        got = carry(m, box, up=ones(TEXT), down=[b"<scr", b"ipt>"])
        assert (got.server_got, got.client_got, got.whole) == (TEXT, b"<script>", True)
        kept = scratches(box, "RegexMatcher")
        assert (sum(u["matches"] for u, _ in kept), sum(d["matches"] for _, d in kept)) == (9, 1)
        assert all("hs" not in u for u, _ in kept)
        assert found(box) == 10
        alerts = box.alerts()
    up = [a for a in alerts if a["direction"] == "to_server"]
    assert [a["id"] for a in up if a["text"] == "<script>"] == [11, 11]
    assert [a["offset"] for a in up if a["id"] == 10] == [TEXT.index(b"select") + 6]


def test_the_reference_counts_the_same() -> None:
    m = matcher()
    for backend in ("c", "python"):
        with m.open(backend) as box:
            carry(m, box, up=cut(TEXT, 4))
            assert found(box) == 9, backend
    with pytest.raises(MccError, match="the reference does not know"):
        matcher(patterns=["end$"]).open("python")


def test_random_streams_with_loss_reordering_duplicates() -> None:
    m = matcher(patterns=["ab+c", "b.b", "(ca){2,3}", "[^b]{3}a"])
    rnd = Random(11)
    with m.open() as box:
        wanted = 0
        for i in range(25):
            data = bytes(rnd.choice(b"aabbcB\n") for _ in range(rnd.randint(1, 60)))
            got = carry(m, box, up=cut(data, i), port=7000 + i, loss=rnd, reorder=rnd, dup=rnd)
            assert (got.server_got, got.whole) == (data, True)
            wanted += ends(["ab+c", "b.b", "(ca){2,3}", "[^b]{3}a"], data)
            assert found(box) == wanted, data
        box.finish()
        assert state(box) == (0, 0)


def test_sessions_interleaved() -> None:
    """Datagrams of 20 sessions, a byte each, in turn: no session sees another's bytes, nor a direction the other's."""
    m = matcher("udp", ["secret"])
    with m.open() as box:
        for i in range(6):
            for port in range(4000, 4020):
                up, down = b"secret"[i:i + 1], b"secret"[5 - i:6 - i]
                box.send("lan", kit.udp(data=up, sport=port), 1)
                box.send("wan", kit.udp(src=kit.SERVER, dst=kit.CLIENT, sport=53, dport=port, data=down), 1)
        assert (found(box), state(box)) == (20, (40, 0))
        box.finish()
        assert state(box) == (0, 0)
        kept = [(s["to_server"]["scratch"]["RegexMatcher"]["matches"],
                 s["to_client"]["scratch"]["RegexMatcher"]["matches"]) for s in box.sessions()]
        assert kept == [(1, 0)] * 20


def segments(box: Any, data: list[bytes], port: int = 4000) -> list[Any]:
    """A client by hand, whose connection may be ended for it: what left, and by which port."""
    def send(where: str, flags: str, seq: int, ack: int, payload: bytes = b"") -> list[Any]:
        src, dst, sport, dport = (kit.CLIENT, kit.SERVER, port, 80) if where == "lan" else (kit.SERVER, kit.CLIENT, 80, port)
        p = kit.eth() / kit.IP(src=src, dst=dst) / TCP(sport=sport, dport=dport, flags=flags, seq=seq, ack=ack) / payload
        return [(s.port, Ether(s.frame)[kit.IP]) for s in box.send(where, p, box.clock + 0.001)]

    out = [*send("lan", "S", 99, 0), *send("wan", "SA", 899, 100), *send("lan", "A", 100, 900)]
    at = 100
    for d in data:
        out += send("lan", "PA", at, 900, d)
        at += len(d)
    return out


@pytest.mark.parametrize(("action", "flag"), [("close", "F"), ("reset", "R")])
def test_actions_on_tcp(action: str, flag: str) -> None:
    m = matcher(action=action)
    with m.open() as box:
        out = segments(box, [b"so <scr", b"ipt> more", b"after"])
        there = [(bytes(ip[TCP].payload)[:ip.len - 4 * ip.ihl - 4 * ip[TCP].dataofs], str(ip[TCP].flags))
                 for port, ip in out if port == "wan"]
        assert b"".join(data for data, _ in there) == b"so <scr"
        assert any(flag in flags for _, flags in there)
        assert [(a["id"], a["text"]) for a in box.alerts()] == [(11, "<script>")]
        box.finish()
        assert state(box) == (0, 0)
        assert box.stats()["sessions"]["ended"]["closed"] == 1


@pytest.mark.parametrize("action", ["close", "reset"])
def test_actions_on_udp(action: str) -> None:
    m = matcher("udp", action=action)
    with m.open() as box:
        got = carry(m, box, up=[b"a <scr", b"ipt>", b"b"])
        assert got.server_got == b"a <scrb", "what completes it does not pass; what follows is a new session"
        assert found(box) == 1 and state(box) == (1, 0)
        box.finish()
        assert state(box) == (0, 0)


def test_the_end_makes_a_match_certain() -> None:
    m = matcher(patterns=["bye$", "^hello"])
    with m.open() as box:
        carry(m, box, up=[b"bye hello by", b"e"])
        assert [(a["id"], a["text"]) for a in box.alerts()] == [(10, "bye$")]
        carry(m, box, up=[b"hel", b"lo"], port=4001)
        assert found(box) == 2 and state(box) == (0, 0)


# ---------------------------------------------------------------- no state stays behind


def datagram(port: int, data: bytes) -> bytes:
    return kit.udp(data=data, sport=port)


def test_eviction_and_places_used_again() -> None:
    """A box with room for 8 sessions sees 200: a session's state goes with it, and the next one begins afresh."""
    m = matcher("udp", ["secret"])
    with m.module.open(max_sessions=8) as box:
        for i in range(200):
            box.send("lan", datagram(1000 + i, b"sec"), 1 + i / 1000)
            assert state(box)[0] == min(i + 1, 8)
        for i in range(200):
            box.send("lan", datagram(2000 + i, b"ret"), 2 + i / 1000)
        assert found(box) == 0, "a new session must not go on where an evicted one stood"
        box.finish()
        assert state(box) == (0, 0)
        assert box.stats()["sessions"]["ended"]["evicted"] == 392


def test_beyond_the_cap_a_direction_passes_unread() -> None:
    m = matcher("udp", ["secret"], streams=2)
    with m.open() as box:
        for i in range(4):
            for data in (b"sec", b"ret"):
                sent = box.send("lan", datagram(3000 + i, data), 1)
                assert [bytes(Ether(s.frame)[UDP].payload) for s in sent] == [data]
        assert (found(box), state(box)) == (2, (2, 2))
        box.finish()
        assert state(box) == (0, 2)


def test_a_box_closed_in_the_middle() -> None:
    m = matcher("udp", ["secret"])
    for _ in range(3):
        box = m.module.open(max_sessions=64)
        box.send("lan", datagram(3000, b"sec"), 1)
        assert state(box) == (1, 0)
        box.close()


@struct
class Two:
    """A stream of each database."""

    words: HsStream
    numbers: HsStream
    sum: u32 = 0


@element(session=TCP4 | UDP4, scratch=Two)
class TwoDatabases(Element):
    """Counts words and, ten times, numbers."""

    def setup(self) -> None:
        self.db = HsDatabase(["[a-z]{3}"])
        self.other = HsDatabase([b"[0-9]{2}"], streams=1)
        self.seen = Counter()

    def process_data(self, s: Two, stream: Stream) -> Action:
        for c in stream.chunks():
            s.sum += self.db.scan(s.words, c) + 10 * self.other.scan(s.numbers, c)
            self.seen += len(c)
        return PASS


def test_two_databases_and_the_element_of_a_user() -> None:
    m = Streams(TwoDatabases, "udp")
    with m.open() as box:
        carry(m, box, up=ones(b"abcd 123"))
        of = counters(box, "TwoDatabases")
        assert (of["seen"], of["db.open"], of["other.open"]) == (8, 1, 1)
        assert scratches(box, "TwoDatabases")[0][0] == {"sum": 2 + 20}
        of = counters(box, "TwoDatabases")
        assert (of["db.open"], of["other.open"]) == (0, 0), "closed with the flow, without finish()"


# ---------------------------------------------------------------- mistakes


@pytest.mark.parametrize(("made", "message"), [
    (lambda: RegexMatcher(["ok", "(open"]), r"pattern 1, '\(open': .*parenthesis"),
    (lambda: RegexMatcher([r"(a)\1"]), "pattern 0"),
    (lambda: RegexMatcher([]), "there is no pattern"),
    (lambda: RegexMatcher(["a"], "q"), "flag 'q' is not known"),
    (lambda: RegexMatcher(["a\0b"]), "holds a NUL"),
    (lambda: RegexMatcher(["a"], action="burn"), "no action 'burn'"),
    (lambda: RegexMatcher(["a"], streams=-1), "streams=-1"),
])
def test_mistakes(made: Any, message: str) -> None:
    with pytest.raises(CompileError, match=message):
        made()


@element(session=TCP4, scratch=Two)
class Wrong(Element):
    """Takes a field for another database's, and for a number."""

    kind: str

    def setup(self) -> None:
        self.db = HsDatabase(["a"])
        self.other = HsDatabase(["b"])

    def process_data(self, s: Two, stream: Stream) -> Action:
        for c in stream.chunks():
            s.sum += self.db.scan(s.words, c)
            if self.kind == "other":
                s.sum += self.other.scan(s.words, c)
            elif self.kind == "number":
                s.sum += u32(s.words)
            elif self.kind == "store":
                s.words = s.numbers
            elif self.kind == "field":
                s.sum += self.db.scan(s.sum, c)
            elif self.kind == "chunk":
                s.sum += self.db.scan(s.words, stream)
        return PASS


@pytest.mark.parametrize(("kind", "message"), [
    ("other", "s.words is a stream of self.db"), ("number", "s.words is an HsStream"), ("store", "is an HsStream"),
    ("field", "s.sum is no HsStream"), ("chunk", "stream is no chunk"),
])
def test_mistakes_in_handlers(kind: str, message: str) -> None:
    with pytest.raises(CompileError, match=re.escape(message)):
        Streams(lambda: Wrong(kind), "tcp")


def test_without_the_headers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A compiler that finds no hs/hs.h: the message says what to install."""
    (tmp_path / "hs").mkdir()
    (tmp_path / "hs" / "hs.h").write_text("#include <hs/not_installed_hs.h>\n")
    cc = shlex.split(os.environ.get("CC", "cc"))
    monkeypatch.setenv("CC", shlex.join([*cc, f"-I{tmp_path}"]))
    module = Module(matcher().module.compiled, level="-O0")
    with pytest.raises(BuildError, match="apt-get install libhyperscan-dev"):
        _ = module.built




@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_the_runtime_part_is_clean(compiler: str, tmp_path: Path) -> None:
    compile_c(compiler, RUNTIME / "mcc_hs.c", tmp_path / "hs.o", "-c", "-O2")


def test_only_chains_that_use_it_include_it() -> None:
    from mcc.std import StreamStats

    assert "mcc_hs" not in Streams(StreamStats, "tcp").module.c_source


def test_a_conversation_both_ways_at_once() -> None:
    m = matcher()
    with m.open() as box:
        talk = Conversation(client="10.0.0.5:4321", server="10.0.1.1:80")
        assert talk.client_sends(box, *cut(TEXT * 3, 9)).complete
        assert found(box) == ends(PATTERNS, TEXT * 3)
