"""The length follows from the packet."""

from mcc.lang.element import Element, element
from mcc.lang.packet import PASS, Action, Packet


@element
class Box(Element):
    def process_packet(self, pkt: Packet) -> Action:
        pkt.length = 60
        return PASS


instance = Box()
