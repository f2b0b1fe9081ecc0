"""Nothing was read: there is no byte in front of the cursor."""

from mcc.lang.element import Element, element
from mcc.lang.packet import PASS, Action
from mcc.lang.session import TCP4
from mcc.lang.stream import Stream


@element(session=TCP4)
class Box(Element):
    def process_data(self, stream: Stream) -> Action:
        stream.set(0)
        for b in stream:
            stream.set(b ^ 1)
        return PASS


instance = Box()
