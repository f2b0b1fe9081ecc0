"""An insertion in the last call: it goes with the FIN; where the stream ends without a packet it is left out, no fault."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from mcc import PASS, TCP4, UDP4, Action, Element, Port, Stream, chain, duplex, element, tcp, udp
from mcc.api import Module
from mcc.driver import compile_chain
from mcc.testing.frames import ACK, FIN, RST
from tests.unit.contexts.talk import Talk, seq_of


@element(session=TCP4 | UDP4)
class Trailer(Element):
    """b"<end>" behind the last byte."""

    def process_data(self, stream: Stream) -> Action:
        stream.skip(stream.available)
        if stream.is_last:
            stream.insert(stream.mark(), b"<end>")
        return PASS


@element(session=TCP4 | UDP4)
class Lines(Element):
    """The same, and holds what is no whole line."""

    def process_data(self, stream: Stream) -> Action:
        whole = stream.start
        for b in stream:
            if b == 10:
                whole = stream.mark()
        stream.hold(whole)
        if stream.is_last:
            stream.insert(stream.mark(), b"<end>")
        return PASS


def module(make: Callable[[], Element], context: Any) -> Module:
    def one() -> Iterator[Any]:
        yield duplex(Port("lan"), context(make()), Port("wan"))
    return Module(compile_chain(chain(one)), level="-O0")


def talk(make: Callable[[], Element], monkeypatch: pytest.MonkeyPatch) -> Talk:
    built = module(make, tcp)
    monkeypatch.setattr("tests.unit.contexts.talk.module", lambda text: built)
    return Talk(None)


def faults(box: Any) -> int:
    return sum(e["faults"] for e in box.stats()["elements"].values())


def test_with_the_fin(monkeypatch: pytest.MonkeyPatch) -> None:
    t = talk(Trailer, monkeypatch)
    t.client(0, b"abc")
    out, = t.client(3, b"", FIN | ACK)
    assert (seq_of(out), out.payload, out.has(FIN)) == (3, b"<end>", True) and faults(t.box) == 0


@pytest.mark.parametrize("by", ["client", "server"])
def test_with_a_reset_it_is_left_out(by: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The RST leaves with the number that it came with: nothing was put in front of it (RFC 5961, 3)."""
    t = talk(Trailer, monkeypatch)
    t.client(0, b"abc")
    t.server(0, 3)
    out, = t.client(3, b"", RST) if by == "client" else t.server(0, 3, RST)
    assert out.has(RST) and not out.payload
    assert seq_of(out) == 3 if by == "client" else out.seq == 5001
    assert faults(t.box) == 0 and t.box.stats()["sessions"]["ended"]["rst"] == 1


def test_what_is_held_carries_it_in_front_of_the_reset(monkeypatch: pytest.MonkeyPatch) -> None:
    t = talk(Lines, monkeypatch)
    assert t.client(0, b"abc") == []
    data, reset = (s for s in t.client(3, b"", RST) if s.dport == 80)
    assert (data.payload, seq_of(data)) == (b"abc<end>", 0)
    assert reset.has(RST) and seq_of(reset) == 8 and faults(t.box) == 0


@pytest.mark.parametrize("backend", ["c", "python"])
def test_a_datagram_session_runs_out(backend: str) -> None:
    from scapy.layers.inet import IP, UDP
    from scapy.layers.l2 import Ether

    box = module(Trailer, lambda e: udp(e, timeout=5)).open(backend=backend, start=0.0)
    out = list(box.send("lan", bytes(Ether() / IP(src="10.0.0.2", dst="10.0.1.1") / UDP(sport=1, dport=2) / b"abc"), at=1.0))
    assert [x.frame[42:45] for x in out] == [b"abc"]
    assert list(box.advance(to=60.0)) == [] and list(box.finish()) == []
    assert faults(box) == 0 and box.stats()["sessions"]["active"] == 0
