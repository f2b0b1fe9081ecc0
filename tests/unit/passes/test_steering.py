"""Which core packets belong to, by the shape of a chain; and what is said of chains that cannot be split."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import mcc
from mcc import (
    DROP,
    ICMP,
    PASS,
    TCP,
    TCP4,
    UDP,
    UDP4,
    Action,
    CompileError,
    Counter,
    Element,
    Flow,
    FlowClassifier,
    HashMap,
    IPPair,
    Packet,
    Port,
    Ports,
    Session,
    chain,
    duplex,
    element,
    ip4,
    mac,
    struct,
    tcp,
    u16,
    u32,
    u64,
)
from mcc.driver import Compiled, compile_chain
from mcc.ir.plan import Cell, PortRange, Spread
from mcc.lang.classes import Ip, Vlan
from mcc.run.loading import load_chain
from mcc.std import (
    NAT,
    ARPQuerier,
    Capture,
    Filter,
    LoadBalancer,
    NATIcmp,
    PacketStats,
    RateLimiter,
    ReverseProxy,
    VlanStats,
)

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"
FOUR = ("ip.dst", "ip.src", "l4.dport", "l4.sport")
PAIR = ("ip.dst", "ip.src")
PUBLIC = ip4("192.0.2.1")


@struct
class Count:
    packets: u64 = 0


@element(session=IPPair, scratch=Count)
class Pairs(Element):
    def process_packet(self, s: Count, pkt: Packet) -> Action:
        s.packets += 1
        return PASS


@element(session=Session(Ip.src), scratch=Count)
class Hosts(Element):
    def process_packet(self, s: Count, pkt: Packet) -> Action:
        s.packets += 1
        return PASS


@element(session=Session(Vlan.vid), scratch=Count)
class Vlans(Element):
    def process_packet(self, s: Count, pkt: Packet) -> Action:
        s.packets += 1
        return PASS


@element
class Seen(Element):
    """Blocks a host that has sent before: its map is keyed by a field."""

    def setup(self) -> None:
        self.hosts = HashMap[u32, u64](1024)

    def process_packet(self, pkt: Packet) -> Action:
        known = self.hosts.get(pkt.ip.src)
        self.hosts.put(pkt.ip.src, 1)
        return PASS if known is None else DROP


@element
class Learning(Element):
    """Where addresses are: put by one field, asked by another."""

    def setup(self) -> None:
        self.where = HashMap[u64, u64](1024)

    def process_packet(self, pkt: Packet) -> Action:
        self.where.put(pkt.eth.src, 1)
        known = self.where.get(pkt.eth.dst)
        return DROP if known is None else PASS


@element
class Fixed(Element):
    """A map that setup fills and nobody writes."""

    def setup(self) -> None:
        self.hosts = HashMap[u32, u64](8)
        self.hosts.put(u32(ip4("10.0.0.1")), 1)

    def process_packet(self, pkt: Packet) -> Action:
        known = self.hosts.get(pkt.ip.src)
        return DROP if known is None else PASS


@element(every=1.0)
class Clock(Element):
    def setup(self) -> None:
        self.ticks = Counter()

    def process_packet(self, pkt: Packet) -> Action:
        return PASS

    def on_timer(self) -> None:
        self.ticks += 1


@struct
class Kept:
    port: u16 = 0


@element(session=TCP4 | UDP4, conn=Kept, cls=mcc.IP)
class OddNAT(Element):
    """The port goes through a local, and the answers' address is the client's."""

    def setup(self) -> None:
        self.ports = Ports(5000, 5999)

    def new_session(self, c: Kept, pkt: Packet, flow: Flow) -> Action:
        port = self.ports.take()
        c.port = port
        flow.reply_key(src=pkt.ip.dst, sport=pkt.l4.dport, dst=PUBLIC, dport=port)
        return PASS


def between(make: Callable[[], Any], inner: bool = False) -> Compiled:
    @chain
    def steered() -> Iterator[Any]:
        yield duplex(Port("lan", inner=inner), make(), Port("wan", inner=inner))
    return compile_chain(steered)


def oneway(make: Callable[[], Any]) -> Compiled:
    @chain
    def steered() -> Iterator[Any]:
        yield Port("lan") >> make() >> Port("wan")
    return compile_chain(steered)


def spread(c: Compiled, net: str, transport: str, port: int = 0) -> Spread:
    return dict(c.steering.cells)[Cell(port, net, transport)]


@pytest.mark.parametrize(("make", "tcp_spread", "ip_spread"), [
    (PacketStats, FOUR, PAIR), (Pairs, PAIR, PAIR), (lambda: Pairs() >> PacketStats(), PAIR, PAIR),
    (lambda: tcp(PacketTap()), FOUR, PAIR), (Fixed, FOUR, PAIR)])
def test_conversations_stay_whole(make: Callable[[], Any], tcp_spread: tuple[str, ...], ip_spread: tuple[str, ...]) -> None:
    c = between(make)
    c.check_cores(2)
    for port in (0, 1):
        for transport in ("tcp", "udp"):
            found = spread(c, "ip", transport, port)
            assert found.symmetric and tuple(sorted(found.fields)) == tcp_spread
        assert tuple(sorted(spread(c, "ip", "none", port).fields)) == ip_spread
    assert {f.partition(".")[0] for f in spread(c, "ip6", "tcp").fields} <= {"ip6", "l4"}


@element(session=TCP4)
class PacketTap(Element):
    def process_data(self, stream: mcc.Stream) -> Action:
        return PASS


def test_fragments_meet_where_they_are_joined() -> None:
    assert between(lambda: tcp(PacketTap())).steering.by_fragment and not between(PacketStats).steering.by_fragment


def test_one_field_one_way() -> None:
    c = oneway(Hosts)
    c.check_cores(2)
    assert spread(c, "ip", "tcp") == Spread(("ip.src",))
    c = oneway(Vlans)
    assert spread(c, "ip", "tcp") == spread(c, "none", "none") == Spread(("vlan.vid",))


def test_a_map_by_a_field() -> None:
    c = oneway(Seen)
    c.check_cores(2)
    assert spread(c, "ip", "tcp") == Spread(("ip.src",))


@pytest.mark.parametrize(("make", "ranges"), [
    (lambda: NAT(PUBLIC, low=2000, high=2999), {PortRange(PUBLIC, 2000, 2999)}), (OddNAT, {PortRange(PUBLIC, 5000, 5999)}),
    (lambda: ReverseProxy(PUBLIC, [ip4("10.0.0.1")], low=30000), {PortRange(PUBLIC, 30000, 65535)}),
    (lambda: tcp(PacketTap()) >> NAT(PUBLIC), {PortRange(PUBLIC, 1024, 65535)})])
def test_ports_that_were_taken(make: Callable[[], Any], ranges: set[PortRange]) -> None:
    c = between(make)
    c.check_cores(2)
    assert set(c.steering.ranges) == ranges
    assert {(x.net, x.transport) for x in c.steering.ranged} == {("ip", "tcp"), ("ip", "udp")}
    assert tuple(sorted(spread(c, "ip", "tcp").fields)) == FOUR


def test_a_server_that_was_chosen_does_not_count() -> None:
    """The answer comes from another address; its ports are the question's."""
    c = between(lambda: LoadBalancer([ip4("10.0.0.1"), ip4("10.0.0.2")]))
    c.check_cores(2)
    assert spread(c, "ip", "tcp") == Spread(("l4.dport", "l4.sport"), True)
    direct = between(lambda: LoadBalancer([ip4("10.0.0.1")], direct=True))
    assert tuple(sorted(spread(direct, "ip", "tcp").fields)) == FOUR


def test_one_core_for_what_says_so() -> None:
    c = between(lambda: NAT(PUBLIC) >> NATIcmp(PUBLIC))
    c.check_cores(2)
    assert spread(c, "ip", "icmp") == Spread() and spread(c, "ip", "tcp").fields
    c = between(lambda: RateLimiter(1000))
    c.check_cores(2)
    assert all(s == Spread() for _, s in c.steering.cells)


def test_one_core_for_a_class_only() -> None:
    @chain
    def limited() -> Iterator[Any]:
        yield Port("lan") >> {UDP: RateLimiter(1000), mcc.ANY: PacketStats()} >> Port("wan")
    c = compile_chain(limited)
    c.check_cores(2)
    assert spread(c, "ip", "udp") == spread(c, "ip6", "udp") == Spread() and spread(c, "ip", "tcp").symmetric


def test_a_field_that_was_written_before() -> None:
    """Behind a second classification a session is of what the packet has become."""
    @element(cls=mcc.IP)
    class Rewrite(Element):
        def process_packet(self, pkt: Packet) -> Action:
            pkt.ip.dst = u32(7)
            return PASS

    @chain
    def twice() -> Iterator[Any]:
        yield Port("lan") >> Rewrite() >> FlowClassifier() >> Pairs() >> Port("wan")
    c = compile_chain(twice)
    c.check_cores(2)
    assert spread(c, "ip", "tcp") == Spread(("ip.src",))


def test_parked_packets_and_what_a_timer_of_one_core_does() -> None:
    @chain
    def routed() -> Iterator[Any]:
        arp = ARPQuerier(ip4("10.0.0.1"), mac("02:00:00:00:00:01"))
        yield Port("lan") >> arp >> Port("wan")
        yield Port("wan") >> {mcc.ARP: arp[1]}
    c = compile_chain(routed)
    c.check_cores(2)
    assert spread(c, "ip", "tcp") == Spread() == spread(c, "arp", "none", 1)


def refused(c: Compiled) -> str:
    c.check_cores(1)
    with pytest.raises(CompileError) as e:
        c.check_cores(2)
    [d] = e.value.diagnostics
    assert d.hint and d.span.line
    return "\n".join([d.message, *(f"note: {words}" for _, words in d.also)])


@pytest.mark.parametrize(("compiled", "words"), [
    (lambda: oneway(Learning), "nothing in a packet tells which part of the HashMap where of Learning it will meet: "
     "this chain runs on one core"),
    (lambda: between(lambda: VlanStats() >> PacketStats()),
     "sessions of VlanStats are told apart by vlan.vid, which sessions of PacketStats do not keep together: this chain runs on "
     "one core\nnote: sessions of PacketStats are told apart by ip.dst, ip.src, l4.dport, l4.sport, and have answers"),
    (lambda: between(lambda: Hosts() >> PacketStats()),
     "sessions of Hosts are told apart by ip.src, which sessions of PacketStats do not keep together: this chain runs on one core"
     "\nnote: sessions of PacketStats are told apart by ip.dst, ip.src, l4.dport, l4.sport, and have answers"),
    (lambda: between(lambda: Pairs() >> NAT(PUBLIC)),
     "sessions of Pairs are told apart by ip.dst, ip.src, which sessions of NAT do not keep together: this chain runs on one core"
     "\nnote: sessions of NAT are told apart by ip.dst, ip.src, l4.dport, l4.sport and by the port that was taken"),
    (lambda: between(lambda: PacketStats(), inner=True), "port lan looks into tunnels, and which core has a packet depends on its "
     "outermost headers: this chain runs on one core"),
    (lambda: oneway(Clock), "on_timer of Clock runs on each core, and each of them would do this"),
    (lambda: between(lambda: Filter(TCP | UDP) >> NAT(PUBLIC) >> NAT(PUBLIC, low=5000, high=6000)),
     "two elements take ports 5000 to 6000 of one address: cores cannot tell whose answers come"),
], ids=["map", "vlans", "hosts", "pairs and nat", "inner", "timer", "ranges"])
def test_what_cannot_be_split(compiled: Callable[[], Compiled], words: str) -> None:
    assert words in refused(compiled())


def test_declared_wrongly() -> None:
    with pytest.raises(CompileError, match="cores=2 of Many is neither 0 nor 1"):
        @element(cores=2)
        class Many(Element):
            def process_packet(self, pkt: Packet) -> Action:
                return PASS


def test_icmp_is_of_its_pair() -> None:
    c = between(lambda: Filter(ICMP))
    assert isinstance(c, Compiled) and tuple(sorted(spread(c, "ip", "icmp").fields)) == PAIR



@pytest.mark.parametrize("example", sorted(p.stem for p in EXAMPLES.glob("*.py")))
def test_examples(example: str) -> None:
    c = compile_chain(load_chain(str(EXAMPLES / f"{example}.py")))
    alone = {"vlan_stats": "sessions of VlanStats", "tunnels": "looks into tunnels"}
    if example in alone:
        assert alone[example] in refused(c)
    else:
        c.check_cores(32)


def test_a_tap_with_a_limit() -> None:
    def tapped(limit: int) -> Compiled:
        @chain
        def tap() -> Iterator[Any]:
            t = Capture(limit=limit)
            yield Port("lan") >> t >> Port("wan")
            yield t[1] >> Port("tap")
        return compile_chain(tap)

    assert spread(tapped(10), "ip", "tcp") == Spread() and spread(tapped(0), "ip", "tcp").symmetric
