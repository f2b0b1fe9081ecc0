"""A plain function cannot be called."""

from mcc.lang.element import Element, element
from mcc.lang.packet import PASS, Action, Packet
from mcc.lang.types import u32


def double(x: u32) -> u32:
    return x * 2


@element
class Box(Element):
    def process_packet(self, pkt: Packet) -> Action:
        n = double(pkt.length)
        return PASS


instance = Box()
