"""Fields of the scratch are used."""

from mcc.lang.element import Element, element
from mcc.lang.packet import PASS, Action
from mcc.lang.session import TCP4
from mcc.lang.stream import Mark, Stream
from mcc.lang.types import struct


@struct
class State:
    last: Mark = Mark()


@element(session=TCP4, scratch=State)
class Box(Element):
    def process_data(self, s: State, stream: Stream) -> Action:
        s.last = stream.mark()
        return PASS


instance = Box()
