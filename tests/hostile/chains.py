"""The chains that hostile traffic goes through, by name. Together they hold every element of the library."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path as FilePath
from typing import Any

from mcc import (
    ANY,
    CLOSE,
    DROP,
    HTTP,
    ICMP,
    IP,
    PASS,
    RESET,
    TCP,
    TCP4,
    UDP4,
    Action,
    Counter,
    Element,
    Flow,
    FlowClassifier,
    HashMap,
    Ip,
    Packet,
    Port,
    Ports,
    Stream,
    Tcp,
    chain,
    cls,
    duplex,
    element,
    ip4,
    mac,
    struct,
    tcp,
    u16,
    u32,
    u64,
    udp,
)
from mcc.std import (
    NAT,
    ARPQuerier,
    ARPResponder,
    Capture,
    Filter,
    Firewall,
    LoadBalancer,
    Mirror,
    NATIcmp,
    PacketStats,
    PortStats,
    RateLimiter,
    ReverseProxy,
    Sampler,
    VlanStats,
    VlanStrip,
    VlanTag,
)

EXAMPLES = FilePath(__file__).resolve().parents[2] / "examples"
IP_BOX, MAC_BOX, VIP = ip4("10.0.0.1"), mac("02:00:00:00:00:01"), ip4("98.138.19.88")


@struct
class Seen:
    """What Watch keeps of a connection."""

    port: u16 = 0
    packets: u64 = 0


@element(session=TCP4 | UDP4, conn=Seen, every=0.5)
class Watch(Element):
    """Uses every kind of state at once: a session, a pool that is soon empty, a map, a timer, parked packets."""

    def setup(self) -> None:
        self.ports = Ports(1, 200)
        self.map = HashMap[u32, u64](64, timeout=5)
        self.exhausted, self.ticks, self.ended = Counter(), Counter(), Counter()

    def new_session(self, c: Seen, pkt: Packet) -> Action:
        c.port = self.ports.take()
        if c.port == 0:
            self.exhausted += 1
            return DROP
        return PASS

    def process_packet(self, c: Seen, pkt: Packet, flow: Flow) -> Action:
        c.packets += 1
        if not pkt.is_ip:
            return PASS
        src = pkt.ip.src
        known = self.map.get(src)
        if known is None:
            if pkt.ip.ttl & 1 == 1:
                self.map.put(src, 1)
                return PASS
            return self.map.park(src, pkt)
        self.map.put(src, known + 1)
        return PASS

    def release(self, c: Seen) -> None:
        self.ports.give(c.port)
        self.ended += 1

    def on_timer(self) -> None:
        self.ticks += 1


@chain
def nat_firewall() -> Iterator[Any]:
    """NAT behind a firewall, pings too."""
    rules = [(cls("tcp dst port 22"), "drop"), (TCP & Ip.src.within("10.0.0.0/8"), "pass"),
             (HTTP | (Tcp.dport == 443), "pass"), (cls("udp"), "pass"), (ICMP, "pass")]
    public = ip4("192.0.2.1")
    yield duplex(Port("lan"), Firewall(rules, default="drop") >> FlowClassifier() >> NAT(public) >> NATIcmp(public),
                 Port("wan"))


@chain
def resolving() -> Iterator[Any]:
    """Figure 3 with everything in it: answers, parked packets, a balancer, a filter."""
    lan, wan = Port("lan"), Port("wan")
    arp, lb = ARPQuerier(IP_BOX, MAC_BOX), LoadBalancer([ip4("10.0.1.1"), ip4("10.0.1.2")])
    yield lan >> ~ARPResponder(IP_BOX, MAC_BOX) >> lan
    yield wan >> ~arp[1]
    yield lan >> {TCP: Filter(IP) >> lb, cls("udp"): RateLimiter(5000) >> arp, ANY: arp}
    yield lb >> arp >> wan


@chain
def tagging() -> Iterator[Any]:
    """Tags counted, taken off, put on beyond what a frame can have."""
    tags = VlanTag(5) >> VlanTag(6) >> VlanTag(7)
    yield duplex(Port("lan"), VlanStats() >> PacketStats() >> VlanStrip() >> VlanStrip() >> FlowClassifier() >> tags
                 >> FlowClassifier() >> PortStats(), Port("wan"))


@chain
def copying() -> Iterator[Any]:
    """Copies of copies."""
    lan, wan, tap = Port("lan"), Port("wan"), Port("tap")
    mirror, capture = Mirror(), Capture(cls("tcp or udp"))
    yield lan >> mirror >> capture >> wan
    yield mirror[1] >> VlanTag(9) >> Sampler(3) >> tap
    yield capture[1] >> tap
    yield wan >> Mirror(cls("ip6")) >> lan


@chain
def proxying() -> Iterator[Any]:
    """A proxy that resets what it does not know."""
    yield duplex(Port("lan"), ReverseProxy(VIP, [ip4(f"10.0.1.{i}") for i in (1, 2, 3)]) >> PacketStats(), Port("wan"))


@chain
def watching() -> Iterator[Any]:
    yield duplex(Port("lan"), Watch(), Port("wan"))


@element(session=TCP4 | UDP4)
class Swap(Element):
    """Short words that are everywhere: they are cut, grow, go, and are held."""

    words: list[bytes]
    text: bytes

    def process_data(self, stream: Stream) -> Action:
        for m in stream.matches(self.words):
            stream.replace(m, self.text)
        return PASS


@element(session=TCP4 | UDP4)
class Close(Element):
    word: bytes

    def process_data(self, stream: Stream) -> Action:
        for _m in stream.matches(self.word):
            return CLOSE
        return PASS


@element(session=TCP4 | UDP4)
class Records(Element):
    """A length byte, then as many bytes: need, at, skip."""

    def process_data(self, stream: Stream) -> Action:
        if not stream.need(1):
            return PASS
        stream.skip(1)
        if not stream.need(3):
            return PASS
        if stream.at(2) == 7:
            return RESET
        stream.skip(3)
        return PASS


@chain
def streaming() -> Iterator[Any]:
    """Streams that are edited, held, closed and reset, in two contexts."""
    lan, wan = Port("lan"), Port("wan")
    yield duplex(lan, tcp([Swap([b"\0\0", b"a", b"HTTP/1"], b"(longer)"), Close(b"\xff\xd8"), Records()], hold_timeout=0.2, buffer=65536),
                 wan)


@chain
def datagrams() -> Iterator[Any]:
    """The same over UDP, one way."""
    yield Port("lan") >> udp([Swap([b"\0", b"e"], b"12345678901234567890"), Records()]) >> Port("wan")


@chain
def tunnelled() -> Iterator[Any]:
    """Edits of streams and datagrams inside tunnels."""
    lan, wan = Port("lan", inner=True), Port("wan", inner=True)
    yield duplex(lan, tcp([Swap([b"a", b"\0\0"], b"12345678901234567890"), Records()]), wan)
    yield duplex(Port("left", inner=True), udp(Swap([b"\0", b"e"], b"")), Port("right", inner=True))


CHAINS: dict[str, Any] = {c.name: c for c in (
    nat_firewall, resolving, tagging, copying, proxying, watching, streaming, datagrams, tunnelled)}
