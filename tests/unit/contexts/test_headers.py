"""Acknowledgements, windows and SACK blocks of an edited stream, segment by segment, expected values worked out by hand."""

from __future__ import annotations

import pytest

from mcc.testing.frames import ACK, RST, Segment
from tests.unit.contexts.talk import BACK, CLIENT, CUT, ISN, SERVER, Talk, ack_of, blocks, sack, seq_of


def test_acknowledgements_and_blocks() -> None:
    """..word..word..  ->  ..<a text>..<a text>..: 4 bytes become 8, twice."""
    talk = Talk(b"<a text>")
    assert [s.payload for s in talk.client(0, b"01word67")] == [b"01<a text>67"]
    assert [s.payload for s in talk.client(8, b"89word45")] == [b"89<a text>45"]
    assert [s.payload for s in talk.client(16, b"67")] == [b"67"]
    # the first segment was lost: 12 .. 24 and 24 .. 26 are there
    out, = talk.server(0, 0, options=sack((12, 26)))
    assert ack_of(out) == 0 and blocks(out) == [(8, 18)]
    # the second: its block ends inside an insertion, which counts for nothing before it is whole
    out, = talk.server(0, 0, options=sack((12, 19)))
    assert blocks(out) == [(8, 13)]
    # .. and begins inside one: the first byte behind it
    out, = talk.server(0, 0, options=sack((16, 26)))
    assert blocks(out) == [(14, 18)]
    # half of an insertion is no acknowledgement of what follows it
    out, = talk.server(0, 6)
    assert ack_of(out) == 5
    out, = talk.server(0, 12)
    assert ack_of(out) == 8
    # two blocks, of which one says nothing any more
    out, = talk.server(0, 24, options=sack((24, 26)))
    assert ack_of(out) == 16 and blocks(out) == [(16, 18)]


def test_what_was_acknowledged_stays_so() -> None:
    """Bytes that are gone count as received; then something is inserted where they were, and is on its way."""
    talk = Talk(CUT)
    swallowed = talk.client(0, b"xord")
    assert [ack_of(s) for s in swallowed if s.sport == 80] == [4]
    out, = talk.client(4, b"abcd")
    assert (seq_of(out), out.payload) == (0, b"!abcd")
    old, = talk.server(0, 0)
    assert ack_of(old) == 4


@pytest.mark.parametrize("scale", [0, 3, 7])
def test_the_window_is_scaled_and_its_edge_stays(scale: int) -> None:
    """The server's edge is at `window << scale` behind its ACK; 4 bytes that became 8 take 4 of it."""
    talk = Talk(b"<a text>", scale=scale, window=4096)
    unit = 1 << scale
    out, = talk.server(0, 0, window=100)  # before anything was edited: as it is
    assert out.window == 100
    edge = 100 * unit
    talk.client(0, b"word")
    out, = talk.server(0, 8, window=100)  # 4 acknowledged there, 8 here: the edge moves on by 8 and is 4 nearer
    mine = ack_of(out) + out.window * unit
    assert ack_of(out) == 4
    assert mine >= edge and (4 + 100 * unit) - unit < mine <= 4 + 100 * unit
    # the server's own edge stays where it is while the sender's bytes grow: the one that was shown stays too
    talk.client(4, b"word")
    room = 100 - (8 + unit - 1) // unit
    out, = talk.server(0, 16, window=room)
    assert ack_of(out) == 8
    assert ack_of(out) + out.window * unit >= mine
    out, = talk.server(0, 16, window=200)
    assert 8 + 200 * unit - unit < ack_of(out) + out.window * unit <= 8 + 200 * unit
    out, = talk.server(0, 16, window=0)
    assert out.window == 0


def test_shrinking_opens_no_window_that_is_not_there() -> None:
    talk = Talk(b"", scale=0)
    out, = talk.server(0, 0, window=50)
    talk.client(0, b"0wordword9")
    out, = talk.server(0, 2, window=48)
    assert ack_of(out) == 10 and ack_of(out) + out.window == 10 + 48


def test_a_retransmission_cut_elsewhere() -> None:
    talk = Talk(b"<a text>")
    talk.client(0, b"01word67")
    talk.client(8, b"89word45")
    out = talk.client(5, b"d6789wo")
    data = b"01<a text>6789<a text>45"
    for s in out:
        at = seq_of(s)
        assert s.payload == data[at:at + len(s.payload)]
    first = min(seq_of(s) for s in out)
    last = max(seq_of(s) + len(s.payload) for s in out)
    assert first <= 2 and last >= 14, "all that goes with these bytes, the insertion in front of them too"


def test_a_retransmission_from_an_insertion_on() -> None:
    """What was put in front of a byte is sent again with it: nobody else would."""
    talk = Talk(None)
    talk.client(0, b"01")
    assert [s.payload for s in talk.client(2, b"#3")] == [b"<new>#3"]
    out, = talk.client(2, b"#3")
    assert out.payload == b"<new>#3" and seq_of(out) == 2
    out, = talk.server(0, 4)  # two bytes of it are there: the byte in front of it is the last that may be acknowledged
    assert ack_of(out) == 1


def test_what_was_acknowledged_early_is_sent_again() -> None:
    """Bytes that may become the word are held, and acknowledged; let go, they are ours until the server has them (RFC 6298)."""
    talk = Talk(b"<a text>")
    assert talk.client(0, b"wo") == []
    early, = talk.wait(0.1)
    assert early.src == SERVER and ack_of(early) == 2
    assert [s.payload for s in talk.client(2, b"xy")] == [b"wo", b"xy"]
    again = [s for s in talk.wait(1.2) if s.src == CLIENT]  # both were lost; the client has no copy of the first any more
    assert [(s.payload, seq_of(s)) for s in again] == [(b"wo", 0)]
    later = talk.wait(2.2)
    assert [s.payload for s in later] == [b"wo"]
    talk.server(0, 4)
    assert talk.wait(20.0) == []


def test_resets_behind_an_edit() -> None:
    """An RST has the number that its receiver waits for (RFC 9293, 3.10.7.4); one far ahead is dropped (RFC 5961, 3)."""
    talk = Talk(b"<a text>")
    talk.client(0, b"word")
    assert talk.client(4 + 2**25, b"", RST) == []
    out, = talk.client(4, b"", RST)
    assert seq_of(out) == 8
    talk = Talk(b"<a text>")
    talk.client(0, b"word")
    out, = talk.server(0, 8, RST)
    assert out.seq == BACK + 1 and ack_of(out) == 4


def test_a_reset_of_nothing_keeps_its_number() -> None:
    """Of a connection that did not come by, nothing is known."""
    out, = Talk(None, opened=False).client(77, b"", RST)
    assert out.seq == (ISN + 78) % 2**32


def test_options_at_odd_places() -> None:
    """A SACK option at an odd offset: its checksum is mended all the same (asserted for every frame)."""
    talk = Talk(b"<a text>")
    talk.client(0, b"01word67")
    talk.client(8, b"89")
    s = Segment(SERVER, CLIENT, 80, 4000, BACK + 1, ISN + 1, ACK, 1000, ((1, b""), *sack((12, 14))[2:]))
    assert len(s.options) == 2
    out, = talk.send("wan", s)
    assert blocks(out) == [(8, 10)]


def test_a_duplicate_asks_for_the_hole_and_not_for_what_is_held() -> None:
    """"wo" is held, 2 .. 4 missing. The server, had it got all that is here, would say ACK 2, SACK 4 .. 6, then 4 .. 8 (RFC
    5681, 4.2, and 2018, 4): from ACK 0 the sender would repeat what is here instead of what is not."""
    talk = Talk(b"<a text>")
    assert talk.client(0, b"wo") == []
    for seq, data, right in ((4, b"cd", 6), (6, b"ef", 8)):
        said, = talk.client(seq, data)
        assert (said.src, ack_of(said), blocks(said)) == (SERVER, 2, [(4, right)])
    assert b"".join(s.payload for s in talk.client(2, b"rd") if s.src == CLIENT) == b"<a text>cdef"


def test_what_a_duplicate_acknowledged_is_ours() -> None:
    """The sender never repeats the two held bytes again: lost behind the box, they are sent from here (RFC 3135, 3.1.1)."""
    talk = Talk(b"<a text>")
    talk.client(0, b"wo")
    talk.client(4, b"cd")
    assert [s.payload for s in talk.client(2, b"xx") if s.src == CLIENT] == [b"wo", b"xx", b"cd"]
    again = [s for s in talk.wait(1.2) if s.src == CLIENT]
    assert [(s.payload, seq_of(s)) for s in again] == [(b"wo", 0)]
