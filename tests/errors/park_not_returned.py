"""A parked packet must be returned as such."""

from mcc.lang.element import Element, element
from mcc.lang.packet import PASS, Action, Packet
from mcc.lang.state import HashMap
from mcc.lang.types import u32


@element
class Box(Element):
    def setup(self) -> None:
        self.seen = HashMap[u32, u32](64)

    def process_packet(self, pkt: Packet) -> Action:
        self.seen.park(pkt.ip.src, pkt)
        return PASS


instance = Box()
