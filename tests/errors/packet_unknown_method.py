"""The known methods of a packet are listed."""

from mcc.lang.element import Element, element
from mcc.lang.packet import PASS, Action, Packet


@element
class Box(Element):
    def process_packet(self, pkt: Packet) -> Action:
        pkt.pop_vlans()
        return PASS


instance = Box()
