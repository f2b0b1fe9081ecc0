"""IP packets that came compressed (IPComp, RFC 3173, with DEFLATE, RFC 2394): what they were.

runtime_c/mcc_inner_ipcomp.c says the same in C.
"""

from __future__ import annotations

import zlib

from mcc.protocols.sums import ones_sum, renew

IPCOMP = 108
"""The IP protocol."""

HEADER = 4
"""Bytes: next header, flags, index of the transform."""

MOST = 9216
"""Bytes of an IP packet, uncompressed; one that would be longer stays as it is."""


def is_read(index: int) -> bool:
    """Whether an index is DEFLATE's, 2, or was negotiated, 256 and above, so that it may be DEFLATE (RFC 3173, 3.3)."""
    return index == 2 or index >= 256


def uncompressed(packet: bytes, at: int, said: int) -> bytes | None:
    """The IP packet whose IPComp header is at `at`, and named by the byte at `said`, as it would be without.

    The byte names what was compressed; length and header checksum are corrected by the difference. None: the bytes
    behind the header are not one whole DEFLATE stream, or would make a packet of more than MOST bytes.
    """
    content = _inflated(packet[at + HEADER:], MOST - at)
    if content is None:
        return None
    out = bytearray(packet[:at])
    out[said] = packet[at]
    place = 2 if packet[0] >> 4 == 4 else 4
    length = int.from_bytes(packet[place:place + 2], "big") + at + len(content) - len(packet)
    out[place:place + 2] = (length & 0xFFFF).to_bytes(2, "big")
    if place == 2:
        header = 4 * (packet[0] & 15)
        renew(out, 10, ones_sum(out[:header]) - ones_sum(packet[:header]))
    return bytes(out) + content


def _inflated(data: bytes, most: int) -> bytes | None:
    """One DEFLATE stream (RFC 1951) of 1 to `most` bytes, from the first byte of `data` to the last."""
    stream = zlib.decompressobj(-15)
    try:
        out = stream.decompress(data, max(most, 0) + 1)
    except zlib.error:
        return None
    return out if stream.eof and not stream.unused_data and 0 < len(out) <= most else None
