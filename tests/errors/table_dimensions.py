"""A table of two dimensions has two indices."""

from mcc.lang.element import Element, element
from mcc.lang.packet import PASS, Action, Packet
from mcc.lang.state import Table
from mcc.lang.types import u8


@element
class Box(Element):
    def setup(self) -> None:
        self.table = Table(u8, [[1, 2], [3, 4]])

    def process_packet(self, pkt: Packet) -> Action:
        n = self.table[pkt.in_port % 2]
        return PASS


instance = Box()
