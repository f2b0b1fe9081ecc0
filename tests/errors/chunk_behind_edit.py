"""An edit moves bytes."""

from mcc.lang.element import Element, element
from mcc.lang.packet import DROP, PASS, Action
from mcc.lang.session import TCP4
from mcc.lang.stream import Stream


@element(session=TCP4)
class Box(Element):
    def process_data(self, stream: Stream) -> Action:
        for c in stream.chunks():
            stream.insert(stream.start, b"x")
            if len(c) > 1 and c[0] == 5:
                return DROP
        return PASS


instance = Box()
