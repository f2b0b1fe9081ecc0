"""Nothing is deleted by del."""

from mcc.lang.element import Element, element
from mcc.lang.packet import PASS, Action, Packet


@element
class Box(Element):
    def process_packet(self, pkt: Packet) -> Action:
        n = pkt.length
        del n
        return PASS


instance = Box()
