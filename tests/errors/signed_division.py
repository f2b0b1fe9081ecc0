"""Division is for unsigned integers."""

from mcc.lang.classes import TCP, Ip, Tcp
from mcc.lang.element import Element, element
from mcc.lang.packet import PASS, Action, Packet
from mcc.lang.session import Session
from mcc.lang.types import i32, struct

FLOW = Session(Ip.src, Ip.dst, Tcp.sport, Tcp.dport, where=TCP, bidirectional=True)


@struct
class State:
    signed: i32 = 0


@element(session=FLOW, scratch=State)
class Box(Element):
    def process_packet(self, s: State, pkt: Packet) -> Action:
        s.signed = s.signed // 3
        return PASS


instance = Box()
