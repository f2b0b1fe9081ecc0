"""A stream that is only read: each direction's bytes are counted."""

from collections.abc import Iterator

from mcc import PASS, TCP4, Action, Counter, Element, Graph, Port, Stream, chain, duplex, element, struct, tcp, u64


@struct
class Read:
    """Of one direction."""

    bytes: u64 = 0


@element(session=TCP4, scratch=Read)
class Reader(Element):
    """Counts what the streams hold."""

    def setup(self) -> None:
        self.all = Counter()

    def process_data(self, stream: Stream, scratch: Read) -> Action:
        for c in stream.chunks():
            scratch.bytes += len(c)
            self.all += len(c)
        return PASS


@chain
def reading() -> Iterator[Graph]:
    yield duplex(Port("lan"), tcp(Reader()), Port("wan"))
