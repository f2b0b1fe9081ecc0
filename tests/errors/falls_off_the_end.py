"""A packet handler decides on every path."""

from mcc.lang.element import Element, element
from mcc.lang.packet import DROP, Action, Packet


@element
class Box(Element):
    def process_packet(self, pkt: Packet) -> Action:
        if pkt.length > 100:
            return DROP


instance = Box()
