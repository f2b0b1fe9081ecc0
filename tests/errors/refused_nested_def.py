"""A function inside a handler."""

from mcc.lang.element import Element, element
from mcc.lang.packet import PASS, Action, Packet
from mcc.lang.types import u32


@element
class Box(Element):
    def process_packet(self, pkt: Packet) -> Action:
        def twice(x: u32) -> u32:
            return x * 2
        return PASS


instance = Box()
