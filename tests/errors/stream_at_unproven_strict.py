"""at() without a need is an error under --strict."""

from mcc.lang.element import Element, element
from mcc.lang.packet import DROP, PASS, Action
from mcc.lang.session import TCP4
from mcc.lang.stream import Stream


@element(session=TCP4)
class Box(Element):
    def process_data(self, stream: Stream) -> Action:
        if not stream.need(4):
            return PASS
        stream.skip(2)
        if stream.at(2) == 5:
            return DROP
        return PASS


STRICT = True
instance = Box()
