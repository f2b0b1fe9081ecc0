"""A local must have a value."""

from mcc.lang.element import Element, element
from mcc.lang.packet import PASS, Action, Packet


@element
class Box(Element):
    def process_packet(self, pkt: Packet) -> Action:
        m = n + 1
        n = pkt.length
        return PASS


instance = Box()
