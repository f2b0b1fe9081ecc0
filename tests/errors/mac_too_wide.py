"""A MAC address has 48 bits."""

from mcc.lang.element import Element, element
from mcc.lang.packet import PASS, Action, Packet
from mcc.lang.types import u64


@element
class Box(Element):
    def process_packet(self, pkt: Packet) -> Action:
        n: u64 = pkt.at
        pkt.eth.src = n
        return PASS


instance = Box()
