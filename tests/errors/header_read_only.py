"""Lengths and checksums are kept right by mcc."""

from mcc.lang.element import Element, element
from mcc.lang.packet import PASS, Action, Packet


@element
class Box(Element):
    def process_packet(self, pkt: Packet) -> Action:
        pkt.ip.len = 20
        return PASS


instance = Box()
