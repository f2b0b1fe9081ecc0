"""Streams in the reference, from docs/streams.md: windows, the map of edits, what elements ask for, contexts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from mcc import CLOSE, DROP, PASS, UDP4, Action, Element, Port, Stream, chain, duplex, element, tcp, udp
from mcc.lang.stream import Mark
from mcc.protocols.dissect import ETHERNET, dissect
from mcc.reference.asks import Asks, asks
from mcc.reference.box import PythonBox
from mcc.reference.packet import PacketState
from mcc.reference.pieces import Piece, PositionMap, Window, piece_of
from mcc.reference.segments import unwrap
from mcc.reference.stream import ChunkView, StreamView
from mcc.reference.values import Fault
from tests.property.stream_traffic import datagram


def piece(data: bytes) -> Piece:
    frame = datagram(False, 0, data)
    return piece_of(PacketState(bytearray(frame), dissect(frame, ETHERNET), 0, 0, ETHERNET), 42, len(frame))


def window(*packets: bytes) -> tuple[Window, StreamView]:
    """A window of these packets, all unread."""
    w = Window(lambda: None)
    for data in packets:
        w.open(piece(data))
    w.cursor = 0
    return w, StreamView(w, False, True)


def contents(w: Window) -> list[bytes]:
    return [p.content for p in w.pieces]


def test_an_edit_over_packets_goes_to_the_last_one() -> None:
    w, s = window(b"abc", b"de", b"fgh")
    s.remove(Mark(1), Mark(4))
    s.insert(Mark(4), b"XY")
    assert contents(w) == [b"a", b"XYe", b"fgh"] and w.cursor == 4


def test_edits_go_from_left_to_right() -> None:
    w, s = window(b"abcdef")
    s.remove(Mark(2), Mark(4))
    for again in (lambda: s.insert(Mark(3), b"x"), lambda: s.mask(Mark(1), Mark(5), 0), lambda: s.remove(Mark(5), Mark(9))):
        with pytest.raises(Fault):
            again()
    s.insert(Mark(4), b"x")
    assert contents(w) == [b"abxef"]


def test_a_packet_leaves_only_whole() -> None:
    w, s = window(b"abc", b"de")
    s.hold(Mark(4))
    out, overflow = w.close(s._hold, 100, 7)
    assert [p.content for p in out] == [b"abc"] and not overflow
    assert (w.start, w.cursor, w.since, contents(w)) == (4, 4, 7, [b"de"])


def test_too_much_is_not_held() -> None:
    w, s = window(b"abc", b"de")
    s.hold()
    out, overflow = w.close(s._hold, 4, 0)
    assert overflow and len(out) == 2 and not w.pieces and w.start == 5


def test_need_holds_what_is_unread() -> None:
    w, s = window(b"abc")
    s.skip(1)
    assert s.need(2) and not s.need(3)
    w.close(s._hold, 100, 0)
    assert w.start == 1


def test_chunks_are_packets() -> None:
    _, s = window(b"abc", b"", b"de")
    s.skip(1)
    assert [c.data for c in s.chunks()] == [b"bc", b"de"]


def test_an_insertion_without_room_splits_the_packet() -> None:
    made = []
    w = Window(lambda: made.append(1))
    w.open(piece(b"head" + b"x" * 1000))
    w.edit(4, 4, b"y" * 2000)
    assert b"".join(contents(w)) == b"head" + b"y" * 2000 + b"x" * 1000 and len(w.pieces) == 2 and made == [1]


def test_the_map_of_edits() -> None:
    m = PositionMap()
    m.add(10, 3, 0)
    m.add(20, 0, 5)
    assert [m.forward(x) for x in (9, 10, 12, 13, 19, 20, 21)] == [9, 10, 10, 10, 16, 22, 23]
    assert m.forward_low(20) == 17
    for y in range(40):
        assert m.back(y) == max(x for x in range(60) if m.forward(x) <= y)
    m.fold(15)
    assert len(m.edits) == 1 and m.forward(21) == 23


def test_digests() -> None:
    c = ChunkView(b"123456789")
    assert (c.crc32(), c.crc32c()) == (0xCBF43926, 0xE3069283)
    assert ChunkView(b"\x02\x03").sum16(ChunkView(b"\x01").sum16()) == 0x0402 | 1 << 16


def test_numbers_go_round() -> None:
    assert unwrap(5, 0xFFFFFFF0, 0) == 21 and unwrap(0xFFFFFFF0, 5, 0) == -21
    assert unwrap(5, 0, (1 << 33) + 3) == (1 << 33) + 5


@element(session=UDP4)
class Some(Element):
    mode: str

    def process_data(self, stream: Stream) -> Action:
        for m in stream.matches(b"x"):
            if self.mode == "cut":
                stream.remove(m)
            if self.mode == "end":
                return CLOSE
        if self.mode == "drop":
            return DROP
        return PASS


@pytest.mark.parametrize("mode, wanted", [
    ("look", Asks()), ("cut", Asks(resizes=True, stalls=True)), ("end", Asks(stalls=True, closes=True)),
    ("drop", Asks(resizes=True))])
def test_what_an_instance_asks_for(mode: str, wanted: Asks) -> None:
    found = asks(Some(mode), lambda f: f.__globals__)
    assert (found.writes, found.resizes, found.stalls, found.closes) == (
        wanted.writes, wanted.resizes, wanted.stalls, wanted.closes)
    assert bool(found.holding) == wanted.stalls


def test_tcp_contexts_that_edit_are_refused() -> None:
    def editing() -> Iterator[Any]:
        yield duplex(Port("lan"), tcp(Some("cut")), Port("wan"))

    with pytest.raises(ValueError, match="only reads TCP streams, and Some does more"):
        PythonBox(chain(editing).graph())


def test_held_packets_are_counted_and_go_on_at_the_end() -> None:
    def cutting() -> Iterator[Any]:
        yield duplex(Port("lan"), udp(Some("cut"), hold_timeout=0), Port("wan"))

    with PythonBox(chain(cutting).graph()) as box:
        assert len(box.send("lan", datagram(False, 0, b"axb"), 1.0)) == 1
        assert box.stats()["held"] == 0
        box.finish()
