"""process_data has no packet."""

from mcc.lang.element import Element, element
from mcc.lang.packet import PASS, Action, Packet
from mcc.lang.session import TCP4


@element(session=TCP4)
class Box(Element):
    def process_data(self, pkt: Packet) -> Action:
        return PASS


instance = Box()
