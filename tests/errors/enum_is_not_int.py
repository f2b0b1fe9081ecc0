"""A plain Enum never equals an integer."""

from enum import Enum

from mcc.lang.element import Element, element
from mcc.lang.packet import DROP, PASS, Action, Packet


class Side(Enum):
    LAN = 0
    WAN = 1


@element
class Box(Element):
    def process_packet(self, pkt: Packet) -> Action:
        if pkt.in_port == Side.LAN:
            return DROP
        return PASS


instance = Box()
