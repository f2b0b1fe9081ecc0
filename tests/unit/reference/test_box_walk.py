"""Walks in the reference, against expectations written by hand from docs/semantics.md 3."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from scapy.layers.l2 import ARP, Ether

from mcc.lang.chain import Drop, FlowClassifier, Port, chain, duplex
from mcc.lang.classes import ANY, HTTP, Tcp
from mcc.lang.classes import TCP as TCP_CLASS
from mcc.lang.classes import UDP as UDP_CLASS
from mcc.lang.element import Element, element
from mcc.lang.packet import CLOSE, DROP, PASS, Action, Packet, to
from mcc.lang.state import Counter, Table
from mcc.lang.types import u16
from tests.unit.reference.kit import LAN, WAN, Mark, TcpCount, box, ports, tcp, udp


def test_the_first_link_whose_class_holds_is_taken() -> None:
    def make() -> Iterator[Any]:
        lan = Port("lan")
        yield lan >> {HTTP: Port("web"), UDP_CLASS: Drop(), TCP_CLASS: Port("other")}
    b = box(make)
    assert ports(b.send("lan", tcp())) == ["web"] and ports(b.send("lan", tcp(vlan=5))) == ["web"]
    assert ports(b.send("lan", tcp(dport=81))) == ["other"]
    assert b.send("lan", udp()) == [] and b.send("lan", bytes(Ether() / ARP())) == []
    assert b.stats()["drops"] == {"drop": 1, "unmatched": 1}
    assert b.send("web", tcp()) == []


def test_packets_outside_a_class_go_by_or_are_dropped() -> None:
    @element(cls=TCP_CLASS & (Tcp.dport == 80), others="drop")
    class Web(Element):
        def process_packet(self, pkt: Packet) -> Action:
            pkt.ip.id = 7
            return PASS

    def make() -> Iterator[Any]:
        yield Port("lan") >> TcpCount() >> Web() >> Port("wan")
    b = box(make)
    assert len(b.send("lan", tcp())) == 1 and b.send("lan", udp()) == [] and b.send("lan", tcp(dport=22)) == []
    stats = b.stats()
    assert stats["drops"] == {"others:Web": 2} and stats["elements"]["Web"]["packets"] == 1
    assert stats["elements"]["TcpCount"]["packets"] == 2


def test_classes_are_asked_before_any_handler_runs_and_anew_behind_a_classifier() -> None:
    @element
    class To80(Element):
        def process_packet(self, pkt: Packet) -> Action:
            if pkt.is_tcp:
                pkt.tcp.dport = 80
            return PASS

    def plain() -> Iterator[Any]:
        yield Port("lan") >> To80() >> {HTTP: Port("web"), ANY: Port("rest")}

    def again() -> Iterator[Any]:
        yield Port("lan") >> To80() >> FlowClassifier() >> {HTTP: Port("web"), ANY: Port("rest")}
    assert ports(box(plain).send("lan", tcp(dport=5))) == ["rest"]
    assert ports(box(again).send("lan", tcp(dport=5))) == ["web"]


def test_verdicts_faults_and_outputs() -> None:
    @element(ports=(1, 2))
    class Pick(Element):
        def setup(self) -> None:
            self.t = Table(u16, [1, 2])
            self.hits = Counter()

        def process_packet(self, pkt: Packet) -> Action:
            self.hits += 1
            if pkt.udp.dport == 1:
                return to(1)
            if pkt.udp.dport == 2:
                return DROP
            if pkt.udp.dport == 3 and self.t[pkt.udp.sport] == 0:
                return PASS
            return PASS

    def make() -> Iterator[Any]:
        p = Pick()
        yield Port("lan") >> p >> Port("a")
        yield p[1] >> Port("b")
    b = box(make)
    assert [ports(b.send("lan", udp(dport=d))) for d in (0, 1, 2, 3)] == [["a"], ["b"], [], []]
    assert ports(b.send("lan", tcp())) == ["a"], "not UDP: outside the class of what touches pkt.udp"
    stats = b.stats()
    assert stats["drops"] == {"drop:p": 1, "fault:p": 1} and stats["elements"]["p"]["faults"] == 1
    assert stats["elements"]["p"]["counters"] == {"hits": 4}


def test_duplex_walks_back_in_reverse_order() -> None:
    @chain
    def make() -> Iterator[Any]:
        yield duplex(Port("lan"), Mark(1) >> Mark(2), Port("wan"))
    b = box(make)
    ident = [int.from_bytes(s.frame[18:20], "big") for s in b.send("lan", tcp()) + b.send("wan", tcp())]
    assert ident == [112, 121], "scapy's id 1, then 1 2 and 2 1"


def test_answers_of_a_session_walk_back_and_closing_without_a_session_drops() -> None:
    @element(cls=UDP_CLASS)
    class Stop(Element):
        def process_packet(self, pkt: Packet) -> Action:
            return CLOSE

    @chain
    def make() -> Iterator[Any]:
        yield duplex(Port("lan"), Mark(1) >> TcpCount() >> Mark(2) >> Stop(), Port("wan"))
    b = box(make)
    ident = [int.from_bytes(s.frame[18:20], "big") for s in b.send("lan", tcp()) + b.send(
        "wan", tcp(WAN, LAN, 80, 1000, "SA"))]
    assert ident == [112, 121]
    assert b.send("lan", udp()) == [] and b.stats()["drops"] == {"drop:Stop": 1}
