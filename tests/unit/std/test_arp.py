"""ARPResponder and ARPQuerier, frame by frame."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from scapy.layers.l2 import ARP, Ether

from mcc import Port, ip4, mac
from mcc.std import ARPQuerier, ARPResponder
from tests.unit.std.kit import CLIENT, MAC_A, MAC_B, MAC_ME, PUBLIC, Boxes, arp, conserved, one, survive, tcp, tcp6, udp

ME, MAC = ip4(PUBLIC), mac(MAC_ME)


def make() -> Iterator[Any]:
    lan, wan = Port("lan"), Port("wan")
    querier = ARPQuerier(ME, MAC)
    yield lan >> ~ARPResponder(ME, MAC) >> lan
    yield lan >> querier >> wan
    yield wan >> ~querier[1]


@pytest.fixture(scope="module")
def boxes() -> Boxes:
    return Boxes(make)


def test_a_request_for_the_box_is_answered(boxes: Boxes, backend: str) -> None:
    with boxes.open(backend) as box:
        p = one(box.send("lan", arp(1, PUBLIC), at=1), "lan")
        assert (p.src, p.dst, p.op) == (MAC_ME, MAC_A, 2)
        assert (p.psrc, p.hwsrc, p.pdst, p.hwdst) == (PUBLIC, MAC_ME, CLIENT, MAC_A)
        assert box.stats()["elements"]["ARPResponder"]["counters"] == {"answered": 1}


def test_a_request_for_another_address_is_dropped(boxes: Boxes, backend: str) -> None:
    with boxes.open(backend) as box:
        assert box.send("lan", arp(1, "10.9.9.9"), at=1) == []
        assert box.stats()["drops"] == {"drop:ARPResponder": 1}


def test_packets_wait_for_the_answer(boxes: Boxes, backend: str) -> None:
    with boxes.open(backend) as box:
        asked = one(box.send("lan", udp(dst="10.0.1.1"), at=1), "wan")
        assert asked[ARP].op == 1 and asked[ARP].pdst == "10.0.1.1" and asked.dst == "ff:ff:ff:ff:ff:ff"
        assert asked[ARP].psrc == PUBLIC and asked[ARP].hwsrc == MAC_ME
        assert box.send("lan", udp(dst="10.0.1.1", data=b"second"), at=1.5) == []
        assert box.stats()["held"] == 2
        sent = box.send("wan", arp(2, PUBLIC, spa="10.0.1.1", tha=MAC_ME, sha=MAC_B), at=1.6)
        assert [s.port for s in sent] == ["wan", "wan"]
        for s, data in zip(sent, (b"query", b"second"), strict=True):
            p = Ether(s.frame)
            assert (p.dst, p.src) == (MAC_B, MAC_ME) and bytes(p["UDP"].payload) == data
        known = one(box.send("lan", tcp(dst="10.0.1.1"), at=2), "wan")
        assert (known.dst, known.src) == (MAC_B, MAC_ME)
        assert box.stats()["elements"]["querier"]["counters"] == {"requests": 1, "learned": 1}


def test_a_hop_is_asked_for_once_a_second(boxes: Boxes, backend: str) -> None:
    with boxes.open(backend) as box:
        asked = [len(box.send("lan", udp(dst="10.0.1.2"), at=1 + i / 10)) for i in range(31)]
        assert 3 <= sum(asked) <= 4 and asked[:10] == [1] + [0] * 9
        assert box.stats()["held"] == 8, "of 31 packets the 8 newest wait"
        assert sum(box.stats()["drops"].values()) == 23


def test_only_answers_to_the_box_teach(boxes: Boxes, backend: str) -> None:
    with boxes.open(backend) as box:
        box.send("wan", arp(2, "10.0.0.9", spa="10.0.1.1", tha=MAC_ME), at=1)
        box.send("wan", arp(2, PUBLIC, spa="10.0.1.1", tha=MAC_A), at=1)
        assert one(box.send("lan", udp(dst="10.0.1.1"), at=2), "wan")[ARP].op == 1


@pytest.mark.parametrize("dst, want", [("224.0.0.251", "01:00:5e:00:00:fb"), ("239.255.1.2", "01:00:5e:7f:01:02"),
                                       ("255.255.255.255", "ff:ff:ff:ff:ff:ff")])
def test_groups_are_not_asked_for(boxes: Boxes, backend: str, dst: str, want: str) -> None:
    with boxes.open(backend) as box:
        assert one(box.send("lan", udp(dst=dst), at=1), "wan").dst == want


def test_a_hop_is_forgotten(boxes: Boxes, backend: str) -> None:
    with boxes.open(backend) as box:
        box.send("wan", arp(2, PUBLIC, spa="10.0.1.1", tha=MAC_ME, sha=MAC_B), at=1)
        assert one(box.send("lan", udp(dst="10.0.1.1"), at=299), "wan").dst == MAC_B
        assert one(box.send("lan", udp(dst="10.0.1.1"), at=302), "wan")[ARP].op == 1


def test_other_packets_go_by(boxes: Boxes, backend: str) -> None:
    with boxes.open(backend) as box:
        assert [(s.port, s.frame) for s in box.send("lan", tcp6(), at=1)] == [("wan", tcp6())]
        conserved(box)


def test_hostile_frames(boxes: Boxes) -> None:
    survive(boxes, ("lan", "wan"))
