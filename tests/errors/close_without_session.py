"""CLOSE without a session only drops."""

from mcc.lang.element import Element, element
from mcc.lang.packet import CLOSE, Action, Packet


@element
class Box(Element):
    def process_packet(self, pkt: Packet) -> Action:
        return CLOSE


instance = Box()
