"""A field of 12 bits takes 12 bits."""

from mcc.lang.element import Element, element
from mcc.lang.packet import PASS, Action, Packet


@element
class Box(Element):
    def process_packet(self, pkt: Packet) -> Action:
        pkt.vlan.vid = pkt.vlan.vid + 1
        return PASS


instance = Box()
