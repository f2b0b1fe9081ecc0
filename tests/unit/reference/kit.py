"""Frames, small elements and boxes for the tests of the reference."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.l2 import Dot1Q, Ether

from mcc.lang.chain import Port, chain, duplex
from mcc.lang.element import Element, element
from mcc.lang.packet import PASS, Action, Batch, Packet
from mcc.lang.sent import Sent
from mcc.lang.session import TCP4, PerVLAN
from mcc.lang.state import Counter
from mcc.lang.types import struct, u16, u32
from mcc.reference.box import PythonBox

TICK = (1 << 24) / 1e9
LAN, WAN = "10.0.0.1", "192.0.2.9"


def tcp(src: str = LAN, dst: str = WAN, sport: int = 1000, dport: int = 80, flags: str = "S", data: bytes = b"",
        seq: int = 0, ack: int = 0, vlan: int = 0) -> bytes:
    head = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")
    if vlan:
        head = head / Dot1Q(vlan=vlan)
    return bytes(head / IP(src=src, dst=dst) / TCP(sport=sport, dport=dport, flags=flags, seq=seq, ack=ack) / data)


def udp(src: str = LAN, dst: str = WAN, sport: int = 1000, dport: int = 53) -> bytes:
    return bytes(Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02") / IP(src=src, dst=dst)
                 / UDP(sport=sport, dport=dport) / b"q")


def box(make: Any, **options: Any) -> PythonBox:
    return PythonBox(make.graph() if hasattr(make, "graph") else chain(make).graph(), **options)


def ports(sent: list[Sent]) -> list[str]:
    return [s.port for s in sent]


@struct
class Count:
    packets: u32 = 0
    left: u32 = 0


@element(session=TCP4, scratch=Count)
class TcpCount(Element):
    def setup(self) -> None:
        self.ended = Counter()

    def process_packet(self, s: Count, pkt: Packet) -> Action:
        s.packets += 1
        return PASS

    def release(self, s: Count) -> None:
        self.ended += 1 + s.packets


@element(session=PerVLAN, scratch=Count)
class VlanCount(Element):
    def setup(self) -> None:
        self.made = Counter()
        self.gone = Counter()

    def new_session(self, s: Count, pkt: Packet) -> Action:
        self.made += 1
        return PASS

    def process_batch(self, s: Count, batch: Batch) -> Action:
        s.packets += len(batch)
        return PASS

    def release(self, s: Count) -> None:
        self.gone += 1 + s.packets


@element
class Mark(Element):
    value: u16

    def process_packet(self, pkt: Packet) -> Action:
        if pkt.is_ip:
            pkt.ip.id = u16(pkt.ip.id * 10) + self.value
        return PASS


@chain
def counted() -> Iterator[Any]:
    yield duplex(Port("lan"), TcpCount(), Port("wan"))
