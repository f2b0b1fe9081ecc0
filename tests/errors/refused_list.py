"""Handlers have no lists."""

from mcc.lang.element import Element, element
from mcc.lang.packet import PASS, Action, Packet


@element
class Box(Element):
    def process_packet(self, pkt: Packet) -> Action:
        ports = [80, 443]
        return PASS


instance = Box()
