"""What a stream adds up to: `StreamStats`, `StreamCRC`, `StreamChecksum`. They read, and hold nothing back: in TCP each
byte counts once, in order, however it was cut, retransmitted or reordered. Read the results with `--sessions`, a
direction each, or with `box.sessions()`."""

from collections.abc import Sequence

from mcc import PASS, TCP4, UDP4, Action, Counter, Element, HashMap, Stream, element, struct, u8, u32, u64
from mcc.std.given import U32_MAX, is_list, is_whole, refuse


@struct
class Useful:
    """Useful bytes, and the pieces in which they came."""

    bytes: u64 = 0
    chunks: u64 = 0


@element(session=TCP4 | UDP4, scratch=Useful)
class StreamStats(Element):
    """Counts the bytes of streams, and the pieces in which they came (paper, figure 13).

    Context: any. Without `tcp(..)` around it an element sees packets: that is `PacketStats`.
    Scratch: `bytes`; `chunks`, the packets that brought new bytes.
    """

    def process_data(self, s: Useful, stream: Stream) -> Action:
        for c in stream.chunks():
            s.bytes += len(c)
            s.chunks += 1
        return PASS


@struct
class Digest:
    """The CRC of the bytes so far."""

    bytes: u64 = 0
    crc: u32 = 0


@element(session=TCP4 | UDP4, scratch=Digest)
class StreamCRC(Element):
    """The CRC of each direction of a stream (paper, figure 10).

    kind: "crc32" (ISO-HDLC, as zlib.crc32) or "crc32c" (Castagnoli, RFC 3720 12.1).
    bad: CRCs of known contents; a direction that ends with one of them counts in `bad_streams`.
    Context: any. Scratch: `crc`, of all bytes so far; `bytes`. Counters: `streams` (directions that ended),
    `bad_streams`. Raises CompileError for another kind, and for a bad value that is no u32.
    """

    kind: str = "crc32"
    bad: Sequence[int] = ()

    def setup(self) -> None:
        if self.kind not in ("crc32", "crc32c"):
            refuse(self.span, f"StreamCRC does not know {self.kind!r}", 'kind="crc32" or kind="crc32c"')
        if not is_list(self.bad, int) or not all(is_whole(v, 0, U32_MAX) for v in self.bad):
            refuse(self.span, f"bad={self.bad!r} is not a list of CRCs",
                   f"numbers from 0 to {U32_MAX:#x}, such as bad=[0x352441C2]")
        self.known: HashMap[u32, u8] = HashMap(max(1, len(self.bad)))
        for value in self.bad:
            self.known.put(value, 1)
        self.streams = Counter()
        self.bad_streams = Counter()

    def process_data(self, s: Digest, stream: Stream) -> Action:
        for c in stream.chunks():
            s.crc = c.crc32(s.crc) if self.kind == "crc32" else c.crc32c(s.crc)
            s.bytes += len(c)
        return PASS

    def release_stream(self, s: Digest) -> None:
        self.streams += 1
        if self.known.get(s.crc) is not None:
            self.bad_streams += 1


@struct
class Checksum:
    """Bits 0 to 15: the sum of 16-bit words; bit 16: a byte is left over."""

    sum: u32 = 0


@element(session=TCP4 | UDP4, scratch=Checksum)
class StreamChecksum(Element):
    """The Internet checksum of each direction of a stream (RFC 1071), in four bytes a direction.

    The bytes are taken in pairs, the first the higher, from the stream's beginning on, whatever the packets; a last
    byte without a partner is followed by 0. The pairs are added in one's complement, the carry added again. Not
    inverted: the checksum as a header would carry it is `0xFFFF - (sum & 0xFFFF)`. An empty stream has the sum 0.
    Context: any. Scratch: `sum`; its bit 16 is set while the number of bytes is odd.
    """

    def process_data(self, s: Checksum, stream: Stream) -> Action:
        for c in stream.chunks():
            s.sum = c.sum16(s.sum)
        return PASS
