"""on_overflow is release or close."""

from mcc.lang.element import Element, element
from mcc.lang.packet import PASS, Action
from mcc.lang.session import TCP4
from mcc.lang.stream import Stream


@element(session=TCP4, on_overflow="drop")
class Box(Element):
    def process_data(self, stream: Stream) -> Action:
        return PASS


instance = Box()
