"""Sessions in the reference, against expectations written by hand from docs/semantics.md 4."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from scapy.layers.inet import IP, TCP
from scapy.layers.l2 import Ether

from mcc.lang.chain import Port, chain, duplex
from mcc.lang.classes import HTTP, Ip
from mcc.lang.element import Element, element
from mcc.lang.packet import CLOSE, DROP, PASS, RESET, Action, Flow, Packet
from mcc.lang.sent import Sent
from mcc.lang.session import TCP4, Session
from mcc.lang.state import Ports
from mcc.lang.types import Addr4, struct, u16, u32
from mcc.reference.box import PythonBox
from tests.unit.reference.kit import LAN, TICK, WAN, Count, TcpCount, VlanCount, box, counted, tcp, udp


@struct
class NatState:
    port: u16 = 0
    client: u32 = 0
    client_port: u16 = 0


@element(session=TCP4, conn=NatState)
class NAT(Element):
    public: Addr4

    def setup(self) -> None:
        self.ports = Ports(5000, 5001)

    def new_session(self, c: NatState, pkt: Packet, flow: Flow) -> Action:
        if not pkt.tcp.syn:
            return DROP
        c.port = self.ports.take()
        if c.port == 0:
            return RESET
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


PUBLIC = "198.51.100.1"


@chain
def nat_chain() -> Iterator[Any]:
    yield duplex(Port("lan"), TcpCount() >> NAT(0xC6336401), Port("wan"))


def parsed(s: Sent) -> tuple[str, str, int, int]:
    ip = Ether(s.frame)[IP]
    assert Ether(s.frame)[IP].chksum == IP(bytes(ip)).chksum
    return ip.src, ip.dst, ip[TCP].sport, ip[TCP].dport


def test_nat_translates_both_ways_and_refuses() -> None:
    with box(nat_chain) as b:
        sent = b.send("lan", tcp(), at=1.0)
        assert [s.port for s in sent] == ["wan"] and parsed(sent[0]) == (PUBLIC, WAN, 5000, 80)
        fresh = Ether(sent[0].frame)
        del fresh[IP].chksum, fresh[TCP].chksum
        assert bytes(fresh) == sent[0].frame, "checksums are those of a packet made anew"
        back = b.send("wan", tcp(WAN, PUBLIC, 80, 5000, "SA"), at=1.1)
        assert [s.port for s in back] == ["lan"] and parsed(back[0]) == (WAN, LAN, 80, 1000)
        assert b.send("wan", tcp(WAN, PUBLIC, 80, 5001, "A"), at=1.2) == []
        assert b.send("lan", tcp(sport=2, flags="A"), at=1.3) == []
        assert len(b.send("lan", tcp(sport=3), at=1.4)) == 1 and b.send("lan", tcp(sport=4), at=1.5) == []
        stats = b.stats()
        assert stats["drops"] == {"drop:NAT": 1, "reset:NAT": 1} or stats["drops"] == {"drop:NAT": 2, "reset:NAT": 1}
        assert stats["sessions"]["created"] == 2 and stats["sessions"]["active"] == 2
        assert stats["elements"]["TcpCount"]["counters"]["ended"] > 0, "release of what had begun before a refusal"
        b.finish(run_out=False)
        (one, two) = b.sessions()
    assert one["key"] == {"proto": "tcp", "src": LAN, "dst": WAN, "sport": 1000, "dport": 80} and one["end"] == "end"
    assert one["to_server"]["packets"] == one["to_client"]["packets"] == 1 and one["conn"]["NAT"]["port"] == 5000
    assert one["to_server"]["scratch"] == {"TcpCount": {"packets": 1, "left": 0}} and two["key"]["sport"] == 3


def test_a_port_is_free_again_after_its_session() -> None:
    b = box(nat_chain)
    b.send("lan", tcp(sport=1), at=0)
    b.send("lan", tcp(sport=2), at=10)
    assert b.send("lan", tcp(sport=3), at=20) == []
    sent = b.send("lan", tcp(sport=4), at=300 + 10 * TICK)
    assert parsed(sent[0])[2] == 5000 and b.stats()["sessions"]["ended"]["timeout"] == 1


def test_answers_are_found_though_the_class_is_of_questions() -> None:
    @element(session=TCP4, cls=HTTP, scratch=Count)
    class Web(Element):
        def process_packet(self, s: Count, pkt: Packet) -> Action:
            s.packets += 1
            return PASS

    @chain
    def first() -> Iterator[Any]:
        yield duplex(Port("lan"), Web(), Port("wan"))

    @element(session=TCP4, cls=HTTP & (Ip.ttl > 1), scratch=Count)
    class Young(Web):
        pass

    @chain
    def later() -> Iterator[Any]:
        yield duplex(Port("lan"), Young(), Port("wan"))
    for make, expected in ((first, 2), (later, 1)):
        b = box(make)
        b.send("lan", tcp())
        b.send("wan", tcp(WAN, LAN, 80, 1000, "SA"))
        element_stats = next(iter(b.stats()["elements"].values()))
        assert element_stats["packets"] == expected, "ttl is not in the key: classified first"


def test_timeouts_are_exact_in_ticks() -> None:
    @element(session=Session(Ip.src, timeout=1), scratch=Count)
    class Short(Element):
        def process_packet(self, s: Count, pkt: Packet) -> Action:
            s.packets += 1
            return PASS

    def make() -> Iterator[Any]:
        yield Port("lan") >> Short() >> Port("wan")
    b = box(make, start=100.0)
    b.send("lan", udp(), at=100.0 + 2.5 * TICK)
    due = 100.0 + (2 + 60) * TICK  # 1 s is 59.6 ticks
    b.advance(due - 2e-7)
    assert b.stats()["sessions"]["active"] == 1
    b.advance(due)
    assert b.stats()["sessions"]["ended"]["timeout"] == 1
    assert b.sessions()[0]["last"] == pytest.approx(100.0 + 2.5 * TICK)
    b.send("lan", udp(), at=due)
    b.send("lan", udp(), at=due + 0.9)
    b.send("lan", udp(), at=due + 1.8)
    assert b.stats()["sessions"]["created"] == 2, "it counts from the last packet"


def test_groups_are_shared_by_finer_sessions() -> None:
    @chain
    def make() -> Iterator[Any]:
        yield duplex(Port("lan"), VlanCount() >> TcpCount(), Port("wan"))
    b = box(make)
    for sport, vlan in ((1, 5), (2, 5), (3, 6), (1, 5), (4, 0)):
        b.send("lan", tcp(sport=sport, vlan=vlan), at=1)
    b.send("wan", tcp(WAN, LAN, 80, 1, "SA", vlan=5), at=1)
    assert b.stats()["elements"]["VlanCount"]["counters"] == {"made": 2, "gone": 0}
    assert b.stats()["sessions"]["created"] == 4
    b.finish(run_out=False)
    assert b.stats()["elements"]["VlanCount"]["counters"] == {"made": 2, "gone": 2 + 4 + 1}
    groups = [r for r in b.sessions() if r.get("element") == "VlanCount"]
    assert [(r["key"], r["scratch"]["VlanCount"]["packets"], r["packets"]) for r in groups] == [
        ({"vlan": 5}, 4, 4), ({"vlan": 6}, 1, 1)]


def closing(b: PythonBox, at: float) -> None:
    b.send("lan", tcp(flags="S", seq=0), at=at)
    b.send("wan", tcp(WAN, LAN, 80, 1000, "SA", seq=0, ack=1), at=at)
    b.send("lan", tcp(flags="FA", seq=1, ack=1, data=b"abc"), at=at)
    b.send("wan", tcp(WAN, LAN, 80, 1000, "FA", seq=1, ack=4), at=at)


def test_tcp_ends_by_acknowledged_fins_or_reset() -> None:
    b = box(counted)
    closing(b, 1.0)
    b.send("wan", tcp(WAN, LAN, 80, 1000, "A", seq=2, ack=5), at=1.0)
    b.send("lan", tcp(flags="P", seq=5, ack=2), at=1.0)
    b.advance(4.0)
    assert b.stats()["sessions"]["active"] == 1, "the server's FIN is not acknowledged"
    b.send("lan", tcp(flags="A", seq=5, ack=2), at=4.0)
    last = int(4.0 / TICK)
    b.advance((last + 119) * TICK)
    assert b.stats()["sessions"]["active"] == 1
    b.advance((last + 120) * TICK + 1e-8)
    assert b.stats()["sessions"]["ended"]["fin"] == 1, "2 s are 119.2 ticks"
    b.send("lan", tcp(), at=10)
    assert len(b.send("wan", tcp(WAN, LAN, 80, 1000, "R"), at=10)) == 1
    assert b.stats()["sessions"]["ended"]["rst"] == 1 and b.stats()["sessions"]["active"] == 0
    assert b.sessions()[0]["to_server"]["payload_bytes"] == 3


def test_close_and_reset_end_the_session() -> None:
    @element(session=TCP4)
    class Stop(Element):
        def process_packet(self, pkt: Packet) -> Action:
            if pkt.tcp.dport == 1:
                return CLOSE
            return RESET if pkt.tcp.dport == 2 else PASS

    def make() -> Iterator[Any]:
        yield Port("lan") >> TcpCount() >> Stop() >> Port("wan")
    b = box(make)
    assert [len(b.send("lan", tcp(dport=d))) for d in (1, 2, 3)] == [0, 0, 1]
    stats = b.stats()
    assert stats["drops"] == {"close:Stop": 1, "reset:Stop": 1} and stats["sessions"]["ended"]["closed"] == 2
    assert stats["elements"]["TcpCount"]["counters"]["ended"] == 2 * (2 + 1), "release runs once a direction"


def test_a_full_table_gives_up_the_oldest_embryonic_flow() -> None:
    b = box(counted, max_sessions=2)
    b.send("lan", tcp(sport=1), at=0)
    b.send("lan", tcp(sport=2), at=1)
    b.send("wan", tcp(WAN, LAN, 80, 1, "SA"), at=2)
    b.send("lan", tcp(sport=2), at=2.5)
    b.send("lan", tcp(sport=3), at=3)
    (gone,) = b.sessions()
    assert gone["key"]["sport"] == 2 and gone["end"] == "evicted"
    b.send("wan", tcp(WAN, LAN, 80, 3, "SA"), at=4)
    b.send("lan", tcp(sport=4), at=5)
    assert b.sessions()[0]["key"]["sport"] == 1, "no embryonic one: the one idle longest"


def test_an_answer_key_that_is_taken_ends_the_older_flow() -> None:
    @element(session=TCP4, conn=Count)
    class Same(Element):
        def new_session(self, c: Count, pkt: Packet, flow: Flow) -> Action:
            flow.reply_key(src=pkt.ip.dst, sport=80, dst=0x01020304, dport=9)
            return PASS

        def process_packet(self, c: Count, pkt: Packet) -> Action:
            c.packets += 1
            return PASS

    @chain
    def make() -> Iterator[Any]:
        yield duplex(Port("lan"), Same(), Port("wan"))
    b = box(make)
    b.send("lan", tcp(sport=1))
    b.send("lan", tcp(sport=2))
    assert b.stats()["sessions"]["ended"]["replaced"] == 1
    b.send("wan", tcp(WAN, "1.2.3.4", 80, 9, "SA"))
    b.finish(run_out=False)
    assert [(r["key"]["sport"], r["conn"]["Same"]["packets"], r["end"]) for r in b.sessions()] == [
        (1, 1, "replaced"), (2, 2, "end")]


def test_set_timeout_and_is_new() -> None:
    @element(session=TCP4, conn=Count)
    class Wait(Element):
        def process_packet(self, c: Count, pkt: Packet, flow: Flow) -> Action:
            if flow.is_new:
                c.left += 1
                flow.set_timeout(2)
            if flow.to_client:
                flow.set_timeout(0)
            return PASS

    @chain
    def make() -> Iterator[Any]:
        yield duplex(Port("lan"), Wait(), Port("wan"))
    b = box(make)
    b.send("lan", tcp(sport=1), at=0)
    b.send("lan", tcp(sport=2), at=0)
    b.send("wan", tcp(WAN, LAN, 80, 2, "SA"), at=1)
    b.advance(10000)
    assert [r["key"]["sport"] for r in b.sessions()] == [1] and b.stats()["sessions"]["active"] == 1
    b.finish(run_out=False)
    assert b.sessions()[0]["conn"]["Wait"]["left"] == 1
