"""Code.needs: which headers a handler touches without asking first; and Code.writes."""

from __future__ import annotations

import pytest

from tests.unit.frontend.builders import Lab

NEEDS: list[tuple[str, str]] = [
    ("s.n8 = pkt.ip.ttl", "ip"),
    ("s.n16 = pkt.tcp.dport\ns.n8 = pkt.ip.ttl", "ip tcp"),
    ("if pkt.is_tcp:\n    s.n16 = pkt.tcp.dport", ""),
    ("if pkt.is_tcp:\n    s.n16 = pkt.udp.dport", "udp"),
    ("if pkt.is_tcp:\n    pass\ns.n16 = pkt.tcp.dport", "tcp"),
    ("if not pkt.is_tcp:\n    return PASS\ns.n16 = pkt.tcp.dport", ""),
    ("if pkt.is_tcp and pkt.tcp.syn:\n    s.n16 = pkt.tcp.dport", ""),
    ("if pkt.tcp.syn and pkt.is_tcp:\n    pass", "tcp"),
    ("if pkt.is_tcp or pkt.tcp.syn:\n    pass", "tcp"),
    ("if not pkt.is_tcp or pkt.tcp.syn:\n    pass", ""),
    ("if pkt.is_tcp or pkt.is_udp:\n    s.n16 = pkt.l4.dport", ""),
    ("if pkt.is_tcp or pkt.is_icmp:\n    s.n16 = pkt.l4.dport", "l4"),
    ("s.n16 = pkt.l4.dport", "l4"),
    ("if pkt.is_udp:\n    s.n16 = pkt.l4.dport", ""),
    ("s.n16 = pkt.tcp.dport if pkt.is_tcp else u16(0)", ""),
    ("return DROP if pkt.is_ip and pkt.ip.ttl == 0 else PASS", ""),
    ("if pkt.is_tcp:\n    s.n8 = 1\nelse:\n    return DROP\npkt.tcp.urgent = 0", ""),
    ("if pkt.is_tcp:\n    if pkt.is_ip:\n        pkt.ip.ttl = 1\n    pkt.ip.ttl = 2", "ip"),
    ("for i in range(2):\n    if not pkt.is_tcp:\n        break\n    s.n16 = pkt.tcp.dport", ""),
    ("for i in range(2):\n    if not pkt.is_tcp:\n        break\ns.n16 = pkt.tcp.dport", "tcp"),
    ("if pkt.is_vlan:\n    pkt.pop_vlan()\n    s.n16 = pkt.vlan.vid", "eth vlan"),
    ("match s.n8:\n    case 1:\n        if not pkt.is_arp:\n            return DROP\n    case _:\n        return DROP\n"
     "s.n16 = pkt.arp.op", ""),
    ("seen = pkt.is_tcp\nif seen:\n    s.n16 = pkt.tcp.dport", "tcp"),
    ("assert pkt.is_tcp\ns.n16 = pkt.tcp.dport", "tcp"),
    ("pass", ""),
]


@pytest.mark.parametrize(("body", "needs"), NEEDS, ids=[b.replace("\n", "; ") for b, _ in NEEDS])
def test_needs(lab: Lab, body: str, needs: str) -> None:
    code = lab.packet(f"{body}\nreturn PASS")
    assert code.needs == (frozenset(needs.split()),)


def test_branches_that_are_folded_away_need_nothing(lab: Lab) -> None:
    code = lab.packet("if self.deep:\n    pkt.tcp.urgent = 0\nreturn PASS", setup="self.deep = False")
    assert code.needs == (frozenset(),) and code.writes == frozenset()


def test_writes(lab: Lab) -> None:
    code = lab.packet("pkt.ip.src = 1\npkt.l4.sport = 2\npkt.push_vlan(3)\npkt.next_hop = 1\ns.n8 = 1\nreturn PASS")
    assert code.writes == frozenset({"ip.src", "l4.sport", "vlan"})


def test_a_packet_of_a_batch_is_asked_for_itself(lab: Lab) -> None:
    code = lab.code("""
        @element
        class Box(Element):
            def process_batch(self, batch: Batch) -> Action:
                for a in batch:
                    if not a.is_tcp:
                        break
                for a in batch:
                    a.tcp.urgent = 0
                for b in batch:
                    if b.is_ip:
                        b.ip.ttl = 7
                return PASS
        """)
    assert code.needs == (frozenset({"tcp"}),)
