"""A Live parameter is given Live."""

from mcc.lang.element import Element, element
from mcc.lang.packet import DROP, PASS, Action, Packet
from mcc.lang.state import Live
from mcc.lang.types import u32


@element
class Box(Element):
    limit: Live[u32]

    def process_packet(self, pkt: Packet) -> Action:
        return DROP if pkt.length > self.limit.value else PASS


instance = Box(10)
