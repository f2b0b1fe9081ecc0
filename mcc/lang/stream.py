"""What handlers of streams name in their annotations and call: Stream, Mark, Match, Chunk (docs/streams.md).

To type checkers they say what there is; the compiler binds arguments to them by annotation. Only compiled code and the
reference give Stream, Match and Chunk behaviour. A Mark is a value in both: the position that it stands for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import overload

from mcc.lang.types import u8, u16, u32, u64


@dataclass(frozen=True, order=True)
class Mark:
    """A position in an element's input. Marks compare with marks; `Mark()` is where the stream begins.

    May be kept in a @struct: `safe: Mark = Mark()`. Edits do not move it.
    """

    _at: int = 0

    def __repr__(self) -> str:
        return f"Mark({self._at or ''})"

    def __int__(self) -> int:
        """Bytes from the beginning of the stream. Not for handlers: there, `stream.position` is a number."""
        return self._at


class Match:
    """An occurrence of a word: start <= its bytes < end; `index` of the word in what matches() was given."""

    start: Mark
    end: Mark
    index: u16


class Chunk:
    """The unread bytes of one packet. Not there any more once an edit has moved bytes."""

    def __len__(self) -> int:
        raise RuntimeError("chunks are for handlers")

    def __iter__(self) -> Iterator[u8]:
        raise RuntimeError("chunks are for handlers")

    def __getitem__(self, i: int) -> u8:
        raise RuntimeError("chunks are for handlers")

    def crc32(self, seed: u32 = 0) -> u32:
        """CRC-32 as zlib.crc32 gives it, going on from `seed`."""
        raise RuntimeError("crc32() is for handlers")

    def crc32c(self, seed: u32 = 0) -> u32:
        """CRC-32C (polynomial 0x1EDC6F41, RFC 3720 section 12.1), going on from `seed`."""
        raise RuntimeError("crc32c() is for handlers")

    def sum16(self, seed: u32 = 0) -> u32:
        """The sum of big-endian 16-bit words as RFC 1071 adds them, in bits 0..15, not inverted; bit 16: the number of
        bytes so far is odd. Goes on from `seed`."""
        raise RuntimeError("sum16() is for handlers")


class Stream:
    """A window on one direction of one session. `start`: the oldest byte not released; `position`: the cursor as a
    number; `available`: unread bytes; `is_last`: nothing comes after this call; to_server: the direction of the
    connection's first packet."""

    start: Mark
    position: u64
    available: u32
    is_last: bool
    to_server: bool
    to_client: bool

    def __iter__(self) -> Iterator[u8]:
        """The unread bytes; each moves the cursor."""
        raise RuntimeError("streams are for handlers")

    def chunks(self) -> Iterator[Chunk]:
        """The unread bytes of one packet after the other; each moves the cursor to its end."""
        raise RuntimeError("chunks() is for handlers")

    def matches(self, words: bytes | Sequence[bytes]) -> Iterator[Match]:
        """Leftmost-longest, non-overlapping occurrences of words known at build time, across packets."""
        raise RuntimeError("matches() is for handlers")

    def mark(self) -> Mark:
        """The cursor."""
        raise RuntimeError("mark() is for handlers")

    def need(self, n: u32) -> bool:
        """Whether n unread bytes are there. If not, they are held, and the handler comes again with more."""
        raise RuntimeError("need() is for handlers")

    def at(self, i: u32) -> u8:
        """The unread byte i behind the cursor."""
        raise RuntimeError("at() is for handlers")

    def skip(self, n: u64) -> None:
        """Move the cursor by n bytes, at most to the end."""
        raise RuntimeError("skip() is for handlers")

    def hold(self, mark: Mark | None = None) -> None:
        """Keep everything from `mark` on (without one: from `start`)."""
        raise RuntimeError("hold() is for handlers")

    def rewind(self, mark: Mark) -> None:
        """Move the cursor back to `mark`, and hold from there."""
        raise RuntimeError("rewind() is for handlers")

    def set(self, byte: u8) -> None:
        """Overwrite the byte before the cursor."""
        raise RuntimeError("set() is for handlers")

    @overload
    def mask(self, match: Match, byte: u8, /) -> None: ...
    @overload
    def mask(self, a: Mark, b: Mark, byte: u8, /) -> None: ...

    def mask(self, a: Match | Mark, b: u8 | Mark, byte: u8 = 0, /) -> None:
        """Overwrite every byte of a match, or from mark a to mark b."""
        raise RuntimeError("mask() is for handlers")

    def insert(self, mark: Mark, data: bytes) -> Mark:
        """Put constant bytes in front of the byte at `mark`; gives the mark behind them."""
        raise RuntimeError("insert() is for handlers")

    @overload
    def remove(self, match: Match, /) -> Mark: ...
    @overload
    def remove(self, a: Mark, b: Mark, /) -> Mark: ...

    def remove(self, a: Match | Mark, b: Mark | None = None, /) -> Mark:
        """Take a match, or what is from mark a to mark b, out; gives the mark behind."""
        raise RuntimeError("remove() is for handlers")

    def replace(self, match: Match, data: bytes) -> Mark:
        """Put constant bytes in a match's place; gives the mark behind."""
        raise RuntimeError("replace() is for handlers")
