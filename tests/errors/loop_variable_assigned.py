"""A loop's variable is not assigned."""

from mcc.lang.element import Element, element
from mcc.lang.packet import PASS, Action, Packet


@element
class Box(Element):
    def process_packet(self, pkt: Packet) -> Action:
        for i in range(4):
            i = i + 1
        return PASS


instance = Box()
