"""An ARP request is for emit."""

from mcc.lang.element import Element, element
from mcc.lang.packet import PASS, Action, Packet, arp_request


@element
class Box(Element):
    def process_packet(self, pkt: Packet) -> Action:
        arp_request(1, 2, 3)
        return PASS


instance = Box()
