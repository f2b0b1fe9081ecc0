"""A search that was left goes on in the next call, not in this one."""

from mcc.lang.element import Element, element
from mcc.lang.packet import PASS, Action
from mcc.lang.session import TCP4
from mcc.lang.stream import Stream


@element(session=TCP4)
class Box(Element):
    def process_data(self, stream: Stream) -> Action:
        for m in stream.matches(b"one"):
            if m.index == 0:
                break
        if not stream.is_last:
            for n in stream.matches(b"two"):
                stream.remove(n)
        return PASS


instance = Box()
