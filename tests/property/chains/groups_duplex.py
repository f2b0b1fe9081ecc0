"""Three sessions in one line of a duplex: hosts (both ways), VLANs (one way), connections; release counters."""

from collections.abc import Iterator

from mcc import (
    PASS,
    RESET,
    TCP4,
    Action,
    Batch,
    Counter,
    Duplex,
    Element,
    Flow,
    Net,
    Packet,
    Peer,
    Port,
    Session,
    Vlan,
    chain,
    duplex,
    element,
    struct,
    u32,
    u64,
)

HOSTS = Session(Net.src, Net.dst, bidirectional=True, timeout=5, name="Hosts")
BY_VLAN = Session(Vlan.vid, timeout=60)


@struct
class Seen:
    packets: u32 = 0
    last: u32 = 7


@struct
class Both:
    packets: u64 = 0
    bytes: u64 = 0


@element(session=HOSTS, scratch=Seen, conn=Both)
class Hosts(Element):
    def setup(self) -> None:
        self.begun = Counter()
        self.ended = Counter()

    def new_session(self, s: Seen, c: Both, pkt: Packet) -> Action:
        self.begun += 1
        s.last = pkt.length
        c.packets = 100
        return PASS

    def process_packet(self, s: Seen, c: Both, pkt: Packet, peer: Peer[Seen]) -> Action:
        s.packets += 1
        peer.last += 3
        c.packets += 1
        c.bytes += pkt.length
        return PASS

    def release(self, s: Seen, c: Both) -> None:
        self.ended += s.packets
        self.ended += c.packets


@element(session=BY_VLAN, scratch=Seen)
class Vlans(Element):
    def setup(self) -> None:
        self.ended = Counter()

    def process_batch(self, s: Seen, batch: Batch) -> Action:
        s.packets += len(batch)
        s.last = batch.bytes
        return PASS

    def release(self, s: Seen) -> None:
        self.ended += s.packets


@element(session=TCP4, scratch=Seen, conn=Both)
class Conns(Element):
    def setup(self) -> None:
        self.fresh = Counter()
        self.back = Counter()

    def process_packet(self, s: Seen, c: Both, pkt: Packet, flow: Flow) -> Action:
        if flow.is_new:
            self.fresh += 1
        if flow.to_client:
            self.back += 1
        s.packets += 1
        s.last = pkt.tcp.seq
        c.bytes += pkt.length
        if c.bytes > 4000:
            return RESET
        return PASS

    def release(self, s: Seen, c: Both) -> None:
        self.back += c.bytes
        self.back += s.last


@chain
def groups_duplex() -> Iterator[Duplex]:
    yield duplex(Port("lan"), Hosts() >> Vlans() >> Conns(), Port("wan"))
