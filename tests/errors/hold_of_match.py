"""hold() takes a mark."""

from mcc.lang.element import Element, element
from mcc.lang.packet import PASS, Action
from mcc.lang.session import TCP4
from mcc.lang.stream import Stream


@element(session=TCP4)
class Box(Element):
    def process_data(self, stream: Stream) -> Action:
        for m in stream.matches(b"word"):
            stream.hold(m)
        return PASS


instance = Box()
