"""Helpers are given all their arguments."""

from mcc.lang.element import Element, element, inline
from mcc.lang.packet import PASS, Action, Packet
from mcc.lang.types import u32


@inline
def scale(n: u32, by: u32) -> u32:
    return n * by


@element
class Box(Element):
    def process_packet(self, pkt: Packet) -> Action:
        n = scale(pkt.length)
        return PASS


instance = Box()
