"""One packet a call."""

from mcc.lang.element import Element, element
from mcc.lang.packet import PASS, Action, Packet


@element
class Box(Element):
    def process_packet(self, a: Packet, b: Packet) -> Action:
        return PASS


instance = Box()
