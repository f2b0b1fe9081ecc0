"""Arguments are bound by annotation."""

from mcc.lang.element import Element, element
from mcc.lang.packet import PASS, Action, Packet


@element
class Box(Element):
    def process_packet(self, pkt: Packet, n: int = 3) -> Action:
        return PASS


instance = Box()
