"""The step is constant."""

from mcc.lang.element import Element, element
from mcc.lang.packet import PASS, Action, Packet


@element
class Box(Element):
    def process_packet(self, pkt: Packet) -> Action:
        for i in range(0, 100, pkt.in_port):
            pass
        return PASS


instance = Box()
