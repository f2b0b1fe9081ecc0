"""at() without a need is checked at run time."""

from mcc.lang.element import Element, element
from mcc.lang.packet import DROP, PASS, Action
from mcc.lang.session import TCP4
from mcc.lang.stream import Stream


@element(session=TCP4)
class Box(Element):
    def process_data(self, stream: Stream) -> Action:
        if stream.at(3) == 5:
            return DROP
        return PASS


instance = Box()
