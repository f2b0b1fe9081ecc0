"""Handlers must end."""

from mcc.lang.element import Element, element, inline
from mcc.lang.packet import PASS, Action, Packet
from mcc.lang.types import u32


@inline
def down(n: u32) -> u32:
    return up(n)


@inline
def up(n: u32) -> u32:
    return down(n)


@element
class Box(Element):
    def process_packet(self, pkt: Packet) -> Action:
        n = down(pkt.length)
        return PASS


instance = Box()
