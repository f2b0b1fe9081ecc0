"""What a box is soaked with: connections that end soon, whatever becomes of them."""

from collections.abc import Iterator
from typing import Any

from mcc import PASS, TCP4, Action, Element, Flow, Packet, Port, chain, duplex, element, ip4, tcp
from mcc.std import NAT, StreamStats, WordMatcher


@element(session=TCP4)
class Brief(Element):
    """A connection without a packet for three seconds is over."""

    def new_session(self, flow: Flow) -> Action:
        flow.set_timeout(3)
        return PASS

    def process_packet(self, pkt: Packet) -> Action:
        return PASS


@chain
def words() -> Iterator[Any]:
    """Edited, then translated."""
    yield duplex(Port("lan"), Brief() >> tcp(WordMatcher([b"ATTACK"])) >> NAT(ip4("198.18.7.9")), Port("wan"))


@chain
def stats() -> Iterator[Any]:
    """Only read."""
    yield duplex(Port("lan"), Brief() >> tcp(StreamStats()), Port("wan"))
