"""An element has the outputs that it declares."""

from mcc.lang.element import Element, element
from mcc.lang.packet import PASS, Action, Packet, emit


@element
class Box(Element):
    def process_packet(self, pkt: Packet) -> Action:
        emit(pkt, port=1)
        return PASS


instance = Box()
