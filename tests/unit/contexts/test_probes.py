"""Keep-alives, shut windows and what is ours to send again, segment by segment, expected values worked out by hand."""

from __future__ import annotations

import pytest

from mcc.testing.frames import ACK, RST, SYN
from tests.unit.contexts.talk import Talk, ack_of, blocks, seq_of


def test_the_byte_of_a_keepalive_stays_here() -> None:
    """RFC 1122, 4.2.3.6: a garbage byte in front of the next one; the byte there is held, or another by now."""
    talk = Talk(b"<a text>")
    talk.client(0, b"w")  # perhaps the beginning of "word": held
    out, = talk.client(0, b"?")
    assert out.payload == b"" and seq_of(out) == -1
    talk.client(1, b"ord")
    talk.server(0, 8)
    out, = talk.client(3, b"?")
    assert out.payload == b"" and seq_of(out) == 7


def test_a_keepalive_of_what_was_acknowledged_early_is_answered() -> None:
    """The sender believes all received, and the receiver has nothing: below its next byte it answers, at it it does not."""
    talk = Talk(b"<a text>")
    talk.client(0, b"w")
    talk.wait(0.2)
    out = talk.client(1, b"xw")
    assert b"".join(s.payload for s in out if s.sport == 4000) == b"w"  # and is lost
    early, = talk.wait(0.2)
    assert ack_of(early) == 3
    for garbage in (b"", b"?"):
        out, = talk.client(2, garbage, ACK)
        assert out.payload == b"" and seq_of(out) == -1


def test_what_was_acknowledged_early_is_acknowledged_again() -> None:
    """Our acknowledgement was lost, and what left before it has not arrived: its sender would repeat itself for ever."""
    talk = Talk(b"<a text>")
    out, = talk.client(0, b"x")  # and is lost
    assert (seq_of(out), out.payload) == (0, b"x")
    assert talk.client(1, b"wo") == []
    early, = talk.wait(0.2)  # and is lost
    assert ack_of(early) == 3
    again, = talk.client(1, b"wo")
    assert (again.sport, ack_of(again), again.payload) == (80, 3, b"")
    out = talk.client(0, b"xwo")
    assert [(s.sport, s.payload) for s in out] == [(80, b""), (4000, b"x")] and ack_of(out[0]) == 3


def test_what_a_sack_of_ours_promised_is_sent_again() -> None:
    """The sender repeated all of it before it heard: the copy that left was lost, and it will not send those bytes again."""
    talk = Talk(b"-")
    ahead, = talk.client(1, b"ord....")
    assert blocks(ahead) == [(1, 8)]
    out, = talk.client(0, b"word....")
    assert out.payload == b"-...."  # and is lost
    again = [s for s in talk.wait(2) if s.payload]
    assert [(seq_of(s), s.payload) for s in again] == [(0, b"-....")]


def test_what_left_of_a_queue_is_sent_again() -> None:
    """A probe that was thrown away, then room for a part: both are ours to repeat, from the first byte missing on."""
    talk = Talk(b"<a text>", window=8)
    out, = talk.client(0, b"wordword")
    assert out.payload == b"<a text>"
    shut, = talk.server(0, 8, window=0)
    assert ack_of(shut) == 7 and shut.window == 0  # the bytes of a word that is gone, but for the last, count as received
    probe, = talk.client(4, b"word")
    assert (seq_of(probe), probe.payload) == (8, b"<")
    out = talk.server(0, 8, window=4)  # the probe did not fit then
    assert [(seq_of(s), s.payload) for s in out if s.payload] == [(9, b"a t")]
    again = [s for s in talk.wait(3) if s.payload]
    assert again and (seq_of(again[0]), again[0].payload) == (8, b"<a t")
    out = talk.server(0, 12, window=100)
    assert [(seq_of(s), s.payload) for s in out if s.payload] == [(12, b"ext>")]
    last = talk.server(0, 16)
    assert [ack_of(s) for s in last] == [8]


def test_a_sender_that_probes_gets_the_next_byte_asked_for() -> None:
    """The receiver took the probe and shut again: the next probe is the byte behind it."""
    talk = Talk(b"<a text>", window=8)
    talk.client(0, b"wordword")
    talk.server(0, 8, window=0)
    for i, byte in enumerate(b"<a t"):
        probe = [s for s in talk.client(4, b"word") if s.payload]
        assert [(seq_of(s), s.payload) for s in probe] == [(8 + i, bytes([byte]))]
        talk.server(0, 9 + i, window=0)


def test_a_receiver_without_room_is_probed_for_ever() -> None:
    """RFC 9293, 3.8.6.1: as long as it answers."""
    talk = Talk(b"<a text>", window=8)
    talk.client(0, b"wordwor")
    talk.client(7, b"d")
    talk.server(0, 8, window=0)
    probes = 0
    for _ in range(30):
        for s in talk.wait(70):
            assert not s.flags & RST
            if s.payload:
                probes += 1
                talk.server(0, 8, window=0)
    assert probes >= 20


@pytest.mark.parametrize("scale", [1, 3])
def test_the_window_of_a_syn_is_not_scaled(scale: int) -> None:
    """RFC 7323, 2.2. An acknowledgement made here shows no more than the SYN-ACK did."""
    talk = Talk(b"<a text>", opened=False)
    options = ((2, b"\x05\xb4"), (3, bytes([scale])))
    talk.client(0, b"", SYN, options=options, first=True)
    talk.server(0, None, SYN, options=options, window=80)
    talk.client(0, b"")
    talk.client(0, b"wor")
    early, = talk.wait(0.2)
    assert ack_of(early) == 3 and 0 < early.window << scale <= 80  # rounded up where that keeps the edge


def test_the_edge_shown_before_the_first_edit_counts() -> None:
    """The ACK that comes next is older than the edit: the client was promised 8 bytes already."""
    talk = Talk(b"<a text>", window=8)
    out, = talk.client(0, b"word....")
    assert out.payload == b"<a text>"
    old, = talk.server(0, 0, window=8)
    assert ack_of(old) + old.window >= 8


def test_urgent_data() -> None:
    """RFC 6093: the pointer is behind the last urgent byte. It is told by the segment that has the byte, when it is known
    where that goes."""
    talk = Talk(b"<a text>")
    urg = ACK | 8 | 32
    out, = talk.client(0, b"x", urg, urgent=5)
    assert not out.flags & 32 and out.urgent == 0
    out, = talk.client(1, b"word..", urg, urgent=4)
    assert out.flags & 32 and seq_of(out) + out.urgent == 1 + 8
    out, = talk.client(7, b"word..", urg, urgent=2)  # a byte that is gone
    assert not out.flags & 32
