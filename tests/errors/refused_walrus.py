"""Assignments are statements."""

from mcc.lang.element import Element, element
from mcc.lang.packet import DROP, PASS, Action, Packet


@element
class Box(Element):
    def process_packet(self, pkt: Packet) -> Action:
        if (n := pkt.length) > 100:
            return DROP
        return PASS


instance = Box()
