"""Which layers a handler touches without asking: the reference's own reading, and the frontend's."""

from __future__ import annotations

import pytest

from mcc.diag import Report
from mcc.lang.element import Element, element, on
from mcc.lang.packet import DROP, PASS, Action, Batch, Packet
from mcc.lang.state import Counter
from mcc.reference.needs import needs
from mcc.reference.runner import Runner


@element
class Plain(Element):
    def process_packet(self, pkt: Packet) -> Action:
        pkt.eth.src = pkt.eth.dst
        return PASS if pkt.tcp.dport == 80 else DROP


@element
class Asks(Element):
    def process_packet(self, pkt: Packet) -> Action:
        if pkt.is_tcp and pkt.tcp.syn:
            pkt.tcp.seq += pkt.l4.sport
        elif pkt.is_udp or pkt.is_icmp:
            pkt.ip.ttl -= 1
        return PASS


@element
class Either(Element):
    def process_packet(self, pkt: Packet) -> Action:
        if pkt.is_tcp or pkt.is_icmp:
            return DROP if pkt.tcp.syn else PASS
        return PASS


@element
class Returns(Element):
    def process_packet(self, pkt: Packet) -> Action:
        if not pkt.is_ip or not (pkt.is_tcp or pkt.is_udp):
            return DROP
        pkt.ip.ttl -= 1
        return PASS if pkt.l4.sport == 1 else DROP


@element
class Parameter(Element):
    mode: str

    def setup(self) -> None:
        self.hits = Counter()

    def process_packet(self, pkt: Packet) -> Action:
        if self.mode == "arp":
            return PASS if pkt.arp.op == 1 else DROP
        self.hits += pkt.ip6.hops
        return PASS


@element(ports=(2, 1))
class TwoInputs(Element):
    @on(port=0)
    def first(self, pkt: Packet) -> Action:
        pkt.ip.ttl -= 1
        return PASS

    @on(port=1)
    def second(self, pkt: Packet) -> Action:
        pkt.push_vlan(3)
        if pkt.is_vlan:
            pkt.pop_vlan()
            return PASS if pkt.vlan.vid == 3 else DROP
        return PASS


@element
class OfBatch(Element):
    def setup(self) -> None:
        self.hits = Counter()

    def process_batch(self, batch: Batch) -> Action:
        for p in batch:
            if p.is_tcp:
                self.hits += p.tcp.window
            match p.eth.type:
                case 0x800:
                    self.hits += p.ip.ttl
                case _:
                    pass
        return PASS


CASES = [
    (Plain(), 0, {"eth", "tcp"}), (Asks(), 0, {"ip"}), (Returns(), 0, set()), (Either(), 0, {"tcp"}), (Parameter("arp"), 0, {"arp"}),
    (Parameter("x"), 0, {"ip6"}), (TwoInputs(), 0, {"ip"}), (TwoInputs(), 1, {"eth", "vlan"}),
    (OfBatch(), 0, {"eth", "ip"}),
]


@pytest.mark.parametrize(("inst", "port", "expected"), CASES, ids=lambda x: type(x).__name__)
def test_layers_touched_unasked(inst: Element, port: int, expected: set[str]) -> None:
    assert needs(inst, port, Runner(inst)._names) == expected


@pytest.mark.parametrize(("inst", "port", "expected"), CASES, ids=lambda x: type(x).__name__)
def test_the_frontend_reads_them_alike(inst: Element, port: int, expected: set[str]) -> None:
    from mcc.frontend import compile_instance

    report = Report()
    code = compile_instance(inst, "e", report)
    assert code is not None, [d.render() for d in report.items]
    assert code.needs[port] == expected
