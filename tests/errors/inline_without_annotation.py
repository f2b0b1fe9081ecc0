"""Arguments of helpers are annotated."""

from mcc.lang.element import Element, element, inline
from mcc.lang.packet import PASS, Action, Packet
from mcc.lang.types import u32


@inline
def double(n) -> u32:
    return n * 2


@element
class Box(Element):
    def process_packet(self, pkt: Packet) -> Action:
        n = double(pkt.length)
        return PASS


instance = Box()
