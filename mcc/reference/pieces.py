"""What a context makes of packets: pieces of a stream, windows of them, and where edits have moved what.

    window:   piece | piece | piece          positions count the bytes that came, from 0
    piece:    done . rest                    `done`: edited already, as it will leave; `rest`: as it came, up to its end
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from mcc.reference.packet import PacketState
from mcc.reference.values import Fault

SMALL_ROOM, LARGE_ROOM, ANY_ROOM = 2176, 266112, 1 << 40
"""Bytes that a frame may grow to before what is in front of an insertion becomes a packet of its own; a
datagram stays one."""


@dataclass(eq=False)
class Piece:
    """A packet in a context. `head`: bytes of its frame in front of the content; `pos`, `size`: what it is of the
    input; sent: it has left already, this is for reading; late: it waited, so its acknowledgement is old; taken:
    a datagram that an element takes out whole."""

    packet: PacketState
    head: int
    rest: bytearray
    pos: int = 0
    size: int = 0
    done: bytearray = field(default_factory=bytearray)
    room: int = SMALL_ROOM
    changed: bool = False
    fin: bool = False
    sent: bool = False
    late: bool = False
    taken: bool = False

    @property
    def end(self) -> int:
        return self.pos + self.size

    @property
    def content(self) -> bytes:
        return bytes(self.done + self.rest)

    def index(self, x: int) -> int:
        """Where in `rest` the byte at position x is."""
        return x - (self.end - len(self.rest))

    def join(self, content: bytes) -> None:
        """Content that is the input of the next element."""
        self.done, self.rest = bytearray(), bytearray(content)


def piece_of(p: PacketState, at: int, end: int) -> Piece:
    """The piece whose content is the frame's bytes at .. end."""
    at = min(at, end)
    return Piece(p, at, bytearray(p.data[at:end]), size=end - at,
                 room=SMALL_ROOM if len(p.data) <= SMALL_ROOM else LARGE_ROOM)


@dataclass(frozen=True)
class Edit:
    """`removed` bytes of the input at x gave way to `inserted` bytes of the output at y."""

    x: int
    y: int
    removed: int
    inserted: int


@dataclass
class PositionMap:
    """Where one element's edits have moved the bytes of a direction. Before the first edit: y = x + delta."""

    edits: list[Edit] = field(default_factory=list)
    delta: int = 0

    def add(self, x: int, removed: int, inserted: int) -> None:
        last = self.edits[-1] if self.edits else None
        y = x + self.delta if last is None else x - last.x - last.removed + last.y + last.inserted
        self.edits.append(Edit(x, y, removed, inserted))

    def _of(self, x: int, last: Edit | None) -> int:
        if last is None:
            return x + self.delta
        behind = last.x + last.removed
        return last.y if x < behind else x - behind + last.y + last.inserted

    def forward(self, x: int) -> int:
        """Where byte x goes: behind what was inserted in front of it; a removed one: where its replacement begins."""
        return self._of(x, next((e for e in reversed(self.edits) if e.x <= x), None))

    def forward_low(self, x: int) -> int:
        """The lowest output position of what goes with x."""
        return self._of(x, next((e for e in reversed(self.edits) if e.x < x), None))

    def back(self, y: int) -> int:
        """max { x : forward(x) <= y }: how far the input is acknowledged where the output is up to y."""
        last = next((e for e in reversed(self.edits) if e.y <= y), None)
        if last is None:
            return y - self.delta
        behind = last.x + last.removed
        return behind + y - last.y - last.inserted if y >= last.y + last.inserted else max(0, behind - 1)

    def back_low(self, y: int) -> int:
        """min { x : forward(x) >= y }."""
        last = next((e for e in reversed(self.edits) if e.y < y), None)
        if last is None:
            return y - self.delta
        return last.x + last.removed + max(0, y - last.y - last.inserted)

    def fold(self, y: int) -> None:
        """Forget edits whose output is acknowledged up to y."""
        while self.edits and self.edits[0].y + self.edits[0].inserted <= y and self.edits[0].y < y:
            e = self.edits.pop(0)
            self.delta = e.y + e.inserted - e.x - e.removed


@dataclass
class Window:
    """What an element sees of one direction: start <= cursor <= end. `edited`: edits may begin here; since: the tick
    of the last news while something is held; `made()`: called for a packet that an insertion has split off."""

    made: Callable[[], None]
    pieces: list[Piece] = field(default_factory=list)
    start: int = 0
    cursor: int = 0
    end: int = 0
    edited: int = 0
    since: int = 0
    ended: bool = False
    map: PositionMap = field(default_factory=PositionMap)

    @property
    def low(self) -> int:
        return max(self.start, self.edited)

    def open(self, piece: Piece | None) -> None:
        """A call begins: the piece's bytes join the window."""
        if not self.pieces:
            self.start = self.cursor = self.end
        if piece is not None:
            piece.pos, piece.size = self.end, len(piece.rest)
            self.end += piece.size
            self.pieces.append(piece)
        self.cursor = max(self.cursor, self.low) if self.pieces else self.end

    def input(self, a: int, b: int) -> bytes:
        """The input from a to b, none of it edited away."""
        out = bytearray()
        for p in self.pieces:
            lo, hi = max(a, p.pos), min(b, p.end)
            if lo < hi:
                out += p.rest[p.index(lo):p.index(hi)]
        return bytes(out)

    def chunk_end(self) -> int:
        """The end of the packet that the next unread byte is in."""
        return next(p.end for p in self.pieces if p.end > self.cursor)

    def seek(self, x: int) -> None:
        self.cursor = min(max(x, self.low), self.end)

    def mask(self, a: int, b: int, value: int) -> None:
        """Overwrite a .. b."""
        if not self.low <= a <= b <= self.end:
            raise Fault(f"mask {a} .. {b} of {self.low} .. {self.end}")
        for p in self.pieces:
            lo, hi = max(a, p.pos), min(b, p.end)
            if lo < hi:
                p.rest[p.index(lo):p.index(hi)] = bytes([value]) * (hi - lo)
                p.changed = True

    def edit(self, a: int, b: int, data: bytes) -> None:
        """a .. b gives way to data. The packet that holds the last byte of it takes the data; an insertion is taken by
        the packet that holds the byte behind it, or by the last one."""
        if not self.low <= a <= b <= self.end or not self.pieces:
            raise Fault(f"edit {a} .. {b} of {self.low} .. {self.end}")
        first = next((i for i, p in enumerate(self.pieces) if p.end > a), len(self.pieces) - 1)
        last = next(i for i, p in enumerate(self.pieces) if i >= first and p.end >= b)
        for p in self.pieces[first:last]:
            self._keep_before(p, a)
            p.rest.clear()
            p.changed = True
        p = self.pieces[last]
        self._keep_before(p, a)
        del p.rest[:max(0, p.index(b))]
        p.changed = True
        written = self._insert(last, b, data)
        self.map.add(a, b - a, written)
        self.edited = b
        self.seek(max(self.cursor, b))
        if written < len(data):
            raise Fault("no room for an insertion")

    @staticmethod
    def _keep_before(p: Piece, a: int) -> None:
        """Unedited bytes in front of a are as they will leave."""
        n = max(0, p.index(a))
        p.done += p.rest[:n]
        del p.rest[:n]

    def _insert(self, i: int, x: int, data: bytes) -> int:
        """Data at the end of what piece i has done, input up to x; what does not fit pushes that into a packet of its
        own. The number of bytes put in."""
        left = data
        while True:
            p = self.pieces[i]
            room = p.room - p.head - len(p.done) - len(p.rest)
            p.done += left[:room]
            left = left[room:]
            if not left:
                return len(data)
            if not p.done:
                return len(data) - len(left)
            size = p.head + len(p.done)
            own = replace(p, packet=p.packet.copy(), rest=bytearray(), done=p.done, size=x - p.pos, changed=True,
                          fin=False, taken=False, room=SMALL_ROOM if size <= SMALL_ROOM else LARGE_ROOM)
            p.size, p.pos, p.done = p.end - x, x, bytearray()
            self.pieces.insert(i, own)
            self.made()
            i += 1

    def close(self, hold: int | None, limit: int, tick: int) -> tuple[list[Piece], bool]:
        """A call is over: what is held from `hold` on stays, whole packets. What goes on; whether more than `limit`
        bytes were to be held (then nothing is)."""
        overflow = hold is not None and hold < self.end and self.end - hold > limit
        if hold is None or hold >= self.end or overflow:
            return self.release(), overflow
        stay = next(i for i, p in enumerate(self.pieces) if p.end > hold)
        out, self.pieces = self.pieces[:stay], self.pieces[stay:]
        for p in self.pieces:
            p.late = p.late or not p.sent
        self.since, self.start, self.cursor = tick, hold, max(self.cursor, hold)
        return out, False

    def release(self) -> list[Piece]:
        """Nothing is held any more."""
        out, self.pieces = self.pieces, []
        self.start = self.cursor = self.end
        return out
