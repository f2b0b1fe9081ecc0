"""Cases have no guards."""

from mcc.lang.element import Element, element
from mcc.lang.packet import DROP, PASS, Action, Packet


@element
class Box(Element):
    def process_packet(self, pkt: Packet) -> Action:
        match pkt.in_port:
            case 1 if pkt.length > 10:
                return DROP
            case _:
                return PASS


instance = Box()
