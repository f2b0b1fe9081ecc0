"""A local must have a value on every path."""

from mcc.lang.element import Element, element
from mcc.lang.packet import DROP, PASS, Action, Packet


@element
class Box(Element):
    def process_packet(self, pkt: Packet) -> Action:
        if pkt.length > 100:
            n = pkt.length
        return DROP if n > 200 else PASS


instance = Box()
