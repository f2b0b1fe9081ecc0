"""need() asks for what can be held."""

from mcc.lang.element import Element, element
from mcc.lang.packet import PASS, Action
from mcc.lang.session import TCP4
from mcc.lang.stream import Stream


@element(session=TCP4, max_hold=4096)
class Box(Element):
    def process_data(self, stream: Stream) -> Action:
        if not stream.need(5000):
            return PASS
        stream.skip(5000)
        return PASS


instance = Box()
