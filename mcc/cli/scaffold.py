"""`mcc new NAME`: a small chain to begin with, and its test."""

from __future__ import annotations

import keyword
from pathlib import Path

from mcc.diag import PortError
from mcc.run.outputs import cannot_write
from mcc.run.usage import UsageError

CHAIN = '''"""{name}: counts the packets and bytes of every connection, and of all of them.

    mcc check {name}.py              is it right?
    mcc run {name}.py in.pcap        what does it do to a capture?
"""

from collections.abc import Iterator
from typing import Any

from mcc import PASS, TCP4, UDP4, Action, Counter, Element, Packet, Port, chain, duplex, element, struct, u64


@struct
class Count:
    """Kept for each connection and direction; starts from these values."""

    packets: u64 = 0
    bytes: u64 = 0


@element(session=TCP4 | UDP4, scratch=Count)
class {element}(Element):
    """The class line says which packets (TCP and UDP) and how they group (by 4-tuple); others go by."""

    def setup(self) -> None:
        # ordinary Python, run once when the chain is built
        self.all = Counter()

    def process_packet(self, s: Count, pkt: Packet) -> Action:
        # compiled to C: integers have a width and wrap, every index is checked
        s.packets += 1
        s.bytes += pkt.length
        self.all += 1
        return PASS


@chain
def {name}() -> Iterator[Any]:
    """Packets from lan leave by wan, and the answers come back through the same element."""
    yield duplex(Port("lan"), {element}(), Port("wan"))
'''

TEST = '''"""Tests of {name}: packets in, packets out. Run them with pytest."""

import struct
from pathlib import Path

import mcc

CHAIN = Path(__file__).with_name("{name}.py")


def udp(src: bytes, dst: bytes, sport: int, dport: int, payload: bytes) -> bytes:
    """An Ethernet frame with a UDP datagram (no UDP checksum)."""
    head = struct.pack(">HHHH", sport, dport, 8 + len(payload), 0)
    ip = bytearray(struct.pack(">BBHHHBBH", 0x45, 0, 28 + len(payload), 1, 0, 64, 17, 0) + src + dst)
    total = sum(struct.unpack(">10H", ip))
    total = (total & 0xFFFF) + (total >> 16)
    ip[10:12] = struct.pack(">H", ~total & 0xFFFF)
    return bytes(12) + b"\\x08\\x00" + bytes(ip) + head + payload


def test_what_comes_in_goes_out() -> None:
    a, b = bytes([10, 0, 0, 1]), bytes([10, 0, 0, 2])
    question, answer = udp(a, b, 1000, 53, b"who?"), udp(b, a, 53, 1000, b"me")
    with mcc.build(str(CHAIN)).open() as box:
        assert [(s.port, bytes(s.frame)) for s in box.send("lan", question, at=1.0)] == [("wan", question)]
        assert [(s.port, bytes(s.frame)) for s in box.send("wan", answer, at=2.0)] == [("lan", answer)]
        stats = box.stats()
    assert stats["sessions"]["created"] == 1
    assert next(iter(stats["elements"].values()))["counters"] == {{"all": 2}}
'''


def new(name: str, folder: Path) -> list[Path]:
    """Write NAME.py and test_NAME.py; never over something. Raises UsageError, PortError."""
    if not name.isidentifier() or keyword.iskeyword(name):
        raise UsageError(f"{name!r} cannot name a chain", "letters, digits and _, such as mcc new my_box")
    element = "".join(word.capitalize() for word in name.split("_")) + "Count"
    wanted = {folder / f"{name}.py": CHAIN, folder / f"test_{name}.py": TEST}
    there = [p.name for p in wanted if p.exists()]
    if there:
        raise UsageError(f"{' and '.join(there)} exist{'s' if len(there) == 1 else ''} already", "choose another name")
    try:
        for path, text in wanted.items():
            path.write_text(text.format(name=name, element=element))
    except OSError as e:
        raise PortError(cannot_write(str(folder), e.errno or 0)) from None
    return list(wanted)
