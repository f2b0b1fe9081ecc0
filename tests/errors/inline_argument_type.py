"""Arguments of helpers follow the integer rules."""

from mcc.lang.element import Element, element, inline
from mcc.lang.packet import PASS, Action, Packet
from mcc.lang.types import u16


@inline
def double(n: u16) -> u16:
    return n * 2


@element
class Box(Element):
    def process_packet(self, pkt: Packet) -> Action:
        n = double(pkt.length)
        return PASS


instance = Box()
