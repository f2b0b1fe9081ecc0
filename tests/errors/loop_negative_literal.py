"""A loop over literals counts in u32."""

from mcc.lang.element import Element, element
from mcc.lang.packet import PASS, Action, Packet


@element
class Box(Element):
    def process_packet(self, pkt: Packet) -> Action:
        for i in range(-3, 3):
            pass
        return PASS


instance = Box()
