"""A connection through a chain that edits, segment by segment: both hosts are the test's."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from functools import cache
from typing import Any

from mcc import PASS, TCP4, Action, Element, Port, Stream, chain, duplex, element, tcp
from mcc.api import Module
from mcc.driver import compile_chain
from mcc.std import WordMatcher
from mcc.testing.frames import ACK, PSH, SYN, Segment, build, checksums_right, parse

CLIENT, SERVER = bytes([10, 0, 0, 5]), bytes([10, 0, 1, 1])
ISN, BACK = 2**32 - 20, 5000
"""The client's numbers wrap inside the first words."""


@element(session=TCP4)
class Insert(Element):
    """b"<new>" in front of every b"#"."""

    def process_data(self, stream: Stream) -> Action:
        for m in stream.matches(b"#"):
            stream.insert(m.start, b"<new>")
        return PASS


CUT = b"\0cut"


@element(session=TCP4)
class Cut(Element):
    """Four bytes at a time: those that begin with x are removed, others get b"!" in front."""

    def process_data(self, stream: Stream) -> Action:
        if not stream.need(4):
            return PASS
        begin = stream.mark()
        if stream.at(0) == 0x78:
            stream.skip(4)
            stream.remove(begin, stream.mark())
        else:
            stream.insert(begin, b"!")
            stream.skip(4)
        return PASS


@cache
def module(text: bytes | None) -> Module:
    """Every b"word" gives way to `text`; None: Insert; CUT: Cut."""
    def make() -> Iterator[Any]:
        one = Insert() if text is None else Cut() if text == CUT else WordMatcher([b"word"], mode="replace", text=text)
        yield duplex(Port("lan"), tcp(one), Port("wan"))
    return Module(compile_chain(chain(make)), level="-O0")


class Talk:
    """A connection; positions count from 0 at ISN + 1 in the space of the host that a segment comes from or goes to."""

    def __init__(self, text: bytes | None, *, scale: int = 0, window: int = 1000, opened: bool = True) -> None:
        self.box = module(text).open(start=0.0, seed=1, checksums="verify")
        self.at = 1.0
        options = ((2, struct.pack("!H", 1460)), (4, b""), (3, bytes([scale])))
        if opened:
            self.client(0, b"", SYN, options=options, first=True)
            self.server(0, None, SYN, options=options, window=window)
            self.client(0, b"")

    def send(self, port: str, s: Segment) -> list[Segment]:
        self.at += 0.001
        return self._read(self.box.send(port, build(s), at=self.at))

    def wait(self, seconds: float) -> list[Segment]:
        self.at += seconds
        return self._read(self.box.advance(to=self.at))

    def _read(self, out: Any) -> list[Segment]:
        assert all(checksums_right(x.frame) for x in out)
        return [s for s in (parse(x.frame) for x in out) if s is not None]

    def client(self, seq: int, data: bytes, flags: int = 0, *, ack: int = 0, first: bool = False, urgent: int = 0,
               options: Any = ()) -> list[Segment]:
        s = Segment(CLIENT, SERVER, 4000, 80, (ISN + 1 - bool(flags & SYN) + seq) % 2**32,
                    0 if first else (BACK + 1 + ack) % 2**32, flags or ACK | PSH, 65535, options, data, urgent)
        return self.send("lan", s)

    def server(self, seq: int, ack: int | None, flags: int = 0, data: bytes = b"", *, window: int = 1000,
               options: Any = ()) -> list[Segment]:
        """ack: position in what the server got."""
        s = Segment(SERVER, CLIENT, 80, 4000, (BACK + 1 - bool(flags & SYN) + seq) % 2**32, (ISN + 1 + (ack or 0)) % 2**32,
                    flags | ACK, window, options, data)
        return self.send("wan", s)

    def counted(self, name: str) -> int:
        """A counter of the TCP context."""
        return int(self.box.stats()["contexts"]["tcp"][name])


def seq_of(s: Segment) -> int:
    """Of the client's, from 0; -1: its SYN's number."""
    return (s.seq - ISN + 2**31 - 1) % 2**32 - 2**31


def ack_of(s: Segment) -> int:
    return (s.ack - ISN - 1) % 2**32


def blocks(s: Segment) -> list[tuple[int, int]]:
    raw = next((v for k, v in s.options if k == 5), b"")
    return [tuple((n - ISN - 1) % 2**32 for n in struct.unpack("!II", raw[i:i + 8])) for i in range(0, len(raw), 8)]


def sack(*pairs: tuple[int, int]) -> Any:
    return ((1, b""), (1, b""), (5, b"".join(struct.pack("!II", *((ISN + 1 + n) % 2**32 for n in p)) for p in pairs)))

