"""An @inline helper takes integers and bools."""

from mcc.lang.element import Element, element, inline
from mcc.lang.packet import DROP, PASS, Action
from mcc.lang.session import TCP4
from mcc.lang.stream import Mark, Stream


@inline
def behind(m: Mark) -> bool:
    return True


@element(session=TCP4)
class Box(Element):
    def process_data(self, stream: Stream) -> Action:
        if behind(stream.mark()):
            return DROP
        return PASS


instance = Box()
