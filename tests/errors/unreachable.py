"""A statement that is never reached is worth a warning."""

from mcc.lang.element import Element, element
from mcc.lang.packet import PASS, Action, Packet


@element
class Box(Element):
    def process_packet(self, pkt: Packet) -> Action:
        return PASS
        pkt.ip.ttl = 1


instance = Box()
