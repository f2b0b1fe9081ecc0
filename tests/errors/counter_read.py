"""A Counter is not a value."""

from mcc.lang.element import Element, element
from mcc.lang.packet import DROP, PASS, Action, Packet
from mcc.lang.state import Counter


@element
class Box(Element):
    def setup(self) -> None:
        self.hits = Counter()

    def process_packet(self, pkt: Packet) -> Action:
        if self.hits > 10:
            return DROP
        return PASS


instance = Box()
