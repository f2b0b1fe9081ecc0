"""reply_key says at least one part of the tuple."""

from mcc.lang.classes import TCP, Ip, Tcp
from mcc.lang.element import Element, element
from mcc.lang.packet import PASS, Action, Flow, Packet
from mcc.lang.session import Session
from mcc.lang.types import struct, u32

FLOW = Session(Ip.src, Ip.dst, Tcp.sport, Tcp.dport, where=TCP, bidirectional=True)


@struct
class State:
    n32: u32 = 0


@element(session=FLOW, scratch=State)
class Box(Element):
    def new_session(self, pkt: Packet, flow: Flow) -> Action:
        flow.reply_key()
        return PASS


instance = Box()
