"""A PerCore has a value."""

from mcc.lang.element import Element, element
from mcc.lang.packet import PASS, Action, Packet
from mcc.lang.state import PerCore
from mcc.lang.types import u32


@element
class Box(Element):
    def setup(self) -> None:
        self.turn = PerCore(u32)

    def process_packet(self, pkt: Packet) -> Action:
        self.turn += 1
        return PASS


instance = Box()
