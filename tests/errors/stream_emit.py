"""A stream handler sends no packets."""

from mcc.lang.element import Element, element
from mcc.lang.packet import PASS, Action, arp_request, emit
from mcc.lang.session import TCP4
from mcc.lang.stream import Stream


@element(session=TCP4)
class Box(Element):
    def process_data(self, stream: Stream) -> Action:
        emit(arp_request(1, 2, 3))
        return PASS


instance = Box()
