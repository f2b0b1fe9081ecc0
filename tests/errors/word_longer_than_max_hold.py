"""What is held must fit max_hold."""

from mcc.lang.element import Element, element
from mcc.lang.packet import PASS, Action
from mcc.lang.session import TCP4
from mcc.lang.stream import Stream


@element(session=TCP4, max_hold=8)
class Box(Element):
    def process_data(self, stream: Stream) -> Action:
        for m in stream.matches(b"a long word"):
            stream.remove(m)
        return PASS


instance = Box()
