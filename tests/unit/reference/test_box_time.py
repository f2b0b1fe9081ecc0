"""Emitting, parking, timers and checksums in the reference: docs/semantics.md 5 and 6."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from scapy.layers.inet import TCP
from scapy.layers.l2 import ARP, Ether

from mcc.lang.chain import Port, chain
from mcc.lang.classes import ARP as ARP_CLASS
from mcc.lang.classes import IP as IP_CLASS
from mcc.lang.classes import Arp
from mcc.lang.element import Element, element, on
from mcc.lang.packet import DROP, PASS, Action, Packet, alert, arp_request, emit
from mcc.lang.state import Counter, HashMap, PerCore
from mcc.lang.types import Addr4, Mac, u16, u32
from tests.unit.reference.kit import LAN, WAN, box, counted, ports, tcp


@element(ports=(2, 2))
class Querier(Element):
    ip: Addr4
    mac: Mac

    def setup(self) -> None:
        self.hops = HashMap[u32, Mac](4, timeout=300, park_limit=2)

    @on(port=0, cls=IP_CLASS)
    def resolve(self, pkt: Packet) -> Action:
        hop = self.hops.get(pkt.next_hop)
        if hop is None:
            emit(arp_request(self.ip, self.mac, pkt.next_hop), port=1)
            return self.hops.park(pkt.next_hop, pkt)
        pkt.eth.dst = hop
        return PASS

    @on(port=1, cls=ARP_CLASS & (Arp.op == 2))
    def learn(self, pkt: Packet) -> Action:
        self.hops.put(pkt.arp.spa, pkt.arp.sha)
        return DROP


@chain
def querying() -> Iterator[Any]:
    q = Querier(0x0A000001, 0x020000000001)
    lan, wan = Port("lan"), Port("wan")
    yield lan >> q >> wan
    yield q[1] >> wan
    yield wan >> q[1]


REPLY = bytes(Ether() / ARP(op=2, psrc=WAN, hwsrc="02:00:00:00:00:99", pdst=LAN))


def test_packets_are_parked_until_their_hop_is_known() -> None:
    b = box(querying)
    sent = b.send("lan", tcp(sport=1), at=1.0)
    assert ports(sent) == ["wan"] and Ether(sent[0].frame)[ARP].pdst == WAN and len(sent[0].frame) == 60
    b.send("lan", tcp(sport=2), at=1.1)
    b.send("lan", tcp(sport=3), at=1.2)
    stats = b.stats()
    assert stats["held"] == 2 and stats["drops"] == {"drop:q": 1} and stats["made"] == 3
    sent = b.send("wan", REPLY, at=1.5)
    assert [(Ether(s.frame)[TCP].sport, Ether(s.frame).dst, s.at) for s in sent] == [
        (2, "02:00:00:00:00:99", 1.5), (3, "02:00:00:00:00:99", 1.5)]
    assert ports(b.send("lan", tcp(sport=4), at=2.0)) == ["wan"]
    s = b.stats()
    received = sum(p["rx_packets"] for p in s["ports"].values())
    assert received + s["made"] == s["sent"] + sum(s["drops"].values()) + s["held"]


def test_parked_packets_wait_for_a_second() -> None:
    b = box(querying)
    b.send("lan", tcp(sport=1), at=1.0)
    b.advance(1.9999)
    assert b.stats()["held"] == 1
    b.advance(2.0)
    assert b.stats()["held"] == 0 and sum(b.stats()["drops"].values()) == 1


def test_timers_run_at_their_times_and_emitted_packets_leave_first() -> None:
    @element(ports=(1, 2), every=0.5)
    class Beat(Element):
        def setup(self) -> None:
            self.beats = Counter()

        def process_packet(self, pkt: Packet) -> Action:
            emit(pkt, port=1)
            pkt.ip.id = 99
            alert(u32(self.beats.value), b"beat")
            return PASS

        def on_timer(self) -> None:
            self.beats += 1
            emit(arp_request(1, 2, 3), port=1)

    def make() -> Iterator[Any]:
        b = Beat()
        yield Port("lan") >> b >> Port("a")
        yield b[1] >> Port("b")
    b = box(make, start=7.0)
    sent = b.send("lan", tcp(), at=8.0)
    assert [(s.port, s.at) for s in sent] == [("b", 7.5), ("b", 8.0), ("b", 8.0), ("a", 8.0)]
    assert sent[2].frame == tcp() and b.alerts() == [
        {"time": 8.0, "element": "b", "id": 2, "text": "beat"}]


def test_time_never_moves_back() -> None:
    b = box(counted)
    b.send("lan", tcp(), at=5.0)
    assert b.send("lan", tcp(), at=3.0)[0].at == 3.0
    b.finish(run_out=False)
    assert b.sessions()[0]["last"] == 5.0


def test_per_core_state_is_one_box_s_own() -> None:
    @element
    class Turn(Element):
        def setup(self) -> None:
            self.turn: PerCore[u32] = PerCore()

        def process_packet(self, pkt: Packet) -> Action:
            self.turn.value += 1
            pkt.ip.id = u16(self.turn.value)
            return PASS

    @chain
    def make() -> Iterator[Any]:
        yield Port("lan") >> Turn() >> Port("wan")
    for _ in range(2):
        b = box(make)
        assert [s.frame[18:20] for s in b.send_burst([("lan", tcp()), ("lan", tcp())])] == [b"\0\1", b"\0\2"]


@pytest.mark.parametrize(("mode", "left"), [("keep", 1), ("verify", 0), ("fix", 1)])
def test_wrong_checksums_are_kept_dropped_or_mended(mode: str, left: int) -> None:
    frame = bytearray(tcp())
    frame[50] ^= 1
    b = box(counted, checksums=mode)
    sent = b.send("lan", bytes(frame))
    assert len(sent) == left and b.stats()["drops"] == ({} if left else {"checksum": 1})
    if left:
        assert (sent[0].frame == tcp()) == (mode == "fix")
