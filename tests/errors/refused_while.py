"""A loop without a bound."""

from mcc.lang.element import Element, element
from mcc.lang.packet import PASS, Action, Packet
from mcc.lang.types import u32


@element
class Box(Element):
    def process_packet(self, pkt: Packet) -> Action:
        n: u32 = 0
        while n < 10:
            n += 1
        return PASS


instance = Box()
