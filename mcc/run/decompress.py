"""gzip, xz and zstd, recognised by their first bytes; a damaged file gives what comes before the damage."""

from __future__ import annotations

import lzma
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import zstandard

CHUNK = 16384
"""Bytes fed at a time: what a decoder had in one chunk before it met damage in it is lost."""


class _Decoder(Protocol):
    def decompress(self, data: bytes, /) -> bytes: ...
    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...


@dataclass(frozen=True)
class Format:
    """A compression format. `new()` makes a decoder of one stream (member, frame) of it."""

    name: str
    magic: bytes
    new: Callable[[], _Decoder]


FORMATS = (
    Format("gzip", b"\x1f\x8b", lambda: zlib.decompressobj(wbits=31)),
    Format("xz", b"\xfd7zXZ\0", lambda: lzma.LZMADecompressor(format=lzma.FORMAT_XZ)),
    Format("zstd", b"\x28\xb5\x2f\xfd", lambda: zstandard.ZstdDecompressor().decompressobj()),
)
_ERRORS = (zlib.error, lzma.LZMAError, zstandard.ZstdError, EOFError)


def compression(data: bytes) -> Format | None:
    """The format that `data` begins like, or None."""
    return next((f for f in FORMATS if data.startswith(f.magic)), None)


def decompress(data: bytes, form: Format) -> tuple[bytes, str]:
    """Everything that can be decompressed, and what is wrong: "" where nothing is.

    Streams that follow one another are one file; zero bytes behind the last are padding.
    """
    out = bytearray()
    at, end = 0, len(data.rstrip(b"\0"))
    while at < len(data) and (at == 0 or at < end):
        decoder = form.new()
        start = at
        while not decoder.eof:
            if at >= len(data):
                return bytes(out), f"the {form.name} file ends too early"
            chunk = data[at:at + CHUNK]
            at += len(chunk)
            try:
                out += decoder.decompress(chunk)
            except _ERRORS:
                where = "damaged" if start == 0 or data.startswith(form.magic, start) else "followed by something else"
                return bytes(out), f"the {form.name} file is {where} near byte {at - len(chunk)}"
        at -= len(decoder.unused_data)
    return bytes(out), ""
