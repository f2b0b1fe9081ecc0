"""A local has one type."""

from mcc.lang.element import Element, element
from mcc.lang.packet import PASS, Action, Packet
from mcc.lang.types import u8, u16


@element
class Box(Element):
    def process_packet(self, pkt: Packet) -> Action:
        n: u8 = 1
        n: u16 = 2
        return PASS


instance = Box()
