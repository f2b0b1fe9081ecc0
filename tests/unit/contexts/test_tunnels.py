"""Packets made here for connections inside tunnels, and changes that a tunnel forbids; frames by scapy, answers by hand."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from scapy.contrib.gtp import GTP_U_Header
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.ipsec import AH
from scapy.layers.l2 import GRE, Ether
from scapy.packet import Packet as Frame
from scapy.packet import Raw

from mcc import PASS, RESET, TCP4, Action, Element, Packet, Port, Stream, chain, duplex, element, tcp
from mcc.api import Module
from mcc.driver import compile_chain

CLIENT, SERVER = "10.0.0.5", "10.0.1.1"
NEAR, FAR = "192.0.2.1", "192.0.2.2"
A, B = "02:00:00:00:00:0a", "02:00:00:00:00:0b"


@element(session=TCP4)
class Refuses(Element):
    """RESET for whoever says "evil"."""

    def process_data(self, stream: Stream) -> Action:
        for _ in stream.matches(b"evil"):
            return RESET
        return PASS


@element
class Shortens(Element):
    def process_packet(self, pkt: Packet) -> Action:
        if pkt.is_ip and pkt.ip.ttl > 32:
            pkt.ip.ttl = 32
        return PASS


@cache
def module(what: type[Element]) -> Module:
    def make() -> Iterator[Any]:
        one = what()
        yield duplex(Port("lan", inner=True), tcp(one) if what is Refuses else one, Port("wan", inner=True))
    return Module(compile_chain(chain(make)), level="-O0")


def gre(up: bool) -> Frame:
    return Ether(src=A if up else B, dst=B if up else A) / IP(src=NEAR if up else FAR, dst=FAR if up else NEAR) / GRE()


def gtp(up: bool) -> Frame:
    """Each direction has a tunnel number that the other end chose (3GPP TS 29.281)."""
    return (Ether(src=A if up else B, dst=B if up else A) / IP(src=NEAR if up else FAR, dst=FAR if up else NEAR)
            / UDP(sport=2152, dport=2152) / GTP_U_Header(teid=0x1111 if up else 0x2222, gtp_type=255))


def segment(up: bool, flags: str, seq: int, ack: int, data: bytes = b"") -> Frame:
    ends = {"src": CLIENT, "dst": SERVER} if up else {"src": SERVER, "dst": CLIENT}
    ports = {"sport": 4000, "dport": 80} if up else {"sport": 80, "dport": 4000}
    return IP(**ends) / TCP(**ports, flags=flags, seq=seq, ack=ack) / Raw(data) if data else IP(**ends) / TCP(
        **ports, flags=flags, seq=seq, ack=ack)


def talk(box: Any, around: Any, *, answers: bool) -> list[tuple[str, Frame]]:
    """Open, and then the client says it; what leaves last. `answers`: the server's direction comes by too."""
    at = 1.0
    script = [(True, "S", 100, 0, b""), (False, "SA", 500, 101, b""), (True, "A", 101, 501, b""),
              (True, "PA", 101, 501, b"so evil")]
    for up, flags, seq, ack, data in script:
        if not up and not answers:
            continue
        at += 0.01
        out = box.send("lan" if up else "wan", bytes(around(up) / segment(up, flags, seq, ack, data)), at=at)
    return [(s.port, Ether(bytes(s.frame))) for s in out]


def drops(box: Any) -> dict[str, int]:
    return {k: v for k, v in box.stats()["drops"].items() if v}


def test_an_answer_in_gre_goes_back_between_the_ends_of_the_tunnel() -> None:
    """GRE says nothing of directions: the answer's tunnel has the addresses exchanged (docs/tunnels.md)."""
    with module(Refuses).open(start=0.0) as box:
        out = talk(box, gre, answers=False)
        back = [f for port, f in out if port == "lan" and f[TCP].flags.R]
        assert len(back) == 1
        outer, inner = back[0][IP], back[0][GRE].payload
        assert (back[0].src, back[0].dst, outer.src, outer.dst) == (B, A, FAR, NEAR)
        assert (inner.src, inner.dst, inner[TCP].sport, inner[TCP].seq) == (SERVER, CLIENT, 80, 501)
        again = back[0].copy()
        for layer in (outer.__class__, TCP):
            del again[layer].chksum
        del again[GRE].payload.chksum
        del again[IP].len
        assert bytes(again) == bytes(back[0]), "lengths and checksums as scapy computes them"


def test_an_answer_in_gtp_needs_the_number_of_the_other_direction() -> None:
    with module(Refuses).open(start=0.0) as box:
        out = talk(box, gtp, answers=False)
        assert [port for port, f in out if port == "lan"] == []
        assert drops(box)["no_way_back"] >= 1
        stats = box.stats()
        came, went = (sum(p[k] for p in stats["ports"].values()) for k in ("rx_packets", "tx_packets"))
        assert came + stats["made"] == went + sum(stats["drops"].values()) + stats["held"], stats
    with module(Refuses).open(start=0.0) as box:
        back = [f for port, f in talk(box, gtp, answers=True) if port == "lan"]
        assert [(f[GTP_U_Header].teid, f[TCP].flags.R) for f in back] == [(0x2222, True)]
        assert "no_way_back" not in drops(box)


@pytest.mark.parametrize("backend", ["c", "python"])
def test_what_ah_seals_is_not_changed(backend: str) -> None:
    """RFC 4302: whoever changes it breaks its integrity check value, so a changed packet is dropped, others pass as they are."""
    def frame(ttl: int) -> bytes:
        sealed = AH(nh=4, payloadlen=4, spi=7, seq=1, icv=bytes(12)) / IP(src=CLIENT, dst=SERVER, ttl=ttl) / TCP()
        return bytes(Ether(src=A, dst=B) / IP(src=NEAR, dst=FAR, proto=51) / sealed)

    with module(Shortens).open(backend=backend, start=0.0) as box:
        assert [(s.port, bytes(s.frame)) for s in box.send("lan", frame(30), at=1.0)] == [("wan", frame(30))]
        assert box.send("lan", frame(64), at=1.1) == []
        assert drops(box) == {"sealed": 1}
