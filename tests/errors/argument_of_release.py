"""release has no packet."""

from mcc.lang.classes import TCP, Ip, Tcp
from mcc.lang.element import Element, element
from mcc.lang.packet import Packet
from mcc.lang.session import Session
from mcc.lang.state import Ports
from mcc.lang.types import struct, u32

FLOW = Session(Ip.src, Ip.dst, Tcp.sport, Tcp.dport, where=TCP, bidirectional=True)


@struct
class State:
    n32: u32 = 0


@element(session=FLOW, scratch=State)
class Box(Element):
    def setup(self) -> None:
        self.ports = Ports(1024, 2047)

    def release(self, pkt: Packet) -> None:
        self.ports.give(80)


instance = Box()
