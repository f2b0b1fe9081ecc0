"""A literal has no width."""

from mcc.lang.element import Element, element
from mcc.lang.packet import PASS, Action, Packet


@element
class Box(Element):
    def process_packet(self, pkt: Packet) -> Action:
        n = 0
        for i in range(4):
            n += 1
        return PASS


instance = Box()
