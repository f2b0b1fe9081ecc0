"""State is not in globals."""

from mcc.lang.element import Element, element
from mcc.lang.packet import PASS, Action, Packet

hits = 0

@element
class Box(Element):
    def process_packet(self, pkt: Packet) -> Action:
        global hits
        hits = 1
        return PASS


instance = Box()
