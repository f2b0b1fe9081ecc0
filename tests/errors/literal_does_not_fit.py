"""A literal must fit the other operand."""

from mcc.lang.classes import TCP, Ip, Tcp
from mcc.lang.element import Element, element
from mcc.lang.packet import DROP, PASS, Action, Packet
from mcc.lang.session import Session
from mcc.lang.types import struct, u16

FLOW = Session(Ip.src, Ip.dst, Tcp.sport, Tcp.dport, where=TCP, bidirectional=True)


@struct
class State:
    n16: u16 = 0


@element(session=FLOW, scratch=State)
class Box(Element):
    def process_packet(self, s: State, pkt: Packet) -> Action:
        if s.n16 == 70000:
            return DROP
        return PASS


instance = Box()
