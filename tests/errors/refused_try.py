"""Nothing raises in a handler."""

from mcc.lang.element import Element, element
from mcc.lang.packet import DROP, PASS, Action, Packet
from mcc.lang.types import u32


@element
class Box(Element):
    def process_packet(self, pkt: Packet) -> Action:
        try:
            n: u32 = 1
        except ValueError:
            return DROP
        return PASS


instance = Box()
