"""What a link does to a frame: nothing, lose it, double it, bend a byte, cut it into two segments."""

from __future__ import annotations

from dataclasses import replace

from mcc.testing.frames import FIN, SYN, build, checksums_right, parse
from mcc.testing.plans import Fate
from mcc.testing.seqnum import SPACE


def apply(fate: Fate, frame: bytes) -> tuple[list[bytes], str]:
    """The frames that arrive, and a word for the ladder."""
    if fate.kind == "lose":
        return [], "lost"
    if fate.kind == "twice":
        return [frame, frame], "twice"
    if fate.kind == "bend":
        return [bent(frame, fate.where)], "bent"
    if fate.kind == "cut":
        pieces = cut(frame, fate.where)
        return pieces, "cut" if len(pieces) > 1 else ""
    return [frame], "late" if fate.delay else ""


def bent(frame: bytes, where: int) -> bytes:
    """One byte behind the TCP header changed (of it, without payload), the checksum not. No damage twice."""
    segment = parse(frame)
    if segment is None or not checksums_right(frame):
        return frame
    payload = len(segment.payload)
    at = len(frame) - 1 - where % (payload or 4)
    return frame[:at] + bytes([frame[at] ^ 0xFF]) + frame[at + 1:]


def cut(frame: bytes, where: int) -> list[bytes]:
    """Two segments, cut behind `where` bytes of the payload, as segmentation offload or a proxy of the wire may."""
    s = parse(frame)
    if s is None or len(s.payload) < 2 or s.has(SYN) or not checksums_right(frame):
        return [frame]
    at = 1 + where % (len(s.payload) - 1)
    first = replace(s, payload=s.payload[:at], flags=s.flags & ~FIN)
    urgent = s.urgent - at if s.urgent > at else 0
    second = replace(s, seq=(s.seq + at) % SPACE, payload=s.payload[at:], urgent=urgent)
    if s.urgent and not urgent:
        second = replace(second, flags=second.flags & ~32)
    return [build(first), build(second)]
