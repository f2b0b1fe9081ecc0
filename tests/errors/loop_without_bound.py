"""A loop runs 65,536 times at most."""

from mcc.lang.element import Element, element
from mcc.lang.packet import PASS, Action, Packet


@element
class Box(Element):
    def process_packet(self, pkt: Packet) -> Action:
        for i in range(pkt.length):
            pass
        return PASS


instance = Box()
