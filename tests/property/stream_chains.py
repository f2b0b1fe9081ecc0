"""Stream elements that together use every call of docs/streams.md, and chains of them in contexts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from mcc import (
    CLOSE,
    DROP,
    PASS,
    RESET,
    TCP4,
    UDP4,
    Action,
    Counter,
    Element,
    Flow,
    Mark,
    Net,
    Port,
    Session,
    Stream,
    Table,
    alert,
    chain,
    duplex,
    element,
    inline,
    ip,
    struct,
    tcp,
    u8,
    u16,
    u32,
    u64,
    udp,
)

BOTH = TCP4 | UDP4


@struct
class Sums:
    bytes: u64 = 0
    chunks: u32 = 0
    crc: u32 = 0
    crc32c: u32 = 0
    sum16: u32 = 0
    last: u8 = 0
    ends: u8 = 0
    released: u8 = 0


@inline
def plus_one(b: u8) -> u8:
    return u8((u16(b) + 1) & 0xFF)


@element(session=BOTH, scratch=Sums)
class Reads(Element):
    """A reader: chunks, digests, positions, alerts, the last calls."""

    def setup(self) -> None:
        self.words = Counter()
        self.wrong = Counter()

    def process_data(self, s: Sums, stream: Stream, flow: Flow) -> Action:
        for c in stream.chunks():
            s.chunks += 1
            s.crc = c.crc32(s.crc)
            s.crc32c = c.crc32c(s.crc32c)
            s.sum16 = c.sum16(s.sum16)
            s.bytes += len(c)
            for b in c:
                s.last = b
            if len(c) > 2 and c[0] == c[2]:
                s.last = plus_one(s.last)
        if stream.position != s.bytes or flow.to_server != stream.to_server:
            self.wrong += 1
        if stream.is_last:
            s.ends += 1
            alert(1, "end")
        return PASS

    def release_stream(self, s: Sums) -> None:
        s.released += 1


@element(session=BOTH)
class Counts(Element):
    """A reader that looks for words across packets."""

    def setup(self) -> None:
        self.found = Counter()
        self.second = Counter()

    def process_data(self, stream: Stream) -> Action:
        for m in stream.matches([b"ab", b"abcd", b"bb", b"dda"]):
            self.found += 1
            if m.index == 1:
                self.second += 1
                alert(u32(m.index), "abcd")
            if self.found.value == 40:
                break
        return PASS


@element(session=BOTH)
class Masks(Element):
    """set and mask, nothing held: in order, no resizing."""

    def process_data(self, stream: Stream) -> Action:
        first = stream.mark()
        for b in stream:
            if b == 97:
                stream.set(65)
            if b == 100:
                break
        if stream.available > 1:
            stream.mask(first, stream.mark(), 42)
        return PASS


@element(session=BOTH)
class Replaces(Element):
    """Words cut into packets, replaced, removed, masked."""

    def setup(self) -> None:
        self.found = Counter()

    def process_data(self, stream: Stream) -> Action:
        for m in stream.matches([b"abc", b"aa", b"dcd", b"bbbb"]):
            self.found += 1
            if m.index == 0:
                stream.replace(m, b"<abc was here>")
            elif m.index == 1:
                stream.remove(m)
            elif m.index == 2:
                stream.mask(m, 88)
            else:
                at = stream.insert(m.start, b"[")
                stream.insert(m.end, b"]")
                if at != m.start:
                    return RESET
        return PASS


@element(session=BOTH, max_hold=12)
class Lines(Element):
    """Lines end with d: held until they are whole, then doubled or taken out; over 12 bytes they go."""

    def process_data(self, stream: Stream) -> Action:
        begin = stream.start
        n: u32 = 0
        for b in stream:
            n += 1
            if b == 100:
                if n > 4:
                    stream.remove(begin, stream.mark())
                else:
                    stream.insert(stream.mark(), b"d")
                begin = stream.mark()
                n = 0
        if n > 0 and not stream.is_last:
            stream.rewind(begin)
        return PASS


@struct
class Frame:
    left: u16 = 0
    safe: Mark = Mark()
    seen: u32 = 0


@element(session=BOTH, scratch=Frame, max_hold=64)
class Frames(Element):
    """A length byte, then so many bytes: need, at, skip, hold."""

    def setup(self) -> None:
        self.frames = Counter()
        self.odd = Counter()

    def process_data(self, s: Frame, stream: Stream) -> Action:
        while_there: u32 = 0
        for c in range(40):
            if s.left > 0:
                n = min(u32(s.left), stream.available)
                stream.skip(n)
                s.left = u16(u32(s.left) - n)
                if s.left > 0:
                    return PASS
            if not stream.need(2):
                return PASS
            first = stream.at(0)
            second = stream.at(1)
            s.left = u16(first & 7) + 1
            s.safe = stream.mark()
            s.seen += 1
            self.frames += 1
            if second == 98:
                stream.hold(s.safe)
                self.odd += 1
            while_there += 1 + c
        return PASS


@element(session=BOTH, scratch=Frame)
class Faults(Element):
    """A table that bytes index, unproved; and unread bytes that may not be there."""

    def setup(self) -> None:
        self.table = Table(u8, [i * 7 & 255 for i in range(100)])
        self.sum = Counter()

    def process_data(self, s: Frame, stream: Stream) -> Action:
        if stream.available > 0:
            self.sum += u64(stream.at(u32(stream.at(0) & 3)))
        for b in stream:
            s.seen += 1
            self.sum += u64(self.table[b])
        return PASS


@element(session=BOTH, scratch=Frame)
class Ends(Element):
    """Verdicts by what comes."""

    how: str

    def process_data(self, s: Frame, stream: Stream) -> Action:
        for _ in stream.matches(b"cab"):
            s.seen += 1
            if self.how == "close":
                return CLOSE
            if self.how == "reset":
                return RESET
            if self.how == "drop":
                return DROP
        return PASS

    def release_stream(self, s: Frame) -> None:
        s.seen += 100


@element(session=BOTH, max_hold=8, on_overflow="close")
class Holds(Element):
    """Holds from the first c on; eight bytes are too many."""

    def process_data(self, stream: Stream) -> Action:
        for b in stream:
            if b == 99:
                stream.hold()
        return PASS


@element(session=BOTH)
class HeldAndTaken(Element):
    """Holds everything; a datagram with an a is taken out all the same."""

    def process_data(self, stream: Stream) -> Action:
        stream.hold()
        for b in stream:
            if b == 97:
                return DROP
        return PASS


@element(session=Session(Net.src, Net.dst, bidirectional=True))
class Payload(Element):
    """Behind all IP headers."""

    def setup(self) -> None:
        self.bytes = Counter()

    def process_data(self, stream: Stream) -> Action:
        for _ in stream:
            self.bytes += 1
        if stream.is_last:
            self.bytes += 1000
        return PASS


def _between(*inside: Callable[[], Any], context: Any, **options: Any) -> Any:
    def made() -> Iterator[Any]:
        yield duplex(Port("lan"), context([x() for x in inside], **options), Port("wan"))

    return chain(made)


MAKERS: dict[str, tuple[Callable[[], Any], ...]] = {
    "reads": (Reads,),
    "counts": (Counts,),
    "masks": (Masks,),
    "replaces": (Replaces,),
    "lines": (Lines,),
    "frames": (Frames,),
    "faults": (Faults,),
    "closes": (lambda: Ends("close"),),
    "resets": (lambda: Ends("reset"),),
    "drops": (lambda: Ends("drop"),),
    "holds": (Holds,),
    "taken": (HeldAndTaken,),
    "row": (Replaces, Reads),
    "two": (Replaces, Lines, Counts),
    "three": (Frames, Masks, Lines, lambda: Ends("close"), Reads),
}
"""Elements in a row between the ends of one context."""


def made(name: str, context: str, **options: Any) -> Any:
    """A chain of MAKERS in a "tcp" or "udp" context; "payload": in an "ip" one."""
    if context == "ip":
        return _between(Payload, context=ip, **options)
    return _between(*MAKERS[name], context={"tcp": tcp, "udp": udp}[context], **options)
