"""Live is read in handlers."""

from mcc.lang.element import Element, element
from mcc.lang.packet import PASS, Action, Packet
from mcc.lang.state import Live
from mcc.lang.types import u32


@element
class Box(Element):
    limit: Live[u32]

    def process_packet(self, pkt: Packet) -> Action:
        self.limit.value = 3
        return PASS


instance = Box(Live(10))
