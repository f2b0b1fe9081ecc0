"""A method must be called."""

from mcc.lang.element import Element, element
from mcc.lang.packet import PASS, Action, Packet


@element
class Box(Element):
    def process_packet(self, pkt: Packet) -> Action:
        n = pkt.pop_vlan
        return PASS


instance = Box()
