"""Carets count characters, not bytes."""

from mcc.lang.element import Element, element
from mcc.lang.packet import PASS, Action, Packet


@element
class Box(Element):
    def process_packet(self, pkt: Packet) -> Action:
        größe = pkt.length; ärger = [größe]
        return PASS


instance = Box()
