"""On some path an edit has taken out the byte from which something is to be held; a rewind to before it reads nothing."""

from mcc.lang.element import Element, element
from mcc.lang.packet import PASS, Action
from mcc.lang.session import TCP4
from mcc.lang.stream import Stream


@element(session=TCP4)
class Box(Element):
    def process_data(self, stream: Stream) -> Action:
        before = stream.mark()
        stream.skip(1)
        first = stream.mark()
        stream.skip(1)
        inside = stream.mark()
        copy = inside
        for b in stream:
            if b == 10:
                stream.remove(first, stream.mark())
                break
        stream.hold(before)
        stream.hold(first)
        stream.hold(copy)
        stream.rewind(before)
        return PASS


instance = Box()
