"""is compares with None."""

from mcc.lang.element import Element, element
from mcc.lang.packet import DROP, PASS, Action, Packet


@element
class Box(Element):
    def setup(self) -> None:
        self.limit = 60

    def process_packet(self, pkt: Packet) -> Action:
        if pkt.length is self.limit:
            return DROP
        return PASS


instance = Box()
