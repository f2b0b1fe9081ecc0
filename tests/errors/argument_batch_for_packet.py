"""process_packet has no batch."""

from mcc.lang.element import Element, element
from mcc.lang.packet import PASS, Action, Batch


@element
class Box(Element):
    def process_packet(self, batch: Batch) -> Action:
        return PASS


instance = Box()
