"""A literal in a conditional expression has no width."""

from mcc.lang.element import Element, element
from mcc.lang.packet import PASS, Action, Packet


@element
class Box(Element):
    def process_packet(self, pkt: Packet) -> Action:
        n = pkt.length if pkt.is_tcp else 0
        return PASS


instance = Box()
