"""Next hops by ARP in a duplex behind a counter of connections: packets that park belong to a flow and to a way."""

from collections.abc import Iterator

from mcc import (
    IP,
    PASS,
    TCP4,
    UDP4,
    Action,
    Counter,
    Duplex,
    Element,
    HashMap,
    Packet,
    Port,
    arp_request,
    chain,
    duplex,
    element,
    emit,
    struct,
    u32,
    u64,
)


@struct
class Count:
    packets: u32 = 0


@element(session=TCP4 | UDP4, scratch=Count, cls=IP)
class Counts(Element):
    def process_packet(self, s: Count, pkt: Packet) -> Action:
        s.packets += 1
        pkt.ip.id ^= 0x5A5A
        return PASS


@element(every=0.3)
class Hops(Element):
    """Parks packets until their destination has spoken, or until the clock lets them go; few keys, few packets a key,
    a timeout."""

    def setup(self) -> None:
        self.hops = HashMap[u32, u64](3, timeout=2, park_limit=2, park_total=5)
        self.asked = Counter()

    def process_packet(self, pkt: Packet) -> Action:
        if pkt.is_arp:
            self.hops.put(pkt.arp.spa, pkt.arp.sha)
            return PASS
        if not pkt.is_ip:
            return PASS
        self.hops.put(pkt.ip.src, pkt.eth.src)
        known = self.hops.get(pkt.ip.dst)
        if known is None:
            self.asked += 1
            if pkt.ip.ttl == 255:
                emit(arp_request(pkt.ip.src, pkt.eth.src, pkt.ip.dst))
            return self.hops.park(pkt.ip.dst, pkt)
        pkt.eth.dst = known
        return PASS

    def on_timer(self) -> None:
        self.hops.put(0x0A000203, 0x0200000000AA)


@chain
def hops_duplex() -> Iterator[Duplex]:
    yield duplex(Port("lan"), Counts() >> Hops(), Port("wan"))
