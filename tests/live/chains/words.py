"""A word taken out of, or replaced in, both directions of a TCP connection."""

from collections.abc import Iterator

from mcc import PASS, TCP4, Action, Counter, Element, Graph, Port, Stream, chain, duplex, element, tcp


@element(session=TCP4)
class Words(Element):
    """Every `word` becomes `text`."""

    word: bytes
    text: bytes = b""

    def setup(self) -> None:
        self.found = Counter()

    def process_data(self, stream: Stream) -> Action:
        for m in stream.matches(self.word):
            self.found += 1
            stream.replace(m, self.text)
        return PASS


@chain
def remove() -> Iterator[Graph]:
    """The bytes at the far end are fewer."""
    yield duplex(Port("lan"), tcp(Words(b"ATTACK")), Port("wan"))


@chain
def shorten() -> Iterator[Graph]:
    yield duplex(Port("lan"), tcp(Words(b"ATTACK", b"[-]")), Port("wan"))


@chain
def lengthen() -> Iterator[Graph]:
    """Segments grow beyond the MSS."""
    yield duplex(Port("lan"), tcp(Words(b"ATTACK", b"[taken out by the box]")), Port("wan"))


@chain
def equal() -> Iterator[Graph]:
    """What is left has the length that HTTP announced."""
    yield duplex(Port("lan"), tcp(Words(b"ATTACK", b"[----]")), Port("wan"))
