"""A helper's invariant is proved by its callers."""

from typing import Annotated

from mcc.lang.element import Element, element, inline
from mcc.lang.packet import PASS, Action, Packet
from mcc.lang.types import Below, u32


@inline
def row(n: Annotated[u32, Below(8)]) -> u32:
    return n


@element
class Box(Element):
    def process_packet(self, pkt: Packet) -> Action:
        n = row(pkt.length)
        return PASS


instance = Box()
