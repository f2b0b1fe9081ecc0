"""Typed HIR of streams (docs/streams.md): what process_data may ask and do; a part of mcc.ir.func."""

from __future__ import annotations

from dataclasses import dataclass

from mcc.ir.types import Base, Expr, Stmt


@dataclass(frozen=True)
class StreamAttr(Expr):
    """stream.start (Mark), .position (u64), .available (u32), .is_last, .to_server, .to_client (bool)."""

    name: str


@dataclass(frozen=True)
class StreamMark(Expr):
    """stream.mark(): the cursor."""


@dataclass(frozen=True)
class StreamNeed(Expr):
    """stream.need(n): bool; where it is False the unread bytes are held: an effect."""

    n: Expr


@dataclass(frozen=True)
class StreamAt(Expr):
    """stream.at(i): u8."""

    index: Expr
    checked: bool


@dataclass(frozen=True)
class ChunkLen(Expr):
    """len(CHUNK): u32."""

    chunk: str


@dataclass(frozen=True)
class ChunkAt(Expr):
    """CHUNK[i]: u8."""

    chunk: str
    index: Expr
    checked: bool


@dataclass(frozen=True)
class ChunkDigest(Expr):
    """CHUNK.crc32(seed), .crc32c(seed), .sum16(seed): u32. kind: "crc32" "crc32c" "sum16". The crcs take and give
    the value as zlib.crc32 does (0 begins; crc32c: polynomial 0x1EDC6F41, RFC 3720). sum16: the sum of big-endian
    16-bit words as RFC 1071 adds them, folded to 16 bits in bits 0..15, not inverted; bit 16 says that the number of
    bytes so far is odd."""

    kind: str
    chunk: str
    seed: Expr


@dataclass(frozen=True)
class HsCall(Expr):
    """self.DB.scan(BASE.FIELD, CHUNK), .finish(BASE.FIELD), .first(): u32. An effect. `base` None, "" where there is
    no such argument. One field of a struct is of one database only."""

    method: str
    db: str
    base: Base | None
    field: str
    chunk: str


@dataclass(frozen=True)
class MatchAttr(Expr):
    """MATCH.start, .end (Mark), .index (u16)."""

    match: str
    name: str


@dataclass(frozen=True)
class StreamEdit(Expr):
    """stream.insert(a, data), remove(a, b), replace(a .. b, data): the range a .. b (insert: b is a) gives way to
    `data`. Its value is the mark behind (b). May fault; an effect."""

    a: Expr
    b: Expr
    data: bytes


@dataclass(frozen=True)
class ForBytes(Stmt):
    """`for NAME in stream` (chunk ""), `for NAME in CHUNK`. NAME is a u8."""

    name: str
    chunk: str
    body: tuple[Stmt, ...]


@dataclass(frozen=True)
class ForChunks(Stmt):
    """`for NAME in stream.chunks()`."""

    name: str
    body: tuple[Stmt, ...]


@dataclass(frozen=True)
class ForMatches(Stmt):
    """`for NAME in stream.matches(words)`. `slot`: which of the handler's matchers, from 0; `holds`: bytes of a
    possible match are held (the body edits, masks, closes, resets or drops)."""

    name: str
    words: tuple[bytes, ...]
    slot: int
    holds: bool
    body: tuple[Stmt, ...]


@dataclass(frozen=True)
class StreamHold(Stmt):
    """stream.hold(mark)."""

    mark: Expr


@dataclass(frozen=True)
class StreamRewind(Stmt):
    """stream.rewind(mark)."""

    mark: Expr


@dataclass(frozen=True)
class StreamSkip(Stmt):
    """stream.skip(n)."""

    n: Expr


@dataclass(frozen=True)
class StreamSet(Stmt):
    """stream.set(value): the byte before the cursor. May fault."""

    value: Expr


@dataclass(frozen=True)
class StreamMask(Stmt):
    """stream.mask(match, value) or mask(a, b, value): every byte of a .. b. May fault."""

    a: Expr
    b: Expr
    value: Expr
