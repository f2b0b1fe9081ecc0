"""TCP streams for elements that only read: order, overlaps, retransmissions, holes, begins and ends (docs/contexts.md).

Segments go on at once, bit by bit, as they come; what has come out of order is read when its turn comes. Contexts whose
elements write, resize, hold or close are for the compiled code only.

    acked ... next        .. hole ..        waiting        positions of a direction, from 0 at ISN + 1; FIN takes one
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mcc.lang.graph import Graph
from mcc.reference import checksum, segments
from mcc.reference.asks import Asks
from mcc.reference.packet import PacketState
from mcc.reference.pieces import Piece, piece_of
from mcc.reference.segments import ACK, FIN, RST, SYN, Segment, unwrap
from mcc.reference.values import AGAIN, CLOSE, PASS, RESET

if TYPE_CHECKING:
    from mcc.reference.context import Context, Contexts

SLACK, ANY_SCALE, WAITING_MAX, HISTORY, RESET_REACH = 1 << 20, 14, 4096, 8192, 1 << 20
"""Bytes beyond the announced window that a segment may be; the scale where none was seen; segments that wait;
acknowledged bytes that are remembered; how far ahead a reset may be."""


@dataclass
class Kept:
    """Bytes that have gone on, at position y."""

    y: int
    data: bytes
    fin: bool

    @property
    def end(self) -> int:
        return self.y + len(self.data)


@dataclass
class Half:
    """One direction, by the host that sends. isn: the number of position 0, None: not known; guessed: told by the other
    host's acknowledgement only; fin: its FIN is before `next`; fin_sent: it has gone on; ended: the elements had their
    last call."""

    isn: int | None = None
    next: int = 0
    sent: int = 0
    acked: int = 0
    kept: list[Kept] = field(default_factory=list)
    waiting: list[Piece] = field(default_factory=list)
    window: int = 0
    scale: int = 0
    guessed: bool = False
    syn: bool = False
    sums_right: bool = False
    fin: bool = False
    fin_sent: bool = False
    ended: bool = False
    reset: bool = False

    def begin(self, isn: int) -> None:
        self.isn = isn & 0xFFFFFFFF

    def position(self, number: int, near: int) -> int:
        return unwrap(number, self.isn or 0, near)

    def remembered(self, y: int, data: bytes) -> bytes:
        """The bytes at y, as they went on first where that is remembered."""
        out = bytearray(data)
        for k in self.kept:
            lo, hi = max(y, k.y), min(y + len(data), k.end)
            if lo < hi:
                out[lo - y:hi - y] = k.data[lo - k.y:hi - k.y]
        return bytes(out)

    def expected(self, x: int, data: bytes) -> bytes:
        """The bytes at x, as they are in segments that wait: the first copy counts."""
        out = bytearray(data)
        for q in self.waiting:
            lo, hi = max(x, q.pos), min(x + len(data), q.end)
            if lo < hi:
                out[lo - x:hi - x] = q.content[lo - q.pos:hi - q.pos]
        return bytes(out)


def refuse_editors(graph: Graph, asked: Mapping[int, Asks]) -> None:
    """Raises ValueError for a chain with a TCP context whose elements do more than read."""
    for c in (n for n in graph.contexts if n.protocol == "tcp"):
        todo, seen = [c.id], {c.partner}
        while todo:
            at = todo.pop()
            found = asked.get(at, Asks())
            if found.writes or found.resizes or found.stalls or found.closes:
                raise ValueError(f"the reference only reads TCP streams, and {graph.nodes[at].name} does more")
            seen.add(at)
            todo += [e.dst for e in graph.edges if e.src == at and e.dst not in seen and e.way == 0]


class Connection:
    """Both directions. state: "new", "open", or "opaque" (passed unread)."""

    def __init__(self, contexts: Contexts, c: Context) -> None:
        self.contexts, self.c, self.counts = contexts, c, contexts.counts
        self.halves = (Half(), Half())
        self.state = "new"
        self.over = self.mapped = False
        self.armed = 0

    # ---------------------------------------------------------- what the box asks

    def receive(self, d: int, p: PacketState) -> int:
        """A segment of direction d arrives. PASS, or AGAIN: it opens another connection."""
        if self.contexts.box.checksums == "keep" and self._is_damaged(d, p):
            self.counts["bad_checksums"] += 1
            self._out(d, p)
            return PASS
        me, other = self.halves[d], self.halves[1 - d]
        s = segments.read(p, me.isn or 0, me.next)
        if self.state != "open" or s.flags & SYN or me.isn is None or me.guessed or other.isn is None:
            verdict = self._open(d, p, s)
            if verdict == AGAIN:
                return verdict
            if verdict != PASS or self.state == "opaque" and self.c.options.protected == "drop":
                self.contexts.box._drop("tcp_policy", p)
                return PASS
            s = segments.read(p, me.isn or 0, me.next)
            if self.state == "opaque":
                if s.flags & RST:
                    self._ending("rst")
                me.fin |= s.fin
                self._out(d, p)
                return PASS
        if s.flags & RST:
            self._reset(d, p, s)
        elif abs(s.x - me.next) > self._reach(d):
            self.counts["out_of_window"] += 1
            self._out(d, p)
        else:
            self._segment(d, p, s)
        return PASS

    def send(self, d: int, piece: Piece) -> None:
        """The elements have read a packet: it goes on, unless it has."""
        w, data = self.halves[d], piece.content
        y = w.sent
        w.sent += len(data) + piece.fin
        w.fin_sent |= piece.fin
        if data or piece.fin:
            self._keep(w, Kept(y, data, piece.fin))
        if not piece.sent:
            self._out(d, piece.packet)

    def end(self) -> None:
        """The session ends: last calls."""
        for d, w in enumerate(self.halves):
            if not w.ended and self.state != "opaque":
                w.ended = True
                self.contexts.data(self.c, d, 0, None, True)
            w.ended = True
            self.contexts.abandon(self.c, d)

    def close(self, d: int, like: PacketState | None, reset: bool) -> None:
        raise AssertionError(f"readers do not end connections: {d}, {like}, {reset}")

    def due(self) -> bool:
        """Readers arm no timer."""
        return self.over

    def waiting_packets(self) -> int:
        """Packets that wait and have not left."""
        return sum(not q.sent for w in self.halves for q in w.waiting)

    # ---------------------------------------------------------- opening

    def _is_damaged(self, d: int, p: PacketState) -> bool:
        """A wrong checksum of a host whose checksums were right before; before that, its network card fills them in."""
        checksum.mend(p)
        right = segments.is_right(p)
        if right and p.found.ip_end > p.found.l4 + (p.data[p.found.l4 + 12] >> 4) * 4:
            self.halves[d].sums_right = True
        return not right and self.halves[d].sums_right

    def _open(self, d: int, p: PacketState, s: Segment) -> int:
        """The first segments: who counts from where."""
        me, other = self.halves[d], self.halves[1 - d]
        if s.flags & SYN:
            return self._syn(me, other, p, s)
        if self.state == "new":
            if s.flags & RST:
                return PASS
            self.counts["midstream"] += 1
            if self.c.options.midstream == "drop":
                return CLOSE
            self.state = "opaque" if self.c.options.midstream == "pass" else "open"
        earlier = me.guessed and me.next == 0 and me.isn is not None and (
            (s.seq - me.isn) & 0xFFFFFFFF >= 1 << 31 or s.length > 0)
        if me.isn is None or earlier:
            me.begin(s.seq)
        me.guessed = False
        if s.flags & ACK and other.isn is None:
            other.begin(s.ack)
            other.guessed = True
        return PASS

    def _syn(self, me: Half, other: Half, p: PacketState, s: Segment) -> int:
        answers = bool(s.flags & ACK)
        if answers and other.isn is not None and other.position(s.ack, other.acked) > other.sent:
            return PASS  # answers another SYN (RFC 9293, 3.10.7.3): believed by nobody
        first = (s.seq + 1) & 0xFFFFFFFF
        fresh = me.isn is None or (me.next == 0 == me.sent and not me.fin
                                   and (answers or other.isn is None or other.next == 0))
        if me.isn is not None and first != me.isn and not fresh:
            dead = (me.fin or me.reset) and (other.fin or other.reset or other.isn is None)
            if not dead or answers:
                return PASS
            self.counts["reused"] += 1
            return AGAIN
        if me.isn != first:
            me.begin(first)
        me.syn, me.guessed = True, False
        if self.state == "new":
            self.state = "open"
        me.scale = 0
        for kind, data in segments.options(p):
            if kind == segments.SCALE and len(data) == 1:
                me.scale = min(data[0], 14)
            if kind in (segments.MD5, segments.AO) and self.state != "opaque":
                self.state = "opaque"
                self.counts["secured"] += 1
        if answers and other.isn is None:
            other.begin(s.ack)
        return PASS

    # ---------------------------------------------------------- a segment

    def _reach(self, d: int) -> int:
        """How far from `next` a segment may be: the window that the receiver announced, with room to spare."""
        to = self.halves[1 - d]
        return (to.window << (to.scale if to.syn else ANY_SCALE)) + SLACK

    def _segment(self, d: int, p: PacketState, s: Segment) -> None:
        me, other = self.halves[d], self.halves[1 - d]
        me.window = s.window
        if s.flags & ACK:
            self._acknowledged(d, s)
        if s.length or s.missing or s.fin:
            self._data(d, p, s)
        else:
            self._out(d, p)
        if me.fin and not self.over and all(w.fin_sent and w.acked == w.sent for w in (me, other)):
            self.over = True
            self._ending("fin")

    def _acknowledged(self, d: int, s: Segment) -> None:
        """What direction d says of the other's bytes. Of more than there were: they did not come by here."""
        w = self.halves[1 - d]
        y = w.position(s.ack, w.acked)
        beyond = y - w.sent
        if beyond > 0:
            self.counts["bad_acks"] += 1
            if beyond > self._reach(1 - d):
                return
            self._skip(w, beyond)
            w.acked = y
            self._forget(w)
            self._deliver_waiting(1 - d)
        elif y > w.acked:
            w.acked = y
            self._forget(w)

    def _data(self, d: int, p: PacketState, s: Segment) -> None:
        w = self.halves[d]
        if s.x > w.next:
            self._ahead(d, p, s)
            return
        if s.x + s.length + s.missing + s.fin <= w.next:
            self._again(d, p, s)
            return
        if sum(len(k.data) for k in w.kept) + s.length > self.c.options.buffer and self.c.options.at_cap != "pass":
            self.counts["forgotten"] += 1
            self.contexts.box._drop("tcp_full", p)
            return
        piece = self._piece(d, p, s)
        old = min(w.next - s.x, s.length)
        if old:
            self.counts["overlaps"] += 1
            self._first_copy(piece, w.remembered(s.x, piece.content[:old]) + piece.content[old:])
            self._out(d, p)
            piece = dataclasses.replace(piece, rest=piece.rest[old:], sent=True)
        self._deliver(d, piece, s.fin and not s.missing)
        if s.missing:
            self._skip(w, s.missing + s.fin)
            w.fin |= s.fin
            w.fin_sent |= s.fin
        self._deliver_waiting(d)

    def _piece(self, d: int, p: PacketState, s: Segment) -> Piece:
        """The payload; what other segments said of the same bytes before counts."""
        piece = piece_of(p, s.begin, s.begin + s.length)
        self._first_copy(piece, self.halves[d].expected(s.x, piece.content))
        return piece

    def _first_copy(self, piece: Piece, wanted: bytes) -> None:
        if wanted == piece.content:
            return
        self.counts["conflicts"] += 1
        piece.rest = bytearray(wanted)
        piece.changed = True
        piece.packet.data[piece.head:piece.head + len(wanted)] = wanted
        checksum.fill(piece.packet)

    def _again(self, d: int, p: PacketState, s: Segment) -> None:
        """All of it came before: it goes on, with the bytes that went on first."""
        w = self.halves[d]
        probe = s.length <= 1 and s.x + 1 == w.next and w.acked == w.sent and not s.flags & (SYN | FIN)
        self.counts["keepalives" if probe else "retransmitted"] += 1
        piece = piece_of(p, s.begin, s.begin + s.length)
        self._first_copy(piece, w.remembered(s.x, piece.content))
        self._out(d, p)

    def _ahead(self, d: int, p: PacketState, s: Segment) -> None:
        """It goes on, and waits to be read."""
        w = self.halves[d]
        self.counts["reordered"] += 1
        piece = self._piece(d, p, s)
        piece = dataclasses.replace(piece, packet=p.copy(), rest=bytearray(piece.rest), pos=s.x, size=s.length,
                                    fin=s.fin, sent=True)
        behind = [q for q in w.waiting if q.pos <= s.x]
        if any(q.end + q.fin >= piece.end + piece.fin for q in behind):
            self.counts["overlaps"] += 1
        elif len(behind) > WAITING_MAX or sum(q.size for q in w.waiting) + piece.size > self.c.options.buffer:
            self.counts["late_dropped"] += 1
        else:
            w.waiting.insert(len(behind), piece)
        self._out(d, p)

    # ---------------------------------------------------------- in order

    def _deliver(self, d: int, piece: Piece, fin: bool) -> None:
        """A packet goes through the elements; behind the end nobody looks at it."""
        w = self.halves[d]
        w.next += len(piece.rest) + fin
        w.fin |= fin
        piece.fin = fin
        if w.ended:
            self.send(d, piece)
            return
        w.ended = fin
        verdict = self.contexts.data(self.c, d, 0, piece, fin)
        assert verdict not in (CLOSE, RESET)

    def _deliver_waiting(self, d: int) -> None:
        """Whatever waited and is in order now."""
        w = self.halves[d]
        while w.waiting and w.waiting[0].pos <= w.next:
            q = w.waiting.pop(0)
            if q.end + q.fin <= w.next:
                self.counts["overlaps"] += 1
                continue
            skip = w.next - q.pos
            self.counts["overlaps"] += bool(skip)
            del q.rest[:skip]
            self._deliver(d, q, q.fin)

    def _skip(self, w: Half, size: int) -> None:
        """Bytes that nobody will see here."""
        w.next += size
        w.sent += size
        self.counts["gaps"] += 1

    # ---------------------------------------------------------- what is remembered, what leaves

    def _keep(self, w: Half, k: Kept) -> None:
        if sum(len(x.data) for x in w.kept) + len(k.data) > self.c.options.buffer:
            self.counts["forgotten"] += 1
            if not w.kept:
                return
            w.kept.pop(0)
        w.kept.append(k)

    def _forget(self, w: Half) -> None:
        """Of what is acknowledged only a little is remembered, to compare what is sent again."""
        while w.kept and w.kept[0].end + w.kept[0].fin <= w.acked and w.acked - w.kept[0].y > HISTORY:
            w.kept.pop(0)

    def _reset(self, d: int, p: PacketState, s: Segment) -> None:
        """A reset ends the connection if its receiver may believe it (RFC 5961, 3)."""
        w = self.halves[d]
        if w.isn is None or self.state == "new" or (s.x - w.next <= RESET_REACH and s.x - w.acked >= -1):
            w.reset = self.over = True
            self._ending("rst")
        else:
            self.counts["out_of_window"] += 1
        self._out(d, p)

    def _ending(self, how: str) -> None:
        turn = self.contexts.box._turn
        if turn is not None:
            turn.ending = how

    def _out(self, d: int, p: PacketState) -> None:
        self.contexts.out(self.c, d, p)
