"""FINs, resets, late timestamps and conflicts of an edited stream, segment by segment, expected values worked out by hand."""

from __future__ import annotations

import struct

import pytest

from mcc.testing.frames import ACK, FIN, PSH, RST, SYN, Segment
from tests.unit.contexts.talk import BACK, CLIENT, ISN, SERVER, Talk, ack_of, seq_of


def closed() -> Talk:
    """Both sides have closed, the last "wor" was held for a while (4 + 3 bytes from the client, 8 + 3 to the server)."""
    talk = Talk(b"<a text>")
    talk.client(0, b"word")
    talk.client(4, b"wor")
    talk.client(7, b"", ACK | FIN)
    talk.server(0, 12, FIN)
    talk.client(8, b"", ACK, ack=1)
    return talk


def test_numbers_are_mapped_until_the_last_acknowledgement_may_have_arrived() -> None:
    """A timer of the time before comes up meanwhile; the client's last ACK was lost behind the box."""
    talk = closed()
    talk.wait(0.3)
    assert [ack_of(s) for s in talk.server(0, 12, FIN) if s.sport == 80] in ([], [8])  # it may be answered here
    out, = talk.client(8, b"", ACK, ack=1)
    assert seq_of(out) == 12


def test_a_fin_that_comes_again_keeps_its_place() -> None:
    """Acknowledged long since: it is answered here, or goes out where it was, never behind itself."""
    talk = closed()
    for seq, data in ((7, b""), (4, b"wor"), (0, b"wordwor")):
        for s in talk.client(seq, data, ACK | FIN, ack=1):
            assert s.sport == 80 and ack_of(s) == 8 or seq_of(s) + len(s.payload) == 11


def test_a_reset_that_is_only_near_ends_nothing() -> None:
    """RFC 5961, 3: its receiver answers with a challenge, and the connection goes on, with its numbers mapped."""
    talk = Talk(b"<a text>")
    talk.client(0, b"word")
    out, = talk.client(9, b"", RST)
    assert out.flags & RST and seq_of(out) == 8 + 5
    challenge, = talk.server(0, 8)
    assert ack_of(challenge) == 4
    out, = talk.client(4, b"..")
    assert seq_of(out) == 8


def test_a_late_timestamp_is_not_shown_again() -> None:
    """RFC 7323, 5: an acknowledgement made here with a TSval older than one that was seen would be thrown away."""
    def stamps(val: int, ecr: int) -> tuple[tuple[int, bytes], ...]:
        return (1, b""), (1, b""), (8, struct.pack("!II", val, ecr))

    talk = Talk(b"<a text>", opened=False)
    talk.client(0, b"", SYN, options=((2, b"\x05\xb4"), *stamps(1, 0)), first=True)
    talk.server(0, None, SYN, options=((2, b"\x05\xb4"), *stamps(500, 1)))
    talk.client(0, b"", options=stamps(2, 500))
    talk.server(0, 0, PSH, b"word", options=stamps(510, 2))
    talk.client(0, b"", ACK, ack=8, options=stamps(60, 510))
    talk.client(0, b"", ACK, options=stamps(10, 500))  # it was overtaken
    out, = talk.server(0, 0, PSH, b"word", options=stamps(700, 2))
    assert out.sport == 4000 and not out.payload
    val, _ = struct.unpack("!II", next(v for k, v in out.options if k == 8))
    assert val == 60


def test_conflicts_are_counted_where_the_first_copy_was_cut_or_is_held() -> None:
    talk = Talk(b"<a text>")
    talk.client(0, b"A")
    talk.client(0, b"AB")  # B goes alone
    assert talk.counted("conflicts") == 0
    talk.client(0, b"ab")
    assert talk.counted("conflicts") == 1
    talk.client(2, b"wo")  # held
    talk.client(2, b"WO")
    assert talk.counted("conflicts") == 2
    talk.client(2, b"word")
    talk.client(6, b"wo")  # held, and numbers differ by four
    talk.client(6, b"wo")
    assert talk.counted("conflicts") == 2
    talk.client(6, b"WO")
    assert talk.counted("conflicts") == 3


def again(talk: Talk, isn: int) -> list[Segment]:
    """A SYN of the client's with a number of its own, where its old connection still stands."""
    options = ((2, b"\x05\xb4"), (30, bytes([0, 1] + [7] * 10)))  # MSS, MP_CAPABLE
    return talk.send("lan", Segment(CLIENT, SERVER, 4000, 80, isn, 0, SYN, 65535, options, b""))


def ended(talk: Talk) -> dict[str, int]:
    return {k: v for k, v in talk.box.stats()["sessions"]["ended"].items() if v}


@pytest.mark.parametrize("isn", [ISN + 400 - 2**32, 3_000_000_000])
def test_a_client_that_lost_its_connection_begins_again(isn: int) -> None:
    """RFC 5961, 4: whatever its number, the SYN reaches the server, which tells what it knows; the client's RST has the
    number that the server expects, and the next SYN begins a session."""
    talk = Talk(b"<a text>")
    talk.client(0, b"word")
    out, = again(talk, isn)
    assert (out.seq, out.flags, out.dport) == (isn, SYN, 80)
    assert all(k in (1, 2) for k, _ in out.options), "RFC 8684, 3.7: no subflow through a box that edits"
    challenge, = talk.server(0, 8)
    assert (challenge.seq, ack_of(challenge)) == (BACK + 1, 4)
    reset, = talk.send("lan", Segment(CLIENT, SERVER, 4000, 80, challenge.ack, 0, RST, 0, (), b""))
    assert (seq_of(reset), reset.flags) == (8, RST)
    assert ended(talk) == {"rst": 1}
    assert again(talk, isn) and talk.box.stats()["sessions"]["created"] == 2


def test_both_have_lost_their_connection() -> None:
    """The server answers the SYN: what stood between them is gone, and the SYN that comes again begins another. The words
    that the old one had sent do not shift the new one's numbers."""
    talk, isn = Talk(b"<a text>"), 3_000_000_000
    talk.client(0, b"word")
    again(talk, isn)
    answer = Segment(SERVER, CLIENT, 80, 4000, 77_000, isn + 1, SYN | ACK, 1000, ((2, b"\x05\xb4"),), b"")
    assert talk.send("wan", answer) == []
    assert ended(talk) == {"replaced": 1}
    out, = again(talk, isn)
    assert out.seq == isn
    out, = talk.send("wan", answer)
    assert (out.seq, out.ack) == (77_000, isn + 1)
    out, = talk.send("lan", Segment(CLIENT, SERVER, 4000, 80, isn + 1, 77_001, ACK | PSH, 65535, (), b"word"))
    assert (out.seq, out.ack, out.payload) == (isn + 1, 77_001, b"<a text>")


def test_an_answer_to_no_syn_ends_nothing() -> None:
    """Nor does one to a SYN of the same side, or to one with another number."""
    talk, isn = Talk(b"<a text>"), 3_000_000_000
    talk.client(0, b"word")
    for answered in (isn + 1, isn + 3):
        talk.send("wan", Segment(SERVER, CLIENT, 80, 4000, 77_000, answered, SYN | ACK, 1000, (), b""))
        again(talk, isn + 8)
    talk.send("lan", Segment(CLIENT, SERVER, 4000, 80, 77_000, isn + 9, SYN | ACK, 1000, (), b""))
    assert ended(talk) == {}
    out, = talk.client(4, b"..")
    assert seq_of(out) == 8


@pytest.mark.parametrize("known", [3, 3_000_000_000])
def test_a_server_that_still_has_an_old_connection(known: int) -> None:
    """It answers the SYN with what it has of that one; the client's RST, which has the number of the answer, ends it
    (RFC 9293, 3.10.7.3 and figure 9), and the SYN that comes again is answered. None of it is of this session's streams."""
    talk, options = Talk(b"<a text>", opened=False), ((2, b"\x05\xb4"),)
    talk.client(0, b"", SYN, options=options, first=True)
    old = (ISN + 1 + known) % 2**32
    out, = talk.send("wan", Segment(SERVER, CLIENT, 80, 4000, 888_000, old, ACK, 1000, (), b""))
    assert (out.seq, out.ack, out.flags) == (888_000, old, ACK)
    out, = talk.send("lan", Segment(CLIENT, SERVER, 4000, 80, old, 0, RST, 0, (), b""))
    assert (out.seq, out.flags) == (old, RST)
    assert ended(talk) == {}
    out, = talk.client(0, b"", SYN, options=options, first=True)
    assert seq_of(out) == -1
    out, = talk.server(0, None, SYN, options=options)
    assert (out.seq, ack_of(out)) == (BACK, 0)
    out, = talk.client(0, b"word")
    assert (seq_of(out), out.payload) == (0, b"<a text>")
    assert talk.box.stats()["sessions"]["created"] == 1
