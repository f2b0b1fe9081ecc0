"""A handler runs to its end."""

from mcc.lang.element import Element, element
from mcc.lang.packet import PASS, Action, Packet


@element
class Box(Element):
    async def process_packet(self, pkt: Packet) -> Action:
        return PASS


instance = Box()
