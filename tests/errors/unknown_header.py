"""The known headers of a packet are listed."""

from mcc.lang.element import Element, element
from mcc.lang.packet import DROP, PASS, Action, Packet


@element
class Box(Element):
    def process_packet(self, pkt: Packet) -> Action:
        if pkt.tpc.dport == 23:
            return DROP
        return PASS


instance = Box()
