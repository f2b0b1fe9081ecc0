"""Two classifiers inside a chain: sessions of tags, then of connections behind the tags, then of rewritten packets."""

from collections.abc import Iterator

from mcc import (
    ANY,
    CLOSE,
    IP,
    PASS,
    TCP,
    TCP4,
    VLAN,
    Action,
    Counter,
    Drop,
    Element,
    FlowClassifier,
    IPPair,
    Packet,
    Path,
    Port,
    Tcp,
    Vlan,
    chain,
    element,
    struct,
    to,
    u32,
)
from mcc.std import PacketStats, VlanStats, VlanStrip


@struct
class Count:
    packets: u32 = 0
    tags: u32 = 0


@element(cls=TCP & (Tcp.dport == 443))
class Down(Element):
    """443 becomes 80, and with it another class behind the next classifier."""

    def process_packet(self, pkt: Packet) -> Action:
        pkt.tcp.dport = 80
        return PASS


@element(session=TCP4, scratch=Count, cls=IP & (Tcp.dport == 80), ports=(1, 2))
class Web(Element):
    def setup(self) -> None:
        self.ended = Counter()

    def process_packet(self, s: Count, pkt: Packet) -> Action:
        s.packets += 1
        if pkt.is_vlan:
            s.tags += 1
        if s.packets == 6:
            return CLOSE
        return to(1) if pkt.tcp.psh else PASS

    def release(self, s: Count) -> None:
        self.ended += s.packets


@element(session=IPPair, scratch=Count)
class Pairs(Element):
    def process_packet(self, s: Count, pkt: Packet) -> Action:
        s.packets += 1
        s.tags += pkt.length
        return PASS


@chain
def anew() -> Iterator[Path]:
    lan, wan = Port("lan"), Port("wan")
    web, inner = Web(), FlowClassifier()
    yield lan >> {VLAN & (Vlan.vid == 1): VlanStats() >> VlanStrip() >> inner,
                  VLAN: VlanStrip() >> FlowClassifier() >> VlanStats() >> wan,
                  ANY: Pairs() >> Down() >> inner}
    yield inner >> {TCP & (Tcp.dport == 80): web, IP: PacketStats() >> FlowClassifier(session=IPPair) >> wan,
                    ANY: Drop()}
    yield web >> wan
    yield web[1] >> FlowClassifier() >> Pairs() >> wan
