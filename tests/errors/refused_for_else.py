"""A loop has no else."""

from mcc.lang.element import Element, element
from mcc.lang.packet import DROP, PASS, Action, Packet


@element
class Box(Element):
    def process_packet(self, pkt: Packet) -> Action:
        for i in range(4):
            if pkt.length == i:
                break
        else:
            return DROP
        return PASS


instance = Box()
