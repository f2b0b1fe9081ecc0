"""An invariant is proved at each store."""

from typing import Annotated

from mcc.lang.element import Element, element
from mcc.lang.packet import PASS, Action, Packet
from mcc.lang.types import Below, u32


@element
class Box(Element):
    def process_packet(self, pkt: Packet) -> Action:
        i: Annotated[u32, Below(4)] = pkt.length
        return PASS


instance = Box()
