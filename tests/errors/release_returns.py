"""release decides nothing."""

from mcc.lang.classes import TCP, Ip, Tcp
from mcc.lang.element import Element, element
from mcc.lang.packet import PASS
from mcc.lang.session import Session
from mcc.lang.state import Ports
from mcc.lang.types import struct, u16

FLOW = Session(Ip.src, Ip.dst, Tcp.sport, Tcp.dport, where=TCP, bidirectional=True)


@struct
class State:
    n16: u16 = 0


@element(session=FLOW, scratch=State)
class Box(Element):
    def setup(self) -> None:
        self.ports = Ports(1024, 2047)

    def release(self, s: State) -> None:
        self.ports.give(s.n16)
        return PASS


instance = Box()
