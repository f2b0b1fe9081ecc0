"""Address and port translation for TCP, with and without statistics, and with elements that need only scratch."""

from collections.abc import Iterator

from mcc import (
    DROP,
    PASS,
    TCP4,
    Action,
    Addr4,
    Chain,
    Duplex,
    Element,
    Flow,
    Packet,
    Port,
    Ports,
    chain,
    duplex,
    element,
    ip4,
    struct,
    u16,
    u32,
    u64,
)


@struct
class NatState:
    client: u32 = 0
    client_port: u16 = 0
    port: u16 = 0


@element(session=TCP4, conn=NatState)
class NAT(Element):
    """Clients behind one public address; a port a connection."""

    public: Addr4

    def setup(self) -> None:
        self.ports = Ports(1024, 65535)

    def new_session(self, c: NatState, pkt: Packet, flow: Flow) -> Action:
        if not pkt.is_ip:
            return DROP
        c.port = self.ports.take()
        if c.port == 0:
            return DROP
        c.client = pkt.ip.src
        c.client_port = pkt.tcp.sport
        flow.reply_key(src=pkt.ip.dst, sport=pkt.tcp.dport, dst=self.public, dport=c.port)
        return PASS

    def process_packet(self, c: NatState, pkt: Packet, flow: Flow) -> Action:
        if flow.to_server:
            pkt.ip.src = self.public
            pkt.tcp.sport = c.port
        else:
            pkt.ip.dst = c.client
            pkt.tcp.dport = c.client_port
        return PASS

    def release(self, c: NatState) -> None:
        self.ports.give(c.port)


@struct
class Count:
    packets: u64 = 0
    bytes: u64 = 0


@element(session=TCP4, scratch=Count)
class Stats(Element):
    """Packets and bytes of each direction of each session."""

    def process_packet(self, s: Count, pkt: Packet) -> Action:
        s.packets += 1
        s.bytes += pkt.length
        return PASS


@struct
class Longest:
    length: u32 = 0


@element(session=TCP4, scratch=Longest)
class Added(Element):
    """One more element that needs only scratch: the longest packet."""

    def process_packet(self, s: Longest, pkt: Packet) -> Action:
        s.length = max(s.length, pkt.length)
        return PASS


@chain
def nat() -> Iterator[Duplex]:
    yield duplex(Port("lan"), NAT(ip4("192.0.2.1")), Port("wan"))


@chain
def nat_stats() -> Iterator[Duplex]:
    yield duplex(Port("lan"), NAT(ip4("192.0.2.1")) >> Stats(), Port("wan"))


def with_added(count: int) -> Chain:
    """NAT and statistics, and `count` (1 or more) further elements."""

    @chain
    def added() -> Iterator[Duplex]:
        more = Added() >> Added() if count > 1 else Added()
        for _ in range(2, count):
            more = more >> Added()
        yield duplex(Port("lan"), NAT(ip4("192.0.2.1")) >> Stats() >> more, Port("wan"))

    return added


added1, added2, added3, added4, added5, added6 = (with_added(n) for n in range(1, 7))
