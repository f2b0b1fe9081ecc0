"""What fields of a struct cannot be."""

from typing import Annotated

from mcc.lang.classes import TCP, Ip, Tcp
from mcc.lang.element import Element, element
from mcc.lang.packet import PASS, Action, Packet
from mcc.lang.session import Session
from mcc.lang.types import Array, Below, IndexOf, Len, struct, u8, u16, u32

FLOW = Session(Ip.src, Ip.dst, Tcp.sport, Tcp.dport, where=TCP, bidirectional=True)


@struct
class State:
    plain: int = 0
    text: str = ""
    missing: u32
    large: u8 = 300
    flag: bool = 2
    row: Annotated[u16, Below(4)] = 4
    table: Annotated[u16, IndexOf("rows")] = 0
    items: Array[u32]
    many: Annotated[Array[u32], Len(0)]
    length: Annotated[u32, Len(3)] = 0


@element(session=FLOW, scratch=State)
class Box(Element):
    def process_packet(self, s: State, pkt: Packet) -> Action:
        return PASS


instance = Box()
