"""Handlers hold no resources."""

from mcc.lang.element import Element, element
from mcc.lang.packet import PASS, Action, Packet


@element
class Box(Element):
    def process_packet(self, pkt: Packet) -> Action:
        with open("log") as f:
            return PASS


instance = Box()
