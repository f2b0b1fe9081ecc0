"""The chains of `bench.live`: figure 12's proxy, a NAT, and the chains of figure 13, each one function longer."""

from collections.abc import Iterator
from typing import Any

from mcc import ARP, TCP, In, Port, chain, duplex, ip4, tcp
from mcc.std import IPS, NAT, Firewall, PacketStats, ReverseProxy, StreamChecksum, StreamStats

VIP = ip4("198.18.1.1")
PUBLIC = ip4("198.18.2.1")
SERVERS = [ip4(f"198.18.2.{i}") for i in range(11, 15)]
WORDS = [b"ATTACK", b"/etc/passwd", b"cmd.exe", b"<script>alert(", b"UNION SELECT"]
"""None of them is in the files that are served."""


def _rules() -> Any:
    return Firewall([(TCP & (In.port == 0), "pass"), (ARP, "pass")])


@chain
def proxy() -> Iterator[Any]:
    """The paper's V-A: each connection to the next of four servers."""
    yield duplex(Port("lan"), ReverseProxy(VIP, SERVERS), Port("wan"))


@chain
def chain1() -> Iterator[Any]:
    """NAT."""
    yield duplex(Port("lan"), NAT(PUBLIC), Port("wan"))


@chain
def chain2() -> Iterator[Any]:
    """+ packets and bytes a connection."""
    yield duplex(Port("lan"), PacketStats() >> NAT(PUBLIC), Port("wan"))


@chain
def chain3() -> Iterator[Any]:
    """+ a stateful firewall."""
    yield duplex(Port("lan"), _rules() >> PacketStats() >> NAT(PUBLIC), Port("wan"))


@chain
def chain4() -> Iterator[Any]:
    """+ a load balancer: ReverseProxy does the NAT's work too, and takes its place."""
    yield duplex(Port("lan"), _rules() >> PacketStats() >> ReverseProxy(VIP, SERVERS), Port("wan"))


@chain
def chain5() -> Iterator[Any]:
    """+ TCP streams put in order, their bytes counted."""
    streams = tcp([StreamStats()])
    yield duplex(Port("lan"), _rules() >> PacketStats() >> streams >> ReverseProxy(VIP, SERVERS), Port("wan"))


@chain
def chain6() -> Iterator[Any]:
    """+ a checksum of each stream."""
    streams = tcp([StreamStats(), StreamChecksum()])
    yield duplex(Port("lan"), _rules() >> PacketStats() >> streams >> ReverseProxy(VIP, SERVERS), Port("wan"))


@chain
def chain7() -> Iterator[Any]:
    """+ an IPS that searches for words."""
    streams = tcp([StreamStats(), StreamChecksum(), IPS(WORDS)])
    yield duplex(Port("lan"), _rules() >> PacketStats() >> streams >> ReverseProxy(VIP, SERVERS), Port("wan"))
