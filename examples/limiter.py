"""A limit that can be moved while packets flow: each direction of a connection may have `limit` packets a second.

    mcc run examples/limiter.py examples/captures/http.pcap --stats -
    mcc run examples/limiter.py --port lan=afpacket:eth0 --port wan=afpacket:eth1 --live
    mcc set limiter Limiter.limit=1000
"""

from collections.abc import Iterator  # noqa: I001  (the names stay on two lines)

from mcc import DROP, PASS, TCP4, UDP4, Action, Counter, Duplex, Element, Live, Packet, Port
from mcc import chain, duplex, element, struct, u32, u64


@struct
class Second:
    number: u64 = 0
    packets: u32 = 0


@element(session=TCP4 | UDP4, scratch=Second)  # one Second for each direction of each connection
class Limiter(Element):
    limit: Live[u32]  # not compiled in: it is read for each packet

    def setup(self) -> None:
        self.passed = Counter()
        self.dropped = Counter()

    def process_packet(self, s: Second, pkt: Packet) -> Action:
        now = pkt.at // 1_000_000_000
        if now != s.number:
            s.number = now
            s.packets = 0
        if s.packets >= self.limit.value:
            self.dropped += 1
            return DROP
        s.packets += 1
        self.passed += 1
        return PASS


@chain
def limiter() -> Iterator[Duplex]:
    yield duplex(Port("lan"), Limiter(Live(5)), Port("wan"))
