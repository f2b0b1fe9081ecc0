"""Writing a capture from records in memory: pcap, or pcapng where link types mix. Little-endian."""

from __future__ import annotations

import os
import struct
from collections.abc import Sequence

from mcc.diag import PortError
from mcc.run.capture import Record
from mcc.run.outputs import cannot_write, open_output

SNAPLEN = 262144
_NS = 1_000_000_000


def pcap_bytes(records: Sequence[Record]) -> bytes:
    """A whole file. Times are microseconds where that loses nothing, else nanoseconds."""
    links = list(dict.fromkeys(r.linktype for r in records))
    if len(links) > 1:
        blocks = (_block(r, links.index(r.linktype)) for r in records)
        return b"".join([_SECTION, *(_interface(n) for n in links), *blocks])
    fine = any(r.at % 1000 for r in records)
    out = [struct.pack("<IHHiIII", 0xA1B23C4D if fine else 0xA1B2C3D4, 2, 4, 0, 0, SNAPLEN, links[0] if links else 1)]
    for r in records:
        fraction = r.at % _NS // (1 if fine else 1000)
        out += [struct.pack("<IIII", r.at // _NS & 0xFFFFFFFF, fraction, len(r.data), r.length), r.data]
    return b"".join(out)


_SECTION = struct.pack("<IIIHHqI", 0x0A0D0D0A, 28, 0x1A2B3C4D, 1, 0, -1, 28)


def _interface(linktype: int) -> bytes:
    return struct.pack("<IIHHIHHIII", 1, 32, linktype, 0, SNAPLEN, 9, 1, 9, 0, 32)


def _block(r: Record, number: int) -> bytes:
    padded = r.data + bytes(-len(r.data) % 4)
    total = 32 + len(padded)
    head = struct.pack("<IIIIIII", 6, total, number, r.at >> 32, r.at & 0xFFFFFFFF, len(r.data), r.length)
    return head + padded + struct.pack("<I", total)


def write_capture(path: str, records: Sequence[Record]) -> None:
    """Write `path` (`-`: standard output). Raises PortError where it cannot be written whole."""
    fd = open_output(path, "packets")
    data = memoryview(pcap_bytes(records))
    try:
        while data:
            data = data[os.write(fd, data):]
    except OSError as e:
        raise PortError(cannot_write(path, e.errno or 0)) from None
    finally:
        os.close(fd)
