"""The middle of a chain is evaluated once."""

from mcc.lang.element import Element, element
from mcc.lang.packet import DROP, PASS, Action, Packet
from mcc.lang.state import Ports


@element
class Box(Element):
    def setup(self) -> None:
        self.ports = Ports(1024, 2047)

    def process_packet(self, pkt: Packet) -> Action:
        if 1024 < self.ports.take() < 2000:
            return DROP
        return PASS


instance = Box()
