"""A name that is not defined."""

from mcc.lang.element import Element, element
from mcc.lang.packet import PASS, Action, Packet

LIMITS = 100

@element
class Box(Element):
    def process_packet(self, pkt: Packet) -> Action:
        n = pkt.length + LIMIT
        return PASS


instance = Box()
