"""Every error of every handler is reported in one go."""

from mcc.lang.classes import TCP, Ip, Tcp
from mcc.lang.element import Element, element
from mcc.lang.packet import DROP, PASS, Action, Packet
from mcc.lang.session import Session
from mcc.lang.types import Addr4, struct, u8, u16, u32

FLOW = Session(Ip.src, Ip.dst, Tcp.sport, Tcp.dport, where=TCP, bidirectional=True)


@struct
class State:
    n8: u8 = 0
    n16: u16 = 0
    n32: u32 = 0


@element(session=FLOW, scratch=State)
class Box(Element):
    public: Addr4

    def process_packet(self, s: State, pkt: Packet) -> Action:
        s.n8 = 256
        s.n16 = pkt.tcp.prt
        pkt.ip.src = self.publik
        return PASS

    def new_session(self, s: State, pkt: Packet) -> Action:
        while True:
            pass
        if s.n32 == -1:
            return DROP


instance = Box(1)
