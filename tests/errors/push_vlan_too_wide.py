"""A VLAN number has 12 bits."""

from mcc.lang.element import Element, element
from mcc.lang.packet import PASS, Action, Packet


@element
class Box(Element):
    def process_packet(self, pkt: Packet) -> Action:
        pkt.push_vlan(pkt.in_port + 4000)
        return PASS


instance = Box()
