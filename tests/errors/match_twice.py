"""A value is matched once."""

from mcc.lang.element import Element, element
from mcc.lang.packet import DROP, PASS, Action, Packet


@element
class Box(Element):
    def process_packet(self, pkt: Packet) -> Action:
        match pkt.in_port:
            case 0 | 1:
                return DROP
            case 1:
                return PASS
        return PASS


instance = Box()
