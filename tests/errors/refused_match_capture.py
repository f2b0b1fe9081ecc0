"""Patterns bind no names."""

from mcc.lang.element import Element, element
from mcc.lang.packet import PASS, Action, Packet


@element
class Box(Element):
    def process_packet(self, pkt: Packet) -> Action:
        match pkt.length:
            case n:
                return PASS


instance = Box()
