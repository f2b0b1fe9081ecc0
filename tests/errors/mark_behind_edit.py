"""Edits go from left to right: the first of two marks comes too late; so does a match that was replaced already."""

from mcc.lang.element import Element, element
from mcc.lang.packet import PASS, Action
from mcc.lang.session import TCP4
from mcc.lang.stream import Stream


@element(session=TCP4)
class Box(Element):
    def process_data(self, stream: Stream) -> Action:
        first = stream.mark()
        stream.skip(4)
        stream.insert(stream.mark(), b">")
        stream.insert(first, b"<")
        for m in stream.matches(b"word"):
            stream.replace(m, b"other")
            stream.mask(m, 42)
        return PASS


instance = Box()
