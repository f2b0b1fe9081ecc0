"""Build-time bytes have a length, no value."""

from mcc.lang.element import Element, element
from mcc.lang.packet import PASS, Action, Packet


@element
class Box(Element):
    word: bytes

    def process_packet(self, pkt: Packet) -> Action:
        n = self.word + 1
        return PASS


instance = Box(b"x")
