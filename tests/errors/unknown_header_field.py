"""The known fields of a header are listed."""

from mcc.lang.element import Element, element
from mcc.lang.packet import DROP, PASS, Action, Packet


@element
class Box(Element):
    def process_packet(self, pkt: Packet) -> Action:
        if pkt.tcp.dst_port == 23:
            return DROP
        return PASS


instance = Box()
