"""An element of UDP sessions in a TCP context."""

from collections.abc import Iterator

from mcc import PASS, UDP4, Action, Duplex, Element, Port, Stream, chain, duplex, element, tcp


@element(session=UDP4)
class Reads(Element):
    def process_data(self, stream: Stream) -> Action:
        return PASS


@chain
def wrong() -> Iterator[Duplex]:
    yield duplex(Port("lan"), tcp(Reads()), Port("wan"))
