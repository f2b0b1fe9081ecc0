"""Text is constant."""

from mcc.lang.element import Element, element
from mcc.lang.packet import PASS, Action, Packet, alert


@element
class Box(Element):
    def process_packet(self, pkt: Packet) -> Action:
        alert(1, f"{pkt.length} bytes")
        return PASS


instance = Box()
