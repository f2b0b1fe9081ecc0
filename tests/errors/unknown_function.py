"""A function that is not known."""

from mcc.lang.element import Element, element
from mcc.lang.packet import PASS, Action, Packet


@element
class Box(Element):
    def process_packet(self, pkt: Packet) -> Action:
        n = aler(1, b"x")
        return PASS


instance = Box()
