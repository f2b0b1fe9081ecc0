"""An annotation that cannot be evaluated."""

from mcc.lang.element import Element, element
from mcc.lang.packet import PASS, Action


@element
class Box(Element):
    def process_packet(self, pkt: "Paket") -> Action:
        return PASS


instance = Box()
