"""The text of an alert is constant."""

from mcc.lang.element import Element, element
from mcc.lang.packet import PASS, Action, Packet, alert


@element
class Box(Element):
    def process_packet(self, pkt: Packet) -> Action:
        alert(1, pkt.length)
        return PASS


instance = Box()
