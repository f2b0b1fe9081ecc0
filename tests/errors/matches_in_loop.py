"""A search is begun once a call."""

from mcc.lang.element import Element, element
from mcc.lang.packet import DROP, PASS, Action
from mcc.lang.session import TCP4
from mcc.lang.stream import Stream


@element(session=TCP4)
class Box(Element):
    def process_data(self, stream: Stream) -> Action:
        for i in range(2):
            for m in stream.matches(b"one"):
                return DROP
        return PASS


instance = Box()
