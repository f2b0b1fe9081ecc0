"""new_session accepts or refuses."""

from mcc.lang.classes import TCP, Ip, Tcp
from mcc.lang.element import Element, element
from mcc.lang.packet import Action, Packet, to
from mcc.lang.session import Session
from mcc.lang.types import struct, u32

FLOW = Session(Ip.src, Ip.dst, Tcp.sport, Tcp.dport, where=TCP, bidirectional=True)


@struct
class State:
    n32: u32 = 0


@element(session=FLOW, scratch=State)
class Box(Element):
    def new_session(self, s: State, pkt: Packet) -> Action:
        return to(0)


instance = Box()
