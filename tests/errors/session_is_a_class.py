"""A traffic class says which packets, not how they group."""

from mcc.lang.classes import TCP
from mcc.lang.element import Element, element
from mcc.lang.packet import PASS, Action
from mcc.lang.stream import Stream


@element(session=TCP)  # type: ignore[arg-type]
class Box(Element):
    def process_data(self, stream: Stream) -> Action:
        return PASS


instance = Box()
