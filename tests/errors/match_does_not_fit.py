"""A case must be able to happen."""

from mcc.lang.element import Element, element
from mcc.lang.packet import DROP, PASS, Action, Packet


@element
class Box(Element):
    def process_packet(self, pkt: Packet) -> Action:
        match pkt.ip.ttl:
            case 256:
                return DROP
        return PASS


instance = Box()
