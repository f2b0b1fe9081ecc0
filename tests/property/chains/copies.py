"""Copies, alerts, timers, timeouts set by handlers: what a box does beside passing packets on."""

from collections.abc import Iterator

from mcc import (
    ANY,
    DROP,
    IP,
    PASS,
    TCP4,
    UDP4,
    VLAN,
    Action,
    Counter,
    Element,
    Flow,
    Packet,
    Path,
    PerCore,
    Port,
    Table,
    alert,
    arp_request,
    chain,
    element,
    emit,
    struct,
    u16,
    u32,
    u64,
)


@struct
class State:
    n: u32 = 0
    first: u16 = 0


@element(session=TCP4 | UDP4, scratch=State, cls=IP, ports=(1, 2))
class Teller(Element):
    """Reports each third packet of a direction, copies before and after its writes, sets the timeout by the port."""

    def setup(self) -> None:
        self.waits = Table(u32, [1, 3, 60, 0])
        self.ended = Counter()

    def process_packet(self, s: State, pkt: Packet, flow: Flow) -> Action:
        if flow.is_new:
            flow.set_timeout(self.waits[pkt.l4.dport & 3])
            s.first = pkt.l4.sport
        s.n += 1
        if s.n % 3 == 0:
            alert(s.n, "third")
            emit(pkt, port=1)
        pkt.ip.tos = 0xB8
        if pkt.ip.ttl == 1:
            emit(pkt)
            return DROP
        if s.n > 8:
            alert(0xFFFFFFFF, b"many")
            flow.set_timeout(2)
        return PASS

    def release(self, s: State) -> None:
        self.ended += s.n
        self.ended += s.first


@element(every=0.25)
class Clock(Element):
    """Counts its calls, and asks for a host every second one."""

    def setup(self) -> None:
        self.calls = Counter()
        self.since = Counter()
        self.turn: PerCore[u64] = PerCore(u64, 0)

    def process_packet(self, pkt: Packet) -> Action:
        self.turn.value += 1
        return PASS

    def on_timer(self) -> None:
        self.calls += 1
        self.since += self.turn.value
        if self.turn.value > 5:
            emit(arp_request(0x0A000001, 0x020000000001, u32(self.turn.value)))
            alert(7, "tick")
            self.turn.value = 0


@element(cls=VLAN)
class Retag(Element):
    def process_packet(self, pkt: Packet) -> Action:
        pkt.vlan.vid = pkt.vlan.vid ^ 1
        emit(pkt)
        pkt.push_vlan(9)
        emit(pkt)
        pkt.pop_vlan()
        pkt.pop_vlan()
        return PASS


@chain
def copies() -> Iterator[Path]:
    lan, wan, tap = Port("lan"), Port("wan"), Port("tap")
    teller = Teller()
    yield lan >> {VLAN: Retag() >> wan, ANY: teller}
    yield teller >> Clock() >> wan
    yield teller[1] >> tap
    yield wan >> teller
