"""Arguments are written one by one."""

from mcc.lang.element import Element, element
from mcc.lang.packet import PASS, Action, Packet


@element
class Box(Element):
    def setup(self) -> None:
        self.sizes = [1, 2]

    def process_packet(self, pkt: Packet) -> Action:
        n = max(*self.sizes)
        return PASS


instance = Box()
