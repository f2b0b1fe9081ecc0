"""A number is never None."""

from mcc.lang.element import Element, element
from mcc.lang.packet import DROP, PASS, Action, Packet


@element
class Box(Element):
    def process_packet(self, pkt: Packet) -> Action:
        if pkt.length is None:
            return DROP
        return PASS


instance = Box()
