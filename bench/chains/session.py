"""A TCP session is looked up, made, followed to its end and removed; the element does next to nothing with it."""

from collections.abc import Iterator

from mcc import PASS, TCP4, Action, Duplex, Element, Packet, Port, chain, duplex, element, struct, u32


@struct
class Seen:
    last: u32 = 0


@element(session=TCP4, scratch=Seen)
class Touch(Element):
    """Keeps the length of the last packet: one store into the session's own line."""

    def process_packet(self, s: Seen, pkt: Packet) -> Action:
        s.last = pkt.length
        return PASS


@chain
def session() -> Iterator[Duplex]:
    yield duplex(Port("lan"), Touch(), Port("wan"))
