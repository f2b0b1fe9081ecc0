"""A Live parameter has at most 64 bits."""

from mcc.lang.element import Element, element
from mcc.lang.packet import DROP, PASS, Action, Packet
from mcc.lang.state import Live
from mcc.lang.types import u128


@element
class Box(Element):
    limit: Live[u128]

    def process_packet(self, pkt: Packet) -> Action:
        return DROP if pkt.ip6.src > self.limit.value else PASS


instance = Box(Live(10))
