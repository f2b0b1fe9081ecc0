"""process_packet has no stream."""

from mcc.lang.element import Element, element
from mcc.lang.packet import PASS, Action
from mcc.lang.session import TCP4
from mcc.lang.stream import Stream


@element(session=TCP4)
class Box(Element):
    def process_packet(self, stream: Stream) -> Action:
        return PASS


instance = Box()
