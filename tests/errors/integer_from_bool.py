"""A bool is no number."""

from mcc.lang.classes import TCP, Ip, Tcp
from mcc.lang.element import Element, element
from mcc.lang.packet import PASS, Action, Packet
from mcc.lang.session import Session
from mcc.lang.types import struct, u8

FLOW = Session(Ip.src, Ip.dst, Tcp.sport, Tcp.dport, where=TCP, bidirectional=True)


@struct
class State:
    n8: u8 = 0
    seen: bool = False


@element(session=FLOW, scratch=State)
class Box(Element):
    def process_packet(self, s: State, pkt: Packet) -> Action:
        s.n8 = s.seen
        return PASS


instance = Box()
