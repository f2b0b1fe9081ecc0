"""Only known things can be asked for."""

from mcc.lang.element import Element, element
from mcc.lang.packet import PASS, Action


@element
class Box(Element):
    def process_packet(self, pkt: int) -> Action:
        return PASS


instance = Box()
