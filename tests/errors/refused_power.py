"""No power operator."""

from mcc.lang.element import Element, element
from mcc.lang.packet import PASS, Action, Packet
from mcc.lang.types import u32


@element
class Box(Element):
    def process_packet(self, pkt: Packet) -> Action:
        n: u32 = pkt.length ** 2
        return PASS


instance = Box()
