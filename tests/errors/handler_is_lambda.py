"""A handler is a def."""

from mcc.lang.element import Element, element
from mcc.lang.packet import PASS


@element
class Box(Element):
    process_packet = lambda self, pkt: PASS


instance = Box()
