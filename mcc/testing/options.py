"""TCP options: (kind, value) pairs to bytes and back (RFC 9293, 3.1)."""

from __future__ import annotations

import struct

Options = tuple[tuple[int, bytes], ...]

END, NOP, MSS, SCALE, SACK_PERMITTED, SACK, TIMESTAMPS, MD5, AO, MPTCP, FAST_OPEN = 0, 1, 2, 3, 4, 5, 8, 19, 29, 30, 34


def pack(options: Options) -> bytes:
    """Options in their order, padded by NOPs to a multiple of four. At most 40 bytes."""
    out = b"".join(bytes([kind]) if kind in (END, NOP) else bytes([kind, len(value) + 2]) + value
                   for kind, value in options)
    return out + bytes([NOP]) * (-len(out) % 4)


def unpack(raw: bytes) -> Options:
    """Options up to the end of the list or the first malformed one; NOPs are left out."""
    found: list[tuple[int, bytes]] = []
    at = 0
    while at < len(raw) and raw[at] != END:
        if raw[at] == NOP:
            at += 1
            continue
        if at + 1 >= len(raw) or raw[at + 1] < 2 or at + raw[at + 1] > len(raw):
            break
        found.append((raw[at], raw[at + 2:at + raw[at + 1]]))
        at += raw[at + 1]
    return tuple(found)


def value(options: Options, kind: int) -> bytes | None:
    """The first option of a kind."""
    return next((v for k, v in options if k == kind), None)


def mss(size: int) -> tuple[int, bytes]:
    return MSS, struct.pack("!H", size)


def timestamps(val: int, ecr: int) -> tuple[int, bytes]:
    """RFC 7323, 3.2."""
    return TIMESTAMPS, struct.pack("!II", val, ecr)


def sack(blocks: list[tuple[int, int]]) -> tuple[int, bytes]:
    """RFC 2018, 3: left edge, right edge (behind the last byte), 32 bits each."""
    return SACK, b"".join(struct.pack("!II", left, right) for left, right in blocks)


def sack_blocks(options: Options) -> list[tuple[int, int]]:
    """Blocks in their order; [] without the option or with one of a wrong length."""
    raw = value(options, SACK)
    if raw is None or len(raw) % 8:
        return []
    return [struct.unpack_from("!II", raw, i) for i in range(0, len(raw), 8)]


def stamps(options: Options) -> tuple[int, int] | None:
    """(TSval, TSecr)."""
    raw = value(options, TIMESTAMPS)
    return struct.unpack("!II", raw) if raw is not None and len(raw) == 8 else None
