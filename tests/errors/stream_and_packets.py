"""An element sees a stream or packets."""

from mcc.lang.element import Element, element
from mcc.lang.packet import PASS, Action, Packet
from mcc.lang.session import TCP4
from mcc.lang.stream import Stream


@element(session=TCP4)
class Box(Element):
    def process_packet(self, pkt: Packet) -> Action:
        return PASS

    def process_data(self, stream: Stream) -> Action:
        return PASS


instance = Box()
