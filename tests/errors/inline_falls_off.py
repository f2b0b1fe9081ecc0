"""A helper returns on every path."""

from mcc.lang.element import Element, element, inline
from mcc.lang.packet import PASS, Action, Packet
from mcc.lang.types import u32


@inline
def small(n: u32) -> u32:
    if n < 10:
        return n


@element
class Box(Element):
    def process_packet(self, pkt: Packet) -> Action:
        n = small(pkt.length)
        return PASS


instance = Box()
