"""A local has one type."""

from mcc.lang.classes import TCP, Ip, Tcp
from mcc.lang.element import Element, element
from mcc.lang.packet import PASS, Action, Packet
from mcc.lang.session import Session
from mcc.lang.types import struct, u8, u32

FLOW = Session(Ip.src, Ip.dst, Tcp.sport, Tcp.dport, where=TCP, bidirectional=True)


@struct
class State:
    n8: u8 = 0
    n32: u32 = 0


@element(session=FLOW, scratch=State)
class Box(Element):
    def process_packet(self, s: State, pkt: Packet) -> Action:
        n = s.n8
        if pkt.length > 100:
            n = s.n32
        s.n32 = n
        return PASS


instance = Box()
