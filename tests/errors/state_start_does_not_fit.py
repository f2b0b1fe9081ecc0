"""A start value fits its width."""

from mcc.lang.element import Element, element
from mcc.lang.packet import PASS, Action, Packet
from mcc.lang.state import PerCore
from mcc.lang.types import u8


@element
class Box(Element):
    def setup(self) -> None:
        self.turn = PerCore(u8, 300)

    def process_packet(self, pkt: Packet) -> Action:
        self.turn.value += 1
        return PASS


instance = Box()
