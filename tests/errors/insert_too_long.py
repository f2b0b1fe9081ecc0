"""At most 65535 bytes."""

from mcc.lang.element import Element, element
from mcc.lang.packet import PASS, Action
from mcc.lang.session import TCP4
from mcc.lang.stream import Stream


@element(session=TCP4)
class Box(Element):
    def setup(self) -> None:
        self.text = bytes(65536)

    def process_data(self, stream: Stream) -> Action:
        stream.insert(stream.mark(), self.text)
        return PASS


instance = Box()
