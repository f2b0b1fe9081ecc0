"""NAT and NATIcmp: addresses, ports, checksums, and who may begin."""

from __future__ import annotations

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.l2 import Ether

from mcc import ARP as ARP_CLASS
from mcc import ICMP as ICMP_CLASS
from mcc import TCP as TCP_CLASS
from mcc import UDP as UDP_CLASS
from mcc import ip4
from mcc.std import NAT, Filter, NATIcmp
from tests.unit.std.kit import CLIENT, PUBLIC, SERVER, Boxes, arp, between, eth, one, ping, survive, tcp, tcp6, udp

OTHER = "10.0.0.6"


@pytest.fixture(scope="module")
def boxes() -> Boxes:
    only = TCP_CLASS | UDP_CLASS | ICMP_CLASS | ARP_CLASS
    return between(lambda: NAT(ip4(PUBLIC), high=1026) >> NATIcmp(ip4(PUBLIC)) >> Filter(only))


@pytest.mark.parametrize("make, layer", [(tcp, TCP), (udp, UDP)])
def test_there_and_back(boxes: Boxes, backend: str, make: object, layer: type) -> None:
    assert callable(make)
    with boxes.open(backend) as box:
        for client in (CLIENT, OTHER):
            out = one(box.send("lan", make(src=client), at=1), "wan")
            taken = out[layer].sport
            assert (out[IP].src, out[IP].dst, out[layer].dport) == (PUBLIC, SERVER, make is tcp and 80 or 53)
            assert taken in (1024, 1025)
            more = {"flags": "SA"} if make is tcp else {}
            answer = make(src=SERVER, dst=PUBLIC, sport=out[layer].dport, dport=taken, **more)
            back = one(box.send("wan", answer, at=1.1), "lan")
            assert (back[IP].src, back[IP].dst, back[layer].dport) == (SERVER, client, 4000)
        assert box.stats()["elements"]["NAT"]["counters"] == {"sessions": 2, "refused": 0, "exhausted": 0}


@pytest.mark.parametrize("frame, port", [
    (tcp(src=SERVER, dst=PUBLIC, dport=1024), "wan"), (udp(src=SERVER, dst=PUBLIC, dport=1024), "wan"),
    (tcp(src=SERVER, dst=CLIENT), "wan"), (tcp(flags="A"), "lan"), (tcp(flags="SA"), "lan"), (tcp(dst=PUBLIC), "lan")])
def test_who_may_not_begin(boxes: Boxes, backend: str, frame: bytes, port: str) -> None:
    with boxes.open(backend) as box:
        assert box.send(port, frame, at=1) == []
        stats = box.stats()
        assert stats["drops"] == {"drop:NAT": 1} and stats["sessions"]["active"] == 0
        assert stats["elements"]["NAT"]["counters"]["refused"] == 1


def test_another_server_may_not_answer(boxes: Boxes, backend: str) -> None:
    with boxes.open(backend) as box:
        box.send("lan", udp(), at=1)
        assert box.send("wan", udp(src="198.51.100.8", dst=PUBLIC, sport=53, dport=1024), at=1) == []


def test_ports_run_out_and_come_back(boxes: Boxes, backend: str) -> None:
    with boxes.open(backend) as box:
        for i in range(4):
            box.send("lan", tcp(sport=5000 + i), at=1)
        assert box.stats()["elements"]["NAT"]["counters"]["exhausted"] == 1
        box.send("lan", tcp(sport=5000, flags="R"), at=2)
        assert one(box.send("lan", tcp(sport=5009), at=3), "wan")[TCP].sport == 1024


def test_udp_without_a_checksum_stays_so(boxes: Boxes, backend: str) -> None:
    with boxes.open(backend) as box:
        frame = bytes(eth() / IP(src=CLIENT, dst=SERVER) / UDP(sport=1, dport=2, chksum=0) / b"x")
        assert Ether(box.send("lan", frame, at=1)[0].frame)[UDP].chksum == 0


def test_behind_a_vlan_tag(boxes: Boxes, backend: str) -> None:
    with boxes.open(backend) as box:
        assert one(box.send("lan", tcp(vlan=9), at=1), "wan")[IP].src == PUBLIC


def test_ping_there_and_back(boxes: Boxes, backend: str) -> None:
    with boxes.open(backend) as box:
        ids = []
        for client in (CLIENT, OTHER, CLIENT):
            out = one(box.send("lan", ping(src=client), at=1), "wan")
            ids.append(out[ICMP].id)
            assert (out[IP].src, out[IP].dst, out[ICMP].seq) == (PUBLIC, SERVER, 1)
            back = one(box.send("wan", ping(src=SERVER, dst=PUBLIC, id=ids[-1], reply=True), at=1.1), "lan")
            assert (back[IP].src, back[IP].dst, back[ICMP].id) == (SERVER, client, 77)
        assert ids == [1, 2, 1], "the same query keeps its identifier"


@pytest.mark.parametrize("frame, port", [
    (ping(src=SERVER, dst=PUBLIC), "wan"), (ping(src=SERVER, dst=PUBLIC, reply=True), "wan"), (ping(reply=True), "lan")])
def test_unwanted_pings(boxes: Boxes, backend: str, frame: bytes, port: str) -> None:
    with boxes.open(backend) as box:
        assert box.send(port, frame, at=1) == []
        assert box.stats()["elements"]["NATIcmp"]["counters"] == {"refused": 1}


def test_what_cannot_be_translated(boxes: Boxes, backend: str) -> None:
    with boxes.open(backend) as box:
        later = bytes(eth() / IP(src=CLIENT, dst=SERVER, frag=10, proto=17) / b"rest of a datagram")
        assert box.send("lan", later, at=1) == []
        assert box.stats()["drops"] == {"others:Filter": 1}
        assert one(box.send("lan", arp(1, "10.0.0.1"), at=1), "wan")
        assert [s.frame for s in box.send("lan", tcp6(), at=1)] == [tcp6()]


def test_hostile_frames(boxes: Boxes) -> None:
    survive(boxes, ("lan", "wan"))
