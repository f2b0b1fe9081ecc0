"""An edit moves bytes."""

from mcc.lang.element import Element, element
from mcc.lang.packet import PASS, Action
from mcc.lang.session import TCP4
from mcc.lang.stream import Stream


@element(session=TCP4)
class Box(Element):
    def process_data(self, stream: Stream) -> Action:
        for c in stream.chunks():
            for b in c:
                if b == 5:
                    stream.insert(stream.mark(), b"x")
        return PASS


instance = Box()
