"""A shift count is unsigned."""

from mcc.lang.classes import TCP, Ip, Tcp
from mcc.lang.element import Element, element
from mcc.lang.packet import PASS, Action, Packet
from mcc.lang.session import Session
from mcc.lang.types import i32, struct, u32

FLOW = Session(Ip.src, Ip.dst, Tcp.sport, Tcp.dport, where=TCP, bidirectional=True)


@struct
class State:
    n32: u32 = 0
    signed: i32 = 0


@element(session=FLOW, scratch=State)
class Box(Element):
    def process_packet(self, s: State, pkt: Packet) -> Action:
        s.n32 = s.n32 << s.signed
        return PASS


instance = Box()
