"""Streams, chunks and matches as handlers of the reference see them (docs/streams.md)."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from mcc.lang.automaton import Automaton, Matcher, build, check_words
from mcc.lang.ints import FixedInt, u8, u16, u32, u64
from mcc.lang.stream import Mark
from mcc.protocols.sums import ones_sum
from mcc.reference.checksum import fold
from mcc.reference.pieces import Window
from mcc.reference.values import Fault


class ChunkView:
    """The unread bytes of one packet."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def __len__(self) -> int:
        return len(self.data)

    def __iter__(self) -> Iterator[FixedInt]:
        return (u8(b) for b in self.data)

    def __getitem__(self, i: Any) -> FixedInt:
        if not 0 <= int(i) < len(self.data):
            raise Fault(f"byte {int(i)} of a chunk of {len(self.data)}")
        return u8(self.data[int(i)])

    def crc32(self, seed: Any = 0) -> FixedInt:
        return u32(zlib.crc32(self.data, int(seed)))

    def crc32c(self, seed: Any = 0) -> FixedInt:
        """RFC 3720, 12.1: bit by bit, the lowest first."""
        crc = int(seed) ^ 0xFFFFFFFF
        for b in self.data:
            crc ^= b
            for _ in range(8):
                crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
        return u32(crc ^ 0xFFFFFFFF)

    def sum16(self, seed: Any = 0) -> FixedInt:
        """RFC 1071; bit 16: an odd number of bytes so far."""
        odd = int(seed) >> 16 & 1
        total = fold(ones_sum(self.data))
        if odd:
            total = (total & 0xFF) << 8 | total >> 8
        return u32(fold((int(seed) & 0xFFFF) + total) | (odd ^ len(self.data) & 1) << 16)


@dataclass(frozen=True)
class MatchView:
    """An occurrence of a word."""

    start: Mark
    end: Mark
    index: FixedInt


@lru_cache(maxsize=64)
def _automaton(checked: tuple[bytes, ...]) -> Automaton:
    return build(checked)


@dataclass
class StreamView:
    """The window while a handler runs. `hold`: everything from here on stays; None: nothing does. `searches`: hidden
    state of loops over matches, by loop; `holding`: those loops that hold the bytes of a possible match."""

    _window: Window
    is_last: bool
    to_server: bool
    _searches: dict[int, Matcher] = field(default_factory=dict)
    _holding: frozenset[int] = frozenset()
    _hold: int | None = None

    @property
    def to_client(self) -> bool:
        return not self.to_server

    @property
    def start(self) -> Mark:
        return Mark(self._window.start)

    @property
    def position(self) -> FixedInt:
        return u64(self._window.cursor)

    @property
    def available(self) -> FixedInt:
        return u32(self._left())

    def _left(self) -> int:
        return self._window.end - self._window.cursor

    def __iter__(self) -> Iterator[FixedInt]:
        w = self._window
        while w.cursor < w.end:
            w.cursor += 1
            yield u8(w.input(w.cursor - 1, w.cursor)[0])

    def chunks(self) -> Iterator[ChunkView]:
        w = self._window
        while w.cursor < w.end:
            begin, w.cursor = w.cursor, w.chunk_end()
            yield ChunkView(w.input(begin, w.cursor))

    def matches(self, given: Any, slot: int = 0) -> Iterator[MatchView]:
        w = self._window
        search = self._searches.get(slot)
        if search is None:
            search = self._searches[slot] = Matcher(_automaton(check_words(given)))
        while True:
            found = search.next(w.input(w.cursor, w.end), w.cursor, w.cursor, self.is_last)
            w.seek(search.cursor)
            if found is None:
                break
            yield MatchView(Mark(found[0]), Mark(found[1]), u16(found[2]))
        if slot in self._holding and not self.is_last and search.pending < search.position:
            self._keep(search.pending)

    def mark(self) -> Mark:
        return Mark(self._window.cursor)

    def need(self, n: Any) -> bool:
        if self._left() >= int(n):
            return True
        self._keep(self._window.cursor)
        return False

    def at(self, i: Any) -> FixedInt:
        if not 0 <= int(i) < self._left():
            raise Fault(f"unread byte {int(i)} of {self._left()}")
        x = self._window.cursor + int(i)
        return u8(self._window.input(x, x + 1)[0])

    def skip(self, n: Any) -> None:
        self._window.cursor += min(int(n), self._left())

    def hold(self, mark: Mark | None = None) -> None:
        self._keep(self._window.start if mark is None else int(mark))

    def rewind(self, mark: Mark) -> None:
        self._window.seek(int(mark))
        self._keep(self._window.cursor)

    def _keep(self, x: int) -> None:
        x = max(x, self._window.start)
        self._hold = x if self._hold is None else min(self._hold, x)

    def set(self, byte: Any) -> None:
        at = self._window.cursor
        if at == 0:
            raise Fault("set() before anything was read")
        self._window.mask(at - 1, at, int(byte))

    def mask(self, a: Any, b: Any, byte: Any = None) -> None:
        if byte is None:
            a, b, byte = a.start, a.end, b
        self._window.mask(int(a), int(b), int(byte))

    def insert(self, mark: Mark, data: bytes) -> Mark:
        self._edit(int(mark), int(mark), data)
        return mark

    def remove(self, a: Any, b: Any = None) -> Mark:
        if b is None:
            a, b = a.start, a.end
        self._edit(int(a), int(b), b"")
        return Mark(int(b))

    def replace(self, match: MatchView, data: bytes) -> Mark:
        self._edit(int(match.start), int(match.end), data)
        return match.end

    def _edit(self, a: int, b: int, data: bytes) -> None:
        w = self._window
        if self.is_last and not w.pieces and w.low <= a <= b <= w.end:
            return  # the stream ends without a packet: what is put in has nothing to go with
        w.edit(a, b, data)
