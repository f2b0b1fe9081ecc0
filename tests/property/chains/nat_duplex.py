"""A translating duplex with statistics before it and few ports: answers by reply_key, exhaustion, release."""

from collections.abc import Iterator

from mcc import IP, PASS, Action, Counter, Duplex, Element, Packet, Port, chain, duplex, element, ip4
from mcc.std import NAT, NATIcmp, PacketStats


@element(cls=IP)
class Age(Element):
    """Lowers the TTL, so that NAT's writes meet another's."""

    def setup(self) -> None:
        self.old = Counter()

    def process_packet(self, pkt: Packet) -> Action:
        if pkt.ip.ttl > 1:
            pkt.ip.ttl -= 1
        else:
            self.old += 1
        return PASS


@chain
def nat_duplex() -> Iterator[Duplex]:
    public = ip4("192.0.2.1")
    yield duplex(Port("lan"), PacketStats() >> Age() >> NAT(public, low=1024, high=1031) >> NATIcmp(public, cap=3),
                 Port("wan"))
