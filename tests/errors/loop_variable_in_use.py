"""A loop's variable is its own."""

from mcc.lang.element import Element, element
from mcc.lang.packet import PASS, Action, Packet


@element
class Box(Element):
    def process_packet(self, pkt: Packet) -> Action:
        i = pkt.length
        for i in range(4):
            pass
        return PASS


instance = Box()
