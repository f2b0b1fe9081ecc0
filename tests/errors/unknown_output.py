"""An element has the outputs that it declares."""

from mcc.lang.element import Element, element
from mcc.lang.packet import Action, Packet, to


@element(ports=(1, 2))
class Box(Element):
    def process_packet(self, pkt: Packet) -> Action:
        return to(2)


instance = Box()
