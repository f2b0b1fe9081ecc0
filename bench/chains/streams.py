"""Streams: what a TCP context costs by itself, and with each kind of element in it."""

import random
from collections.abc import Iterator

from mcc import PASS, TCP4, Action, Chain, Duplex, Element, Port, Stream, chain, duplex, element, struct, tcp, u32
from mcc.std import IPS, StreamChecksum, StreamCRC, StreamStats, WordMatcher

WORD = b"ATTACK"
"""What hits are (traffic.h); it and its beginnings are nowhere else in the payload."""
SAFER = b"CALM."
"""One byte less: segments do not grow, and positions move."""


@struct
class Ended:
    directions: u32 = 0


@element(session=TCP4, scratch=Ended)
class Ends(Element):
    """Reads nothing: asks whether this is the last call."""

    def process_data(self, s: Ended, stream: Stream) -> Action:
        if stream.is_last:
            s.directions += 1
        return PASS


def _around(made: Element) -> Chain:
    @chain
    def streams() -> Iterator[Duplex]:
        yield duplex(Port("lan"), tcp(made), Port("wan"))

    return streams


def random_words(count: int) -> list[bytes]:
    """As in matching.py: lower-case letters, like the payload, which is full of their beginnings."""
    rng = random.Random(count)
    return [bytes(rng.choices(range(97, 123), k=rng.randint(8, 20))) for _ in range(count)]


ends = _around(Ends())
stats = _around(StreamStats())
checksum = _around(StreamChecksum())
crc32 = _around(StreamCRC("crc32"))
crc32c = _around(StreamCRC("crc32c"))
replaced = _around(WordMatcher(WORD, mode="replace", text=SAFER))
removed = _around(WordMatcher(WORD, mode="remove"))
ips1, ips10, ips100 = (_around(IPS(random_words(n))) for n in (1, 10, 100))
