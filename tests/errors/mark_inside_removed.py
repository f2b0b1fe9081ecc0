"""An edit took out the place of a mark."""

from mcc.lang.element import Element, element
from mcc.lang.packet import PASS, Action
from mcc.lang.session import TCP4
from mcc.lang.stream import Stream


@element(session=TCP4)
class Box(Element):
    def process_data(self, stream: Stream) -> Action:
        first = stream.mark()
        stream.skip(4)
        middle = stream.mark()
        stream.skip(4)
        stream.remove(first, stream.mark())
        stream.insert(middle, b"instead")
        return PASS


instance = Box()
