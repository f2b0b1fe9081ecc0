"""Sequence numbers (RFC 9293, 3.4): 32 bits on the wire, 64-bit *positions* in the models.

A position counts from the initial sequence number of its direction: the SYN is 0, the first byte 1, the FIN behind the
last byte. Models never see a wrap; only `wire` and `position` know of it.
"""

from __future__ import annotations

SPACE = 1 << 32


def wire(position: int, isn: int) -> int:
    """The sequence number of a position."""
    return (isn + position) % SPACE


def position(number: int, isn: int, near: int) -> int:
    """The position of a sequence number that lies nearest to `near`; may be negative."""
    away = (number - isn - near) % SPACE
    return near + (away if away < SPACE // 2 else away - SPACE)


def before(a: int, b: int) -> bool:
    """Whether 32-bit number a lies before b (timestamps, RFC 7323 5.2, use the same order)."""
    return 0 < (b - a) % SPACE < SPACE // 2
