"""What get gives may be None."""

from mcc.lang.element import Element, element
from mcc.lang.packet import DROP, PASS, Action, Packet
from mcc.lang.state import HashMap
from mcc.lang.types import u32


@element
class Box(Element):
    def setup(self) -> None:
        self.seen = HashMap[u32, u32](64)

    def process_packet(self, pkt: Packet) -> Action:
        n = self.seen.get(pkt.ip.src)
        return DROP if n > 3 else PASS


instance = Box()
