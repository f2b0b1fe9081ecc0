"""An element whose class is TCP, in a UDP context."""

from collections.abc import Iterator

from mcc import PASS, Action, Element, Net, Path, Port, Session, Stream, chain, element, udp
from mcc.lang.classes import HTTP


@element(cls=HTTP, session=Session(Net.src, Net.dst))
class Reads(Element):
    def process_data(self, stream: Stream) -> Action:
        return PASS


@chain
def wrong() -> Iterator[Path]:
    yield Port("lan") >> udp(Reads()) >> Port("wan")
