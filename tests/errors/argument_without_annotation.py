"""Arguments are bound by annotation."""

from mcc.lang.element import Element, element
from mcc.lang.packet import PASS, Action


@element
class Box(Element):
    def process_packet(self, pkt) -> Action:
        return PASS


instance = Box()
