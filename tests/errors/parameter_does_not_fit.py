"""A parameter fits its annotation."""

from mcc.lang.element import Element, element
from mcc.lang.packet import DROP, PASS, Action, Packet
from mcc.lang.types import u8


@element
class Box(Element):
    ttl: u8

    def process_packet(self, pkt: Packet) -> Action:
        return DROP if pkt.ip.ttl < self.ttl else PASS


instance = Box(300)
