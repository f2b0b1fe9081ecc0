"""Statistics, VLAN tags, copies, limits, Filter."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from scapy.layers.l2 import Dot1Q, Ether

import mcc
from mcc import UDP as UDP_CLASS
from mcc import FlowClassifier, Port
from mcc.std import Capture, Filter, Mirror, PacketStats, PortStats, RateLimiter, Sampler, VlanStats, VlanStrip, VlanTag
from tests.unit.std.kit import CLIENT, SERVER, Boxes, arp, between, survive, tcp, tcp6, udp


@pytest.fixture(scope="module")
def stats() -> Boxes:
    return between(lambda: PacketStats() >> VlanStats() >> PortStats())


@pytest.fixture(scope="module")
def copies() -> Boxes:
    def make() -> Iterator[Any]:
        mirror, tap = Mirror(UDP_CLASS), Capture(limit=3)
        yield Port("lan") >> VlanTag(5) >> mirror >> tap >> FlowClassifier() >> VlanStrip() >> Port("wan")
        yield mirror[1] >> Sampler(2) >> Port("sample")
        yield tap[1] >> Port("tap")
    return Boxes(make)


def scratches(box: Any, element: str) -> list[tuple[Any, dict[str, int]]]:
    """(key, scratch) of each session of an element that has ended, one-way sessions and directions alike."""
    out = []
    for s in box.sessions():
        for part in (s, s.get("to_server", {}), s.get("to_client", {})):
            if element in part.get("scratch", {}):
                out.append((s["key"], part["scratch"][element]))
    return out


def test_packets_by_direction(stats: Boxes, backend: str) -> None:
    with stats.open(backend) as box:
        box.send_burst([("lan", tcp()), ("lan", tcp(data=b"12345", flags="A"))], at=1)
        box.send("wan", tcp(src=SERVER, dst=CLIENT, sport=80, dport=4000), at=2)
        box.send("lan", arp(1, SERVER), at=2)
        box.finish()
        found = [c for _, c in scratches(box, "PacketStats")]
        assert found == [{"packets": 2, "bytes": len(tcp()) * 2 + 5}, {"packets": 1, "bytes": len(tcp())}]


def test_packets_by_port(backend: str) -> None:
    boxes = between(PortStats)
    with boxes.open(backend) as box:
        for sport, dport in ((1, 80), (2, 80), (3, 443), (1, 80)):
            box.send("lan", tcp(sport=sport, dport=dport), at=1)
        box.send("lan", udp(dport=80), at=1)
        box.send("lan", tcp6(), at=1)
        box.finish()
        found = {k["dport"]: c["packets"] for k, c in scratches(box, "PortStats")}
        assert found == {80: 4, 443: 1}


def test_packets_by_vlan(backend: str) -> None:
    boxes = between(VlanStats)
    with boxes.open(backend) as box:
        for vlan in (7, 8, 7, 0):
            box.send("lan", tcp(vlan=vlan), at=1)
        box.send("lan", bytes(Ether() / Dot1Q(vlan=7) / Dot1Q(vlan=9) / (b"x" * 20)), at=1)
        box.finish()
        found = {k["vlan"]: c["packets"] for k, c in scratches(box, "VlanStats")}
        assert found == {7: 3, 8: 1}


def test_tags(backend: str) -> None:
    boxes = between(lambda: VlanTag(100))
    with boxes.open(backend) as box:
        for frame in (tcp(), tcp(vlan=3), arp(1, SERVER)):
            got = box.send("lan", frame, at=1)[0].frame
            assert got == frame[:12] + b"\x81\x00\x00\x64" + frame[12:]
    strip = between(VlanStrip)
    with strip.open(backend) as box:
        assert box.send("lan", tcp(vlan=3), at=1)[0].frame == tcp()
        assert box.send("lan", tcp(), at=1)[0].frame == tcp()
        two = bytes(Ether() / Dot1Q(vlan=1) / Dot1Q(vlan=2) / b"xy")
        assert Ether(box.send("lan", two, at=1)[0].frame)[Dot1Q].vlan == 2


def test_copies(copies: Boxes, backend: str) -> None:
    with copies.open(backend) as box:
        sent = [(s.port, s.frame) for i in range(4) for s in box.send("lan", udp(sport=i), at=i)]
        sent += [(s.port, s.frame) for s in box.send("lan", tcp(), at=5)]
        by = {p: [f for q, f in sent if q == p] for p in ("wan", "sample", "tap")}
        assert by["wan"] == [*(udp(sport=i) for i in range(4)), tcp()]
        assert by["sample"] == [udp(sport=i, vlan=5) for i in (0, 2)]
        assert by["tap"] == [udp(sport=i, vlan=5) for i in (0, 1, 2)]
        assert box.stats()["made"] == 7


def test_a_capture_of_everything(backend: str) -> None:
    def make() -> Iterator[Any]:
        tap = Capture()
        yield Port("lan") >> tap >> Port("wan")
        yield tap[1] >> Port("tap")
    with Boxes(make).open(backend) as box:
        for f in (tcp(), arp(1, SERVER), b"", b"short"):
            assert sorted((s.port, s.frame) for s in box.send("lan", f, at=1)) == [("tap", f), ("wan", f)]


def test_rate(backend: str) -> None:
    size = len(tcp())
    boxes = between(lambda: RateLimiter(size * 10, burst=size * 3))
    with boxes.open(backend) as box:
        assert [len(box.send("lan", tcp(), at=1)) for _ in range(5)] == [1, 1, 1, 0, 0]
        assert [len(box.send("lan", tcp(), at=1.11)) for _ in range(2)] == [1, 0]
        through = sum(len(box.send("lan", tcp(), at=2 + i / 40)) for i in range(400))
        assert 100 <= through <= 104, "ten a second for ten seconds, and what was saved"
        assert box.stats()["elements"]["RateLimiter"]["counters"] == {"passed": through + 4, "dropped": 403 - through}


def test_filter(backend: str) -> None:
    boxes = between(lambda: Filter(mcc.cls("udp port 53")))
    with boxes.open(backend) as box:
        assert len(box.send("lan", udp(), at=1)) == 1
        assert box.send("lan", udp(dport=54), at=1) == [] == box.send("wan", tcp(), at=1)
        assert box.stats()["drops"] == {"others:Filter": 2}


@pytest.mark.parametrize("make, words", [
    (lambda: VlanTag(4096), "4096 is not a VLAN number"), (lambda: Sampler(0), "one in 0 packets"),
    (lambda: RateLimiter(0), "rate=0, burst=65536 cannot be kept")])
def test_parameters_that_make_no_sense(make: Any, words: str) -> None:
    with pytest.raises(mcc.CompileError, match=words):
        make()


def test_hostile_frames(stats: Boxes, copies: Boxes) -> None:
    survive(stats, ("lan", "wan"))
    survive(copies, ("lan",))
