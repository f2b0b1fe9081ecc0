"""One end of a TCP connection in plain Python (RFC 9293), deterministic, in virtual time; not a performance model.

Connection state is a few facts instead of state names: our SYN acknowledged (`sender.una > 0`), a SYN received
(`receiver.isn`), FINs. A `complaint` is something that a lawful network between two such ends cannot do.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from ipaddress import ip_address

from mcc.testing import options as opt
from mcc.testing.frames import ACK, FIN, PSH, RST, SYN, URG, Segment
from mcc.testing.plans import Host
from mcc.testing.receiver import Receiver
from mcc.testing.sender import Sender
from mcc.testing.seqnum import SPACE, before, position, wire

DELAYED = 0.002
"""Seconds that a delayed ACK waits (RFC 5681, 4.2, allows 0.5)."""


@dataclass
class Complaint:
    """`number` is the property that it breaks."""

    number: int
    text: str


@dataclass
class Endpoint:
    """`out` collects segments to send. `me` and `peer` are (address, port)."""

    name: str
    plan: Host
    me: tuple[str, int]
    peer: tuple[str, int]
    out: list[Segment] = field(default_factory=list)
    complaints: list[Complaint] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.sender, self.receiver = Sender(self.plan), Receiver(self.plan)
        self._addresses = ip_address(self.me[0]).packed, ip_address(self.peer[0]).packed
        self.now = 0.0
        self.syn_sent = self.dead = False
        self.reset_by: Segment | None = None
        self.scaled = self.sacks = self.stamped = False
        self.peer_scale = 0
        self.recent_stamp = 0
        self.last_ack_sent = 0
        self.ack_at: float | None = None
        self.duplicates_seen = self.stale = self.challenges = 0
        self.fast_open_pieces = 0

    def is_mine(self, s: Segment) -> bool:
        """Whether a segment is of this connection, by its addresses and ports."""
        return (s.dst, s.src) == self._addresses and (s.dport, s.sport) == (self.me[1], self.peer[1])

    # ------------------------------------------------------------ the application

    def open(self, now: float) -> None:
        """Active open. Data on the SYN is what was written before (RFC 7413)."""
        self.now, self.syn_sent = now, True
        s = self.sender
        size = min(self.plan.syn_data, len(s.data))
        s.nxt = 1 + size
        self._emit(0, 1 + size)
        s.deadline = now + s.rto

    def write(self, data: bytes, now: float) -> None:
        self.now = now
        self.sender.data += data
        self._push()

    def close(self, now: float) -> None:
        self.now, self.sender.closing = now, True
        self._push()

    def abort(self, now: float) -> None:
        """RST at SND.NXT."""
        self.now = now
        if not self.dead and self.receiver.isn is not None:
            self._send(self.sender.nxt, RST | ACK)
        self.dead = True

    def keepalive(self, garbage: int, now: float) -> None:
        """SND.NXT-1, with or without a byte that is not data (RFC 1122, 4.2.3.6). Only where nothing is under way."""
        self.now = now
        s = self.sender
        if not self.dead and s.una == s.nxt and s.una > 0 and not s.closing:
            self._send(s.nxt - 1, ACK, b"\xaa" * garbage)

    def consume(self, now: float) -> None:
        """The application reads; a window that was shut opens with an ACK."""
        self.now = now
        shut = self.receiver.isn is not None and self.receiver.window() < self.plan.mss
        self.receiver.consume()
        if shut and not self.dead:
            self._ack()

    @property
    def established(self) -> bool:
        return self.sender.una > 0 and self.receiver.isn is not None

    @property
    def done(self) -> bool:
        """Nothing is left to do: both directions closed, or reset, or all that was planned is acknowledged."""
        if self.dead:
            return True
        sent = self.sender.una == self.sender.end if self.syn_sent or self.receiver.isn is not None else True
        return sent and (self.sender.closing or self.plan.close_at is None)

    def reading(self, now: float) -> bool:
        return not any(a <= now < b for a, b in self.plan.pauses)

    # ------------------------------------------------------------ timers

    def next_timer(self) -> float | None:
        """When the next of delayed ACK and retransmission is due."""
        due = [t for t in (self.ack_at, self.sender.deadline) if t is not None]
        return min(due) if due and not self.dead else None

    def on_timer(self, now: float) -> None:
        self.now = now
        if self.dead:
            return
        if self.ack_at is not None and now >= self.ack_at:
            self._ack()
        if self.sender.deadline is not None and now >= self.sender.deadline:
            piece = self.sender.timeout(now)
            if piece is not None:
                self._emit(piece[0], piece[1] if piece[0] else 1)

    # ------------------------------------------------------------ segments in

    def on_segment(self, s: Segment, now: float) -> None:
        """RFC 9293, 3.10.7, in its order: RST, SYN, ACK, text, FIN; PAWS before all (RFC 7323, 5.3)."""
        self.now = now
        if self.dead:
            return
        if s.has(SYN) and self.receiver.isn is None:
            self._syn(s)
            return
        if self.receiver.isn is None:
            if s.has(RST) and s.ack == wire(1, self.plan.isn) and self.syn_sent:
                self._reset(s)
            return
        at = position(s.seq, self.receiver.isn, self.receiver.next)
        if self._is_stale(s):
            return
        if s.has(RST):
            self._maybe_reset(s, at)
            return
        if s.has(SYN):
            if at == 0 and self.sender.una == 0 and s.has(ACK):
                self._acknowledge(s, at + 1)
            if at == 0 and not self.sender.una and not s.has(ACK):
                self._emit(0, 1)
            else:
                self._ack()
                self._push()
            return
        if not self.receiver.acceptable(at, s.length):
            if self.sender.una == 0 and s.has(ACK):
                self._acknowledge(s, at)
            elif s.has(ACK) and s.length == 0 and self.receiver.window() == 0:
                self._acknowledge(s, at)
            self._note_old(at, s)
            self._ack()
            return
        if s.has(ACK) and not self._acknowledge(s, at):
            return
        self._text(s, at)
        self._push()

    def _syn(self, s: Segment) -> None:
        """The peer's first SYN, or its SYN-ACK."""
        if s.has(ACK) and not (self.syn_sent and 1 <= position(s.ack, self.plan.isn, 1) <= self.sender.nxt):
            return
        self.receiver.begin(s.seq)
        self.sender.peer_mss = int.from_bytes(opt.value(s.options, opt.MSS) or b"\x02\x18", "big")
        scale = opt.value(s.options, opt.SCALE)
        self.scaled = scale is not None and self.plan.scale is not None
        self.peer_scale = min(scale[0], 14) if scale and self.scaled else 0
        self.sacks = opt.value(s.options, opt.SACK_PERMITTED) is not None and self.plan.sack
        stamps = opt.stamps(s.options)
        self.stamped = stamps is not None and self.plan.timestamps
        if stamps is not None and self.stamped:
            self.recent_stamp = stamps[0]
            self.sender.room = 12
        if s.payload and (self.plan.takes_syn_data or s.has(ACK)):
            self.receiver.take(1, s.payload, False)
            self._read()
        if s.has(ACK):
            self._acknowledge(s, 0, scale=0)
            self._ack()
            self._push()
            return
        self.sender.nxt = max(self.sender.nxt, 1)
        self._emit(0, 1)
        if self.sender.deadline is None:
            self.sender.deadline = self.now + self.sender.rto

    def _is_stale(self, s: Segment) -> bool:
        """PAWS (RFC 7323, 5.3, R1 to R4)."""
        stamps = opt.stamps(s.options)
        assert self.receiver.isn is not None
        if not self.stamped or s.has(RST):
            return False
        if stamps is None:
            self.complaints.append(Complaint(8, f"{self.name} got a segment without a timestamp"))
            return False
        if before(stamps[0], self.recent_stamp):
            self.stale += 1
            self._ack()
            return True
        if position(s.seq, self.receiver.isn, self.receiver.next) <= self.last_ack_sent:
            self.recent_stamp = stamps[0]
        return False

    def _maybe_reset(self, s: Segment, at: int) -> None:
        """RFC 5961, 3.2: exactly RCV.NXT, else a challenge ACK."""
        if at == self.receiver.next:
            self._reset(s)
        elif self.receiver.acceptable(at, 0):
            self.challenges += 1
            self._ack()

    def _reset(self, s: Segment) -> None:
        self.dead, self.reset_by = True, s

    def _acknowledge(self, s: Segment, at: int, scale: int | None = None) -> bool:
        """The ACK field. Whether it is acceptable (RFC 5961, 5.2)."""
        q = self.sender
        ack = position(s.ack, self.plan.isn, q.una)
        if ack > q.nxt:
            self.complaints.append(Complaint(11, f"{self.name} got ACK {ack}, it has sent only up to {q.nxt}"))
            self.challenges += 1
            self._ack()
            return False
        self._scoreboard(s, ack)
        edge = ack + (s.window << (self.peer_scale if scale is None else scale))
        if ack > q.una:
            q.edge = edge
            piece = q.acknowledged(ack, self.now)
        else:
            same = edge == q.edge and ack == q.una and not s.length and q.una < q.nxt
            if ack == q.una:
                q.edge = edge
            piece = None
            if same and q.una > 0:
                self.duplicates_seen += 1
                piece = q.duplicate()
        if piece is not None:
            self._emit(*piece)
        return True

    def _scoreboard(self, s: Segment, ack: int) -> None:
        """SACK blocks: legal ones are believed (RFC 2018, 2883)."""
        for i, (left32, right32) in enumerate(opt.sack_blocks(s.options)):
            left = position(left32, self.plan.isn, self.sender.una)
            right = position(right32, self.plan.isn, self.sender.una)
            if not self.sacks:
                self.complaints.append(Complaint(7, f"{self.name} got SACK without having agreed to it"))
            elif not left < right or right > self.sender.nxt:
                self.complaints.append(Complaint(
                    7, f"{self.name} got SACK [{left}, {right}), it has sent [1, {self.sender.nxt})"))
            elif left >= ack:
                self.sender.sacked |= set(range(left, right))
            elif i:
                self.complaints.append(Complaint(
                    7, f"{self.name} got SACK [{left}, {right}) below ACK {ack}, and it is not the first block"))

    def _note_old(self, at: int, s: Segment) -> None:
        """A segment that was here before: its D-SACK, and whether it brought the same bytes."""
        if s.payload and at + len(s.payload) <= self.receiver.next and at >= 1 and not self._is_keepalive(at, s):
            self.receiver.take(at, s.payload, False)

    def _is_keepalive(self, at: int, s: Segment) -> bool:
        """One byte just below RCV.NXT may be garbage (RFC 1122, 4.2.3.6)."""
        return len(s.payload) == 1 and at == self.receiver.next - 1

    def _text(self, s: Segment, at: int) -> None:
        if not s.length:
            return
        moved = self.receiver.take(at, s.payload, s.has(FIN))
        self._read()
        hole = bool(self.receiver.later)
        if self.plan.delayed_ack and moved and not hole and not s.has(FIN) and self.ack_at is None:
            self.ack_at = self.now + DELAYED
        else:
            self._ack()

    def _read(self) -> None:
        if self.reading(self.now):
            self.receiver.consume()

    # ------------------------------------------------------------ segments out

    def _push(self) -> None:
        if self.established and not self.dead:
            for piece in self.sender.fresh(self.now):
                self._emit(*piece)

    def _ack(self) -> None:
        self._send(self.sender.nxt, ACK)

    def _emit(self, left: int, right: int) -> None:
        """The sequence space [left, right): SYN, bytes, FIN."""
        data = self.sender.data
        payload = bytes(data[max(left, 1) - 1:right - 1])
        fin = self.sender.closing and right == self.sender.end and right > left and right > 1
        flags = (SYN if left == 0 else 0) | (FIN if fin else 0) | (PSH if payload else 0)
        flags |= ACK if self.receiver.isn is not None else 0
        self._send(left, flags, payload)

    def _send(self, at: int, flags: int, payload: bytes = b"") -> None:
        """One segment at a position. Options and window as negotiated."""
        r = self.receiver
        acks = r.isn is not None
        opened = r.window() if acks else self.plan.buffer
        window = min(65535, opened >> (self.plan.scale or 0) if self.scaled and not flags & SYN else opened)
        urgent = 0
        for u in self.plan.urgent:
            if payload and at <= u and at < 1 + u and 0 < 1 + u - at < 65536 and not flags & SYN:
                urgent, flags = 1 + u - at, flags | URG
                break
        self.out.append(Segment(
            *self._addresses, self.me[1], self.peer[1], wire(at, self.plan.isn),
            wire(r.next, r.isn) if acks and r.isn is not None else 0, flags, window, self._options(flags, acks),
            payload, urgent))
        if acks and flags & ACK:
            self.last_ack_sent, self.ack_at = r.next, None

    def _options(self, flags: int, acks: bool) -> opt.Options:
        now = (self.plan.clock + round(self.now * 1000)) % SPACE
        out: list[tuple[int, bytes]] = []
        if flags & SYN:
            answer = acks
            out.append(opt.mss(self.plan.mss))
            if self.plan.sack and (self.sacks or not answer):
                out.append((opt.SACK_PERMITTED, b""))
            if self.plan.timestamps and (self.stamped or not answer):
                out.append(opt.timestamps(now, self.recent_stamp if answer else 0))
            if self.plan.scale is not None and (self.scaled or not answer):
                out.append((opt.SCALE, struct.pack("!B", self.plan.scale)))
            if self.plan.syn_data:
                out.append((opt.FAST_OPEN, b"\x11" * 8))
            return (*out, *self.plan.syn_options)
        if self.stamped:
            out.append(opt.timestamps(now, self.recent_stamp))
        blocks = self.receiver.blocks() if self.sacks and flags & ACK and not flags & RST else []
        isn = self.receiver.isn or 0
        if blocks:
            out.append(opt.sack([(wire(a, isn), wire(b, isn)) for a, b in blocks]))
        return tuple(out)
