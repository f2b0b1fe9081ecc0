"""Nothing raises in a handler."""

from mcc.lang.element import Element, element
from mcc.lang.packet import PASS, Action, Packet


@element
class Box(Element):
    def process_packet(self, pkt: Packet) -> Action:
        if pkt.length == 0:
            raise ValueError("empty")
        return PASS


instance = Box()
