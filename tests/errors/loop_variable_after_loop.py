"""A loop's variable lives in its loop."""

from mcc.lang.element import Element, element
from mcc.lang.packet import DROP, PASS, Action, Packet


@element
class Box(Element):
    def process_packet(self, pkt: Packet) -> Action:
        for i in range(4):
            if pkt.length == i:
                break
        return DROP if i == 3 else PASS


instance = Box()
