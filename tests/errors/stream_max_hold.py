"""max_hold is 1 to 2^24."""

from mcc.lang.element import Element, element
from mcc.lang.packet import PASS, Action
from mcc.lang.session import TCP4
from mcc.lang.stream import Stream


@element(session=TCP4, max_hold=1 << 25)
class Box(Element):
    def process_data(self, stream: Stream) -> Action:
        return PASS


instance = Box()
