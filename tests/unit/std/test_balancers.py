"""LoadBalancer and ReverseProxy: whose turn it is, what is rewritten, what is refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from scapy.layers.inet import IP, TCP, UDP

from mcc import ip4
from mcc.std import NAT, LoadBalancer, ReverseProxy
from tests.unit.std.kit import CLIENT, PUBLIC, SERVER, Boxes, between, one, survive, tcp, tcp6, udp

SERVERS = ["10.0.1.1", "10.0.1.2", "10.0.1.3"]
POOL = [ip4(s) for s in SERVERS]


@pytest.fixture(scope="module")
def balanced() -> Boxes:
    return between(lambda: LoadBalancer(POOL))


@pytest.fixture(scope="module")
def direct() -> Boxes:
    return between(lambda: LoadBalancer(POOL, direct=True))


@pytest.fixture(scope="module")
def proxied() -> Boxes:
    return between(lambda: ReverseProxy(ip4(PUBLIC), POOL, high=1027))


@pytest.mark.parametrize("make", [tcp, udp])
def test_round_robin_and_answers(balanced: Boxes, backend: str, make: Callable[..., bytes]) -> None:
    with balanced.open(backend) as box:
        for i in range(4):
            out = one(box.send("lan", make(sport=5000 + i), at=1), "wan")
            assert (out[IP].src, out[IP].dst) == (CLIENT, SERVERS[i % 3])
        again = one(box.send("lan", make(sport=5001), at=1), "wan")
        assert again[IP].dst == SERVERS[1], "a connection stays with its server"
        back = one(box.send("wan", make(src=SERVERS[1], dst=CLIENT, sport=again.dport, dport=5001), at=2), "lan")
        assert (back[IP].src, back[IP].dst) == (SERVER, CLIENT)
        assert box.stats()["elements"]["LoadBalancer"]["counters"] == {"sessions": 4}


def test_direct_answers_pass_as_they_are(direct: Boxes, backend: str) -> None:
    with direct.open(backend) as box:
        assert one(box.send("lan", tcp(), at=1), "wan")[IP].dst == SERVERS[0]
        answer = tcp(src=SERVER, dst=CLIENT, sport=80, dport=4000, flags="SA")
        assert [(s.port, s.frame) for s in box.send("wan", answer, at=1)] == [("lan", answer)]
        assert box.stats()["sessions"]["created"] == 1


@pytest.mark.parametrize("make", [tcp, udp])
def test_behind_it_a_nat(backend: str, make: Callable[..., bytes]) -> None:
    """Each says its part of what answers carry: the balancer the server, NAT its address and the port it took."""
    boxes = between(lambda: LoadBalancer(POOL), lambda: NAT(ip4(PUBLIC)))
    with boxes.open(backend) as box:
        for i in range(4):
            out = one(box.send("lan", make(sport=5000 + i), at=1), "wan")
            assert (out[IP].src, out[IP].dst) == (PUBLIC, SERVERS[i % 3])
            answer = make(src=SERVERS[i % 3], dst=PUBLIC, sport=out.dport, dport=out.sport)
            back = one(box.send("wan", answer, at=2), "lan")
            assert (back[IP].src, back[IP].dst, back.dport) == (SERVER, CLIENT, 5000 + i)
        assert box.stats()["sessions"]["created"] == 4


def test_ipv6_goes_by(balanced: Boxes, backend: str) -> None:
    with balanced.open(backend) as box:
        assert [s.frame for s in box.send("lan", tcp6(), at=1)] == [tcp6()]


@pytest.mark.parametrize("make, layer", [(tcp, TCP), (udp, UDP)])
def test_proxy_there_and_back(proxied: Boxes, backend: str, make: Callable[..., bytes], layer: type) -> None:
    with proxied.open(backend) as box:
        for i in range(3):
            out = one(box.send("lan", make(dst=PUBLIC, dport=80, sport=5000 + i), at=1), "wan")
            assert (out[IP].src, out[IP].dst) == (PUBLIC, SERVERS[i])
            assert (out[layer].sport, out[layer].dport) == (1024 + i, 80)
            answer = make(src=SERVERS[i], dst=PUBLIC, sport=80, dport=1024 + i)
            back = one(box.send("wan", answer, at=1.1), "lan")
            assert (back[IP].src, back[IP].dst) == (PUBLIC, CLIENT)
            assert (back[layer].sport, back[layer].dport) == (80, 5000 + i)


@pytest.mark.parametrize("frame, reason", [
    (tcp(dst=PUBLIC, flags="A"), "reset:ReverseProxy"), (tcp(dst=PUBLIC, dport=81), "reset:ReverseProxy"),
    (tcp(dst=PUBLIC, flags="SA"), "reset:ReverseProxy"), (udp(dst=PUBLIC), "drop:ReverseProxy")])
def test_proxy_refuses(proxied: Boxes, backend: str, frame: bytes, reason: str) -> None:
    with proxied.open(backend) as box:
        assert box.send("lan", frame, at=1) == []
        assert box.stats()["drops"] == {reason: 1}
        assert box.stats()["elements"]["ReverseProxy"]["counters"]["refused"] == 1


def test_proxy_runs_out_of_ports(proxied: Boxes, backend: str) -> None:
    with proxied.open(backend) as box:
        sent = [box.send("lan", tcp(dst=PUBLIC, sport=5000 + i), at=1) for i in range(5)]
        assert [len(s) for s in sent] == [1, 1, 1, 1, 0]
        box.advance(to=400)
        assert one(box.send("lan", tcp(dst=PUBLIC, sport=6000), at=401), "wan")[TCP].sport == 1024


def test_proxy_leaves_the_rest_alone(proxied: Boxes, backend: str) -> None:
    with proxied.open(backend) as box:
        for f in (tcp(), tcp6()):
            assert [(s.port, s.frame) for s in box.send("lan", f, at=1)] == [("wan", f)]


@pytest.mark.parametrize("which", ["balanced", "direct", "proxied"])
def test_hostile_frames(which: str, request: pytest.FixtureRequest) -> None:
    survive(request.getfixturevalue(which), ("lan", "wan"))
