"""A packet handler returns an action."""

from mcc.lang.element import Element, element
from mcc.lang.packet import Action, Packet


@element
class Box(Element):
    def process_packet(self, pkt: Packet) -> Action:
        return True


instance = Box()
