"""A stream belongs to a session."""

from mcc.lang.element import Element, element
from mcc.lang.packet import PASS, Action
from mcc.lang.stream import Stream


@element
class Box(Element):
    def process_data(self, stream: Stream) -> Action:
        return PASS


instance = Box()
