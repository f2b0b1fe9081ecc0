"""Boxes of one element or path on both backends, and frames made by scapy."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import reduce
from typing import Any

from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import ARP, Dot1Q, Ether

import mcc
from mcc import Port, chain, duplex

CLIENT, SERVER, PUBLIC = "10.0.0.5", "198.51.100.7", "192.0.2.1"
MAC_A, MAC_B, MAC_ME = "02:00:00:00:00:0a", "02:00:00:00:00:0b", "02:00:00:00:00:01"
BACKENDS = ("c", "python")


class Boxes:
    """A module of one chain; `open(backend)` gives a fresh box."""

    def __init__(self, make: Callable[[], Iterator[Any]]) -> None:
        self.module = mcc.build(chain(make))

    @contextmanager
    def open(self, backend: str, **more: Any) -> Iterator[Any]:
        with self.module.open(backend=backend, **more) as box:
            yield box
            conserved(box)


def between(*boxes: Callable[[], Any]) -> Boxes:
    """duplex(Port("lan"), box(), .., Port("wan"))"""

    def make() -> Iterator[Any]:
        yield duplex(Port("lan"), reduce(operator.rshift, (box() for box in boxes)), Port("wan"))

    return Boxes(make)


def conserved(box: Any) -> None:
    """received + made = sent + dropped + held."""
    s = box.stats()
    received = sum(p["rx_packets"] for p in s["ports"].values())
    sent = sum(p["tx_packets"] for p in s["ports"].values())
    assert received + s["made"] == sent + sum(s["drops"].values()) + s["held"], s


def fixed(frame: bytes) -> bytes:
    """The frame with all lengths and checksums computed anew by scapy."""
    p = Ether(frame)
    for layer in (IP, TCP, UDP, ICMP):
        if layer in p:
            del p[layer].chksum
    return bytes(p)


def one(sent: list[Any], port: str) -> Any:
    """The only packet that left, by `port`, as scapy reads it; its checksums are right."""
    assert [s.port for s in sent] == [port], sent
    assert fixed(sent[0].frame) == sent[0].frame
    return Ether(sent[0].frame)


def eth(vlan: int = 0) -> Any:
    head = Ether(src=MAC_A, dst=MAC_B)
    return head / Dot1Q(vlan=vlan) if vlan else head


def tcp(src: str = CLIENT, dst: str = SERVER, sport: int = 4000, dport: int = 80, flags: str = "S", data: bytes = b"",
        vlan: int = 0) -> bytes:
    return bytes(eth(vlan) / IP(src=src, dst=dst) / TCP(sport=sport, dport=dport, flags=flags) / data)


def udp(src: str = CLIENT, dst: str = SERVER, sport: int = 4000, dport: int = 53, data: bytes = b"query",
        vlan: int = 0) -> bytes:
    return bytes(eth(vlan) / IP(src=src, dst=dst) / UDP(sport=sport, dport=dport) / data)


def ping(src: str = CLIENT, dst: str = SERVER, id: int = 77, reply: bool = False) -> bytes:
    return bytes(eth() / IP(src=src, dst=dst) / ICMP(type=0 if reply else 8, id=id, seq=1) / b"abcdefg")


def tcp6() -> bytes:
    return bytes(eth() / IPv6(src="2001:db8::5", dst="2001:db8::7") / TCP(sport=4000, dport=80))


def arp(op: int, tpa: str, spa: str = CLIENT, tha: str = "00:00:00:00:00:00", sha: str = MAC_A) -> bytes:
    return bytes(Ether(src=sha, dst="ff:ff:ff:ff:ff:ff") / ARP(op=op, psrc=spa, pdst=tpa, hwsrc=sha, hwdst=tha))


def hostile() -> list[bytes]:
    """Frames at which an element may do anything but fail: cut short, fragments, other versions, lying lengths."""
    whole = tcp(dst=PUBLIC, data=b"x" * 20)
    lying = bytearray(whole)
    lying[14] = 0x4F
    late = bytes(eth() / IP(src=CLIENT, dst=PUBLIC, frag=100, proto=6) / (b"y" * 40))
    first = bytes(eth() / IP(src=CLIENT, dst=PUBLIC, flags="MF") / TCP(sport=9, dport=80) / b"z")
    no_sum = bytes(eth() / IP(src=CLIENT, dst=PUBLIC) / UDP(sport=9, dport=80, chksum=0) / b"z")
    return [*(whole[:n] for n in range(0, len(whole), 3)), bytes(lying), late, first, no_sum, tcp6(),
            *(arp(1, PUBLIC)[:n] for n in (14, 20, 41)), *(ping()[:n] for n in (34, 38, 41)), tcp(vlan=7), udp(vlan=7)]


def survive(boxes: Boxes, ports: tuple[str, ...]) -> None:
    """Hostile frames at every port: both backends do the same with them, and no packet is lost."""
    out = []
    for backend in BACKENDS:
        with boxes.open(backend) as box:
            sent = [s for i, f in enumerate(hostile()) for p in ports for s in box.send(p, f, at=1 + i / 100)]
            sent += box.finish()
            conserved(box)
            out.append(([(s.port, s.frame) for s in sent], box.stats()["drops"]))
    assert out[0] == out[1]
