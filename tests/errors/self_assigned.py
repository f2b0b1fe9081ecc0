"""State is declared in setup."""

from mcc.lang.element import Element, element
from mcc.lang.packet import PASS, Action, Packet


@element
class Box(Element):
    def process_packet(self, pkt: Packet) -> Action:
        self.count = pkt.length
        return PASS


instance = Box()
