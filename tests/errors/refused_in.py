"""Membership is not an operator of handlers."""

from mcc.lang.element import Element, element
from mcc.lang.packet import DROP, PASS, Action, Packet


@element
class Box(Element):
    def process_packet(self, pkt: Packet) -> Action:
        if pkt.tcp.dport in (80, 443):
            return DROP
        return PASS


instance = Box()
