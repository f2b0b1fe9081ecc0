"""A Counter counts up."""

from mcc.lang.element import Element, element
from mcc.lang.packet import PASS, Action, Packet
from mcc.lang.state import Counter


@element
class Box(Element):
    def setup(self) -> None:
        self.hits = Counter()

    def process_packet(self, pkt: Packet) -> Action:
        self.hits -= 1
        return PASS


instance = Box()
