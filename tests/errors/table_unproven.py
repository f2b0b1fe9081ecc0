"""An index that is not proved is checked at run time."""

from mcc.lang.element import Element, element
from mcc.lang.packet import DROP, PASS, Action, Packet
from mcc.lang.state import Table
from mcc.lang.types import u8


@element
class Box(Element):
    def setup(self) -> None:
        self.table = Table(u8, [1, 2, 3])

    def process_packet(self, pkt: Packet) -> Action:
        n = self.table[pkt.ip.ttl]
        return DROP if n > 1 else PASS


instance = Box()
