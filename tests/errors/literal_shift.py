"""A literal has no width."""

from mcc.lang.element import Element, element
from mcc.lang.packet import PASS, Action, Packet
from mcc.lang.types import u32


@element
class Box(Element):
    def process_packet(self, pkt: Packet) -> Action:
        n: u32 = 1 << pkt.in_port
        return PASS


instance = Box()
