"""A list of Python is not a Table."""

from mcc.lang.element import Element, element
from mcc.lang.packet import PASS, Action, Packet
from mcc.lang.types import Addr4


@element
class Box(Element):
    servers: list[Addr4]

    def process_packet(self, pkt: Packet) -> Action:
        n = self.servers[0]
        return PASS


instance = Box([1, 2])
