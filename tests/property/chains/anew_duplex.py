"""A classifier in the middle of a duplex: connections with their tags, and behind VlanStrip without."""

from collections.abc import Iterator

from mcc import (
    IP,
    PASS,
    TCP4,
    Action,
    Duplex,
    Element,
    Flow,
    FlowClassifier,
    Packet,
    Port,
    chain,
    duplex,
    element,
    struct,
    u32,
)
from mcc.std import PacketStats, VlanStrip


@struct
class Count:
    up: u32 = 0
    down: u32 = 0


@element(session=TCP4, conn=Count, cls=IP)
class Ways(Element):
    def process_packet(self, c: Count, pkt: Packet, flow: Flow) -> Action:
        if flow.to_server:
            c.up += 1
            pkt.tcp.window = 2000
        else:
            c.down += pkt.length
        return PASS


@chain
def anew_duplex() -> Iterator[Duplex]:
    yield duplex(Port("lan"), PacketStats() >> VlanStrip() >> FlowClassifier() >> Ways(), Port("wan"))
