"""Handlers have no lists."""

from mcc.lang.element import Element, element
from mcc.lang.packet import PASS, Action, Packet


@element
class Box(Element):
    def process_packet(self, pkt: Packet) -> Action:
        total = sum([x + 1 for x in range(4)])
        return PASS


instance = Box()
