"""Helpers take integers and bools."""

from mcc.lang.element import Element, element, inline
from mcc.lang.packet import PASS, Action, Packet
from mcc.lang.types import u8


@inline
def ttl(pkt: Packet) -> u8:
    return pkt.ip.ttl


@element
class Box(Element):
    def process_packet(self, pkt: Packet) -> Action:
        n = ttl(pkt)
        return PASS


instance = Box()
