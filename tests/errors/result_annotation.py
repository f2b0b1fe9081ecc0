"""A packet handler returns an Action."""

from mcc.lang.element import Element, element
from mcc.lang.packet import PASS, Packet


@element
class Box(Element):
    def process_packet(self, pkt: Packet) -> None:
        return PASS


instance = Box()
