"""process_data has no outputs."""

from mcc.lang.element import Element, element
from mcc.lang.packet import Action, to
from mcc.lang.session import TCP4
from mcc.lang.stream import Stream


@element(session=TCP4, ports=(1, 2))
class Box(Element):
    def process_data(self, stream: Stream) -> Action:
        return to(1)


instance = Box()
