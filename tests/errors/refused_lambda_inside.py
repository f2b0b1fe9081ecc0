"""A function inside a handler."""

from mcc.lang.element import Element, element
from mcc.lang.packet import PASS, Action, Packet


@element
class Box(Element):
    def process_packet(self, pkt: Packet) -> Action:
        f = lambda x: x + 1
        return PASS


instance = Box()
