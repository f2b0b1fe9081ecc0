"""Naive evaluation == decision diagram == compiled C, for random classes and packets, cut at any byte."""

from __future__ import annotations

import ctypes
import random
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import ARP, Ether
from scapy.packet import Raw

from mcc.emit.classifier import print_classifier
from mcc.ir.classify import Switch, decide, nodes_of
from mcc.lang import classes as c
from mcc.lang.evaluate import matches
from mcc.passes.fdd import Manager
from mcc.protocols.dissect import Dissected, dissect
from tests.property.classes_kit import SHARED, classes, compile_c, cut, frames, read_pcap

SLOW = settings(deadline=None, suppress_health_check=list(HealthCheck))
LINKS = st.sampled_from([0, 0, 0, 0, 1, 2, 3, 4, 5])


def naive(rules: list[c.Cls], packet: Dissected) -> int:
    return next((i for i, r in enumerate(rules) if matches(r, packet)), -1)


def every_packet(data: bytes, link: int) -> list[Dissected]:
    """All that a cut of the frame can be, from both ports."""
    return [dissect(data[:n], link, n % 2, len(data)) for n in range(len(data) + 1)]


@SLOW
@given(st.lists(classes(), min_size=1, max_size=6), st.lists(frames(), min_size=1, max_size=3), LINKS)
def test_first_match_is_the_first_rule_that_holds(rules: list[c.Cls], data: list[bytes], link: int) -> None:
    diagram, shadowed = Manager().first_match([(r, i) for i, r in enumerate(rules)], -1)
    never = {s.rule for s in shadowed}
    for packet in (p for d in data for p in every_packet(d, link)):
        expected = naive(rules, packet)
        assert decide(diagram, packet) == expected
        assert expected not in never


@SLOW
@given(st.lists(classes(), min_size=1, max_size=5))
def test_fields_are_in_order_and_tested_once(rules: list[c.Cls]) -> None:
    diagram, _ = Manager().first_match([(r, i) for i, r in enumerate(rules)], -1)
    for n in nodes_of(diagram):
        if isinstance(n, Switch):
            assert all(not isinstance(k, Switch) or k.field.rank > n.field.rank for k in n.children)
            assert n.starts[0] == 0 and list(n.starts) == sorted(set(n.starts)) and len(n.starts) > 1
            assert all(a is not b for a, b in zip(n.children, n.children[1:], strict=False))


@SLOW
@given(classes(), classes(), classes(), cut(frames()))
def test_operations(a: c.Cls, b: c.Cls, z: c.Cls, data: bytes) -> None:
    m = Manager()
    packet = dissect(data, 0, 1)
    x, y, w = (m.from_class(k) for k in (a, b, z))
    va, vb, vz = (matches(k, packet) for k in (a, b, z))
    assert decide(m.ite(x, y, w), packet) == (vb if va else vz)
    assert decide(m.product([x, y, w], tuple), packet) == (va, vb, vz)
    assert decide(m.map_leaves(x, lambda v: not v), packet) != va
    assert decide(m.map_leaves_to(x, lambda v: y if v else w), packet) == (vb if va else vz)
    assert decide(m.restrict(m.product([x, y], tuple), {"in.port": ((1, 1),), "link": ((0, 0),)}), packet) == (va, vb)
    assert "in.port" not in m.support(m.restrict(x, {"in.port": ((1, 1),)}))


HARNESS = """
#include <string.h>
#include <sys/mman.h>

/* The frame ends where an unmapped page begins: a read behind it is a crash. */
static uint8_t *at_the_end(const uint8_t *data, uint32_t len)
{
    static uint8_t *pages;
    if (!pages) {
        pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        mprotect(pages + 4096, 4096, PROT_NONE);
    }
    return memcpy(pages + 4096 - len, data, len);
}

struct answer { uint32_t value; };
void run(unsigned which, const uint8_t *data, uint32_t len, uint32_t wire, uint8_t link, uint8_t port,
         struct answer *out);
void run(unsigned which, const uint8_t *data, uint32_t len, uint32_t wire, uint8_t link, uint8_t port,
         struct answer *out)
{
    struct mcc_packet p = { .data = at_the_end(data, len), .len = len, .wire_len = wire,
                            .link = link, .in_port = port };
    mcc_parse(&p);
    out->value = classifiers[which](&p);
}
"""


def build(diagrams: list, folder: Path) -> ctypes.CDLL:  # type: ignore[type-arg]
    printed = [print_classifier(d, f"classify{i}", lambda v: v + 1, str) for i, d in enumerate(diagrams)]
    names = ", ".join(f"classify{i}" for i in range(len(diagrams)))
    text = "\n".join(
        [
            '#include "mcc_packet.h"',
            '#include "mcc_parse.h"',
            *printed,
            f"static unsigned (*const classifiers[])(const struct mcc_packet *) = {{ {names} }};",
            HARNESS,
        ]
    )
    return compile_c(text, folder, "classifiers")


def ask(lib: ctypes.CDLL, which: int, p: Dissected) -> int:
    exact = ctypes.create_string_buffer(p.data, len(p.data)) if p.data else ctypes.create_string_buffer(1)
    out = ctypes.c_uint32()
    lib.run(
        which, exact, len(p.data), p.wire_len, ctypes.c_uint8(p.link), ctypes.c_uint8(p.in_port), ctypes.byref(out)
    )
    return out.value - 1


def samples(strategy: st.SearchStrategy, n: int, seed: int) -> list:  # type: ignore[type-arg]
    """n values of a strategy, the same in every run."""
    out: list = []  # type: ignore[type-arg]

    @settings(max_examples=n, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck))
    @given(strategy)
    def collect(x: object) -> None:
        out.append(x)

    collect()
    return random.Random(seed).sample(out, min(n, len(out)))


def test_compiled_c_is_the_diagram(tmp_path: Path) -> None:
    """One module of 60 classifiers, among them long lists; every cut of random frames of every link."""
    rules = samples(st.lists(classes(), min_size=1, max_size=5), 55, 1)
    r = random.Random(2)
    prefixes = [
        c.Ip.src.within(f"{r.randrange(9, 12)}.{r.randrange(256)}.{r.randrange(256)}.0/24") for _ in range(300)
    ]
    ports = [c.Tcp.dport == p for p in r.sample(range(1, 9000), 200)] + [c.Tcp.dport == 80]
    six = [c.Ip6.src.within(f"2001:{r.randrange(9999)}::/32") for _ in range(30)] + [c.Ip6.src == "2001:db8::1"]
    both = [p & c.TCP for p in prefixes[:100]] + [p & c.UDP for p in prefixes[50:]] + [c.Ip.src == "10.0.0.1"]
    rules += [prefixes + [c.Ip.src.within("10/8")], ports, six, both]
    diagrams = [Manager().first_match([(k, i) for i, k in enumerate(rs)], -1)[0] for rs in rules]
    lib = build(diagrams, tmp_path)
    seen = 0
    for data in samples(cut(frames()), 40, 3):
        for link in (0, r.randrange(1, 6)):
            for packet in every_packet(data, link)[:: r.choice([1, 3, 7])]:
                for i, d in enumerate(diagrams):
                    assert ask(lib, i, packet) == decide(d, packet), (i, [str(k) for k in rules[i][:6]], packet)
                    seen += 1
    assert seen > 50_000


EDGES = [
    Ether() / IP() / TCP(dport=80, dataofs=4),
    Ether() / IP() / TCP(dport=80),
    Ether() / IP() / UDP(dport=53),
    Ether() / IP() / UDP(dport=53) / Raw(bytes(range(20))),
    Ether() / IP(len=30) / TCP(dport=80),
    Ether() / IP(len=19) / UDP(),
    Ether() / IP(ihl=4) / UDP(dport=53),
    Ether() / IP(version=5) / UDP(dport=53),
    Ether() / IP(frag=0x1000) / TCP(dport=80),
    Ether() / IP() / ICMP() / Raw(bytes(20)),
    Ether() / IPv6() / UDP(dport=53) / Raw(bytes(20)),
    Ether() / IPv6(version=4) / UDP(),
    Ether() / ARP() / Raw(bytes(20)),
    Ether() / ARP(hwlen=8),
    Ether() / IPv6(nh=44) / Raw(bytes(20)),
    Ether(type=0x0800),
]


def test_edges_of_what_the_parser_promises(tmp_path: Path) -> None:
    """Reads just behind what a layer's bit promises, on the shortest packets that have the bit, and just below."""
    behind = [
        "udp[12] > 9",
        "udp[7] >= 0",
        "ip[20] >= 0",
        "ip[22] > 5",
        "icmp[11] >= 0",
        "ip6[43] >= 0",
        "arp[28] >= 0",
        "tcp[20] >= 0",
        "tcp port 80",
        "udp port 53",
        "ip proto 17",
        "ip[6:2] & 0x1fff = 0",
    ]
    named = [c.TCP, c.UDP, c.IP, c.IP6, c.ARP, c.ICMP, c.L4.dport == 53, c.Tcp.dport == 80]
    rules = [[n & c.cls(b), n, c.cls(b)] for n in named for b in behind] + [[n] for n in named]
    diagrams = [Manager().first_match([(k, i) for i, k in enumerate(rs)], -1)[0] for rs in rules]
    lib = build(diagrams, tmp_path)
    for packet in (p for e in EDGES for p in every_packet(bytes(e), 0)):
        for i, (d, rs) in enumerate(zip(diagrams, rules, strict=True)):
            assert naive(rs, packet) == decide(d, packet) == ask(lib, i, packet), ([str(k) for k in rs], packet)


def test_real_captures(tmp_path: Path) -> None:
    """Naive == diagram == C on the first packets of real captures."""
    captures = sorted((SHARED / "captures").glob("*.pcap")) if SHARED.is_dir() else []
    if not captures:
        pytest.skip("needs the captures in ../shared/captures")
    rules = [
        c.cls("vlan and tcp port 80"),
        c.HTTP,
        c.Tcp.flags.masked(0x12, 0x12),
        c.cls("udp port 53 or net 10.0.0.0/8"),
        c.ARP,
        c.cls("ip[6:2] & 0x1fff != 0"),
        c.ICMP | c.ICMP6,
        c.IP6 & (c.Ip6.hops < 10),
        c.UDP,
        c.TCP,
        c.cls("ip"),
    ]
    diagram, _ = Manager().first_match([(k, i) for i, k in enumerate(rules)], -1)
    lib = build([diagram], tmp_path)
    met = set()
    for path in captures[::4]:
        dlt, records = read_pcap(path, 40)
        for data, _ in ((d[:4096], n) for d, n in records if dlt == 1):
            for n in {len(data), len(data) // 2, 14, 20, 34, 40}:
                packet = dissect(data[:n])
                met.add(naive(rules, packet))
                assert naive(rules, packet) == decide(diagram, packet) == ask(lib, 0, packet)
    assert len(met) >= 9


def test_ten_thousand_prefixes_are_quick() -> None:
    r = random.Random(1)
    rules = [
        (c.Ip.src.within(f"{r.randrange(256)}.{r.randrange(256)}.{r.randrange(256)}.0/24"), i) for i in range(10_000)
    ]
    m = Manager()
    diagram, shadowed = m.first_match(rules, -1)
    assert m.count(diagram) == 10_000 - len(shadowed) + 3
    assert all(s.by for s in shadowed)
