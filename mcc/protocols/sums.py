"""The Internet checksum (RFC 1071): the sum of words, and a checksum mended by difference (RFC 1624)."""

from __future__ import annotations


def ones_sum(data: bytes | bytearray) -> int:
    """The sum of the 16-bit words, not folded; an odd last byte counts as a word with a zero behind it."""
    padded = bytes(data) + bytes(len(data) % 2)
    return sum(int.from_bytes(padded[i:i + 2], "big") for i in range(0, len(padded), 2))


def renew(frame: bytearray, at: int, change: int) -> None:
    """The checksum at `at` after the sum of its words has changed by `change` (RFC 1624, equation 3)."""
    total = (~int.from_bytes(frame[at:at + 2], "big") & 0xFFFF) + change % 0xFFFF
    total = (total & 0xFFFF) + (total >> 16)
    frame[at:at + 2] = (~total & 0xFFFF).to_bytes(2, "big")
