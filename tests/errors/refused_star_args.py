"""Handlers name what they want."""

from mcc.lang.element import Element, element
from mcc.lang.packet import PASS, Action, Packet


@element
class Box(Element):
    def process_packet(self, *packets: Packet) -> Action:
        return PASS


instance = Box()
