"""A chunk is no value."""

from mcc.lang.element import Element, element
from mcc.lang.packet import DROP, PASS, Action
from mcc.lang.session import TCP4
from mcc.lang.stream import Stream


@element(session=TCP4)
class Box(Element):
    def process_data(self, stream: Stream) -> Action:
        for c in stream.chunks():
            if c:
                return DROP
        return PASS


instance = Box()
