"""Captures from a path: opened, decompressed, and read record by record in Python.

The fast way through a capture is runtime_c/mcc_capture.c; `records` here is small and independent of it. It serves
the in-memory box and is what the tests compare the C with. Formats: draft-ietf-opsawg-pcap and -pcapng.
"""

from __future__ import annotations

import mmap
import os
import stat
import struct
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Union

from mcc.diag import CaptureError, PortError
from mcc.run.decompress import compression, decompress

Memory = Union[bytes, mmap.mmap]

MAX_FRAME = 262144
"""A longer record means that the file is damaged (as in libpcap)."""

_NS = 1_000_000_000
_LATEST = (1 << 63) - 1
_PCAP = {b"\xd4\xc3\xb2\xa1": ("<", 1000), b"\xa1\xb2\xc3\xd4": (">", 1000), b"\x4d\x3c\xb2\xa1": ("<", 1),
         b"\xa1\xb2\x3c\x4d": (">", 1), b"\x34\xcd\xb2\xa1": ("<", 1000), b"\xa1\xb2\xcd\x34": (">", 1000)}
_MODIFIED = (b"\x34\xcd\xb2\xa1", b"\xa1\xb2\xcd\x34")
_SECTION = b"\x0a\x0d\x0d\x0a"


@dataclass(frozen=True)
class Record:
    """One packet. `length`: bytes on the wire; `at`: ns since 1970; `linktype`: LINKTYPE_ number of the formats."""

    data: bytes
    length: int
    at: int
    linktype: int
    interface: int = 0


@dataclass(frozen=True)
class Capture:
    """An open capture: its bytes, decompressed. `damage` is what decompression could not read, "" where all is well."""

    path: str
    memory: Memory
    damage: str = ""

    def records(self) -> Iterator[Record]:
        """Every record; then CaptureError where the file is damaged, cut, or was not wholly decompressed."""
        done = 0
        try:
            for record in records(self.memory):
                done += 1
                yield record
        except CaptureError as e:
            raise CaptureError(damage_text(self.path, str(e), done)) from None
        if self.damage:
            raise CaptureError(damage_text(self.path, self.damage, done))


def damage_text(path: str, what: str, done: int) -> str:
    """The message about a damaged capture of which `done` packets could be read."""
    if done == 0:
        return f"{path}: {what}; no packet could be read"
    return f"{path}: {what}; {'1 packet' if done == 1 else f'{done} packets'} before that"


@contextmanager
def open_capture(path: str) -> Iterator[Capture]:
    """The capture at `path` (`-`: standard input), mapped into memory or decompressed.

    Raises PortError where it cannot be opened, CaptureError where it is not a capture at all.
    """
    memory = _load(path)
    try:
        yield _recognise(path, memory)
    finally:
        if isinstance(memory, mmap.mmap):
            try:
                memory.close()
            except BufferError:
                pass  # somebody still looks at it; the map goes with the last of them


def _load(path: str) -> Memory:
    if path == "-":
        return sys.stdin.buffer.read()
    try:
        with Path(path).open("rb") as f:
            size = os.fstat(f.fileno())
            if stat.S_ISREG(size.st_mode) and size.st_size:
                return mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ)
            return f.read()
    except IsADirectoryError:
        raise PortError(f"{path} is a folder, not a capture") from None
    except OSError as e:
        raise PortError(f"cannot open {path}: {e.strerror}") from None


def _recognise(path: str, memory: Memory) -> Capture:
    capture = Capture(path, memory)
    form = compression(memory[:8])
    if form is not None:
        data, damage = decompress(memory[:], form)
        if not data:
            raise CaptureError(f"{path}: {damage or 'an empty capture'}")
        capture = replace(capture, memory=data, damage=damage)
    head = capture.memory[:4]
    if not head:
        raise CaptureError(f"{path}: an empty file, not a capture")
    if head not in _PCAP and head != _SECTION:
        raise CaptureError(f"{path}: not a capture: neither pcap nor pcapng{_guess(bytes(capture.memory[:16]))}")
    return capture


def _guess(head: bytes) -> str:
    """What the file may be instead, in words."""
    if head.startswith(b"BZh"):
        return " (bzip2: unpack it first)"
    if head.startswith(b"PK\x03\x04"):
        return " (zip: unpack it first)"
    if head.startswith(b"snoop\0\0\0"):
        return " (snoop: convert it with `editcap -F pcap`)"
    text = all(32 <= b < 127 or b in b"\t\r\n" for b in head)
    return " (it looks like text)" if text else ""


# ---------------------------------------------------------------- records


def records(memory: Memory) -> Iterator[Record]:
    """The packets of a pcap or pcapng file. Raises CaptureError, with the byte, where it is damaged."""
    if memory[:4] == _SECTION:
        return _ng(memory)
    if memory[:4] in _PCAP:
        return _pcap(memory)
    raise CaptureError("not a capture: neither pcap nor pcapng")


def _damaged(at: int, what: str) -> CaptureError:
    return CaptureError(f"damaged at byte {at}: {what}")


def _pcap(memory: Memory) -> Iterator[Record]:
    magic = memory[:4]
    order, unit = _PCAP[magic]
    if len(memory) < 24:
        raise _damaged(0, "cut inside the file header")
    major, minor, _, _, _, linktype = struct.unpack_from(order + "HHiIII", memory, 4)
    if major not in (2, 543):
        raise _damaged(0, "a pcap file of an unknown version")
    header = 24 if magic in _MODIFIED else 16
    at = 24
    while at < len(memory):
        if at + header > len(memory):
            raise _damaged(at, "cut inside a record header")
        seconds, fraction, caplen, length = struct.unpack_from(order + "IIII", memory, at)
        if (major == 543 or minor <= 3) and caplen > length:
            caplen, length = length, caplen
        if caplen > MAX_FRAME:
            raise _damaged(at, f"a record longer than {MAX_FRAME} bytes")
        if at + header + caplen > len(memory):
            raise _damaged(at, "cut inside a record")
        data = memory[at + header:at + header + caplen]
        yield Record(data, max(length, caplen), seconds * _NS + fraction * unit, linktype & 0xFFFF)
        at += header + caplen


# ---------------------------------------------------------------- pcapng


@dataclass(frozen=True)
class _Interface:
    linktype: int
    snaplen: int
    resolution: int = 6
    offset: int = 0

    def time(self, ticks: int) -> int:
        n = self.resolution & 0x7F
        ns = (ticks * _NS) >> n if self.resolution & 0x80 else ticks * _NS // 10**n
        return min(max(0, self.offset * _NS + ns), _LATEST)


def _ng(memory: Memory) -> Iterator[Record]:
    at, order, last = 0, "<", 0
    interfaces: list[_Interface] = []
    while at < len(memory):
        order, kind, body = _block(memory, at, order)
        if kind == 0x0A0D0D0A:
            if len(body) < 16:
                raise _damaged(at, "a section header that is too short")
            if struct.unpack_from(order + "H", body, 4)[0] != 1:
                raise _damaged(at, "a pcapng section of an unknown version")
            interfaces = []
        elif kind == 1:
            interfaces.append(_interface(body, order, at))
        elif kind in (2, 3, 6):
            record = _packet(kind, body, order, interfaces, last, at)
            last = record.at
            yield record
        at += len(body) + 12


def _block(memory: Memory, at: int, order: str) -> tuple[str, int, bytes]:
    """Byte order, type and body of the block at `at`."""
    if at + 12 > len(memory):
        raise _damaged(at, "cut inside a block header")
    if memory[at:at + 4] == _SECTION:
        known = {b"\x4d\x3c\x2b\x1a": "<", b"\x1a\x2b\x3c\x4d": ">"}
        if memory[at + 8:at + 12] not in known:
            raise _damaged(at, "a section with an unknown byte order")
        order = known[memory[at + 8:at + 12]]
    kind, total = struct.unpack_from(order + "II", memory, at)
    if total < 12 or total % 4:
        raise _damaged(at, "a block with an impossible length")
    if at + total > len(memory):
        raise _damaged(at, "cut inside a block")
    if struct.unpack_from(order + "I", memory, at + total - 4)[0] != total:
        raise _damaged(at, "a block whose two lengths differ")
    return order, kind, memory[at + 8:at + total - 4]


def _interface(body: bytes, order: str, at: int) -> _Interface:
    if len(body) < 8:
        raise _damaged(at, "an interface description that is too short")
    linktype, _, snaplen = struct.unpack_from(order + "HHI", body)
    made = _Interface(linktype, snaplen)
    p = 8
    while p + 4 <= len(body):
        code, length = struct.unpack_from(order + "HH", body, p)
        p += 4
        if code == 0 or p + (length + 3) // 4 * 4 > len(body):
            break
        if code == 9 and length == 1:
            made = replace(made, resolution=body[p])
        if code == 14 and length == 8:
            made = replace(made, offset=struct.unpack_from(order + "q", body, p)[0])
        p += (length + 3) // 4 * 4
    return made


def _packet(kind: int, body: bytes, order: str, interfaces: list[_Interface], last: int, at: int) -> Record:
    """A Simple (3), Enhanced (6) or old (2) Packet Block."""
    head = 4 if kind == 3 else 20
    if len(body) < head:
        raise _damaged(at, "a packet block that is too short")
    if kind == 3:
        number, ticks, (length,) = 0, None, struct.unpack_from(order + "I", body)
        caplen = min(length, interfaces[0].snaplen or length) if interfaces else length
    else:
        number, high, low, caplen, length = struct.unpack_from(order + ("IIIII" if kind == 6 else "HxxIIII"), body)
        ticks = high << 32 | low
    if number >= len(interfaces):
        raise _damaged(at, "a packet of an interface that was not described")
    if caplen > MAX_FRAME:
        raise _damaged(at, f"a record longer than {MAX_FRAME} bytes")
    if caplen > len(body) - head:
        raise _damaged(at, "a packet longer than its block")
    where = interfaces[number]
    when = last if ticks is None else where.time(ticks)
    return Record(body[head:head + caplen], max(length, caplen), when, where.linktype, number)
