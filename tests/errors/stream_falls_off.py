"""process_data returns an action."""

from mcc.lang.element import Element, element
from mcc.lang.packet import DROP, Action
from mcc.lang.session import TCP4
from mcc.lang.stream import Stream


@element(session=TCP4)
class Box(Element):
    def process_data(self, stream: Stream) -> Action:
        for b in stream:
            if b == 5:
                return DROP


instance = Box()
