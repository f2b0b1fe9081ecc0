"""A struct that the element does not declare."""

from mcc.lang.classes import TCP, Ip, Tcp
from mcc.lang.element import Element, element
from mcc.lang.packet import PASS, Action, Packet
from mcc.lang.session import Session
from mcc.lang.types import struct, u32

FLOW = Session(Ip.src, Ip.dst, Tcp.sport, Tcp.dport, where=TCP, bidirectional=True)


@struct
class Other:
    n: u32 = 0


@struct
class State:
    n32: u32 = 0


@element(session=FLOW, scratch=State)
class Box(Element):
    def process_packet(self, o: Other, pkt: Packet) -> Action:
        return PASS


instance = Box()
