"""Decision diagrams: exact texts of small ones, sharing, shadowed rules, printed C."""

from __future__ import annotations

import pytest

from mcc.diag import CompileError
from mcc.emit.classifier import print_classifier
from mcc.ir.classify import decide, text_of
from mcc.lang.classes import ARP, HTTP, IP, IP6, TCP, UDP, Arp, Ip, Tcp, cls, outer
from mcc.passes.fdd import Manager, Shadowed
from mcc.passes.formula import lower
from mcc.protocols.dissect import dissect


def test_the_figure_of_the_paper() -> None:
    """An ARP responder, an ARP querier, HTTP, and the rest: each field at most once (paper, figure 3)."""
    m = Manager()
    d, shadowed = m.first_match(
        [(Arp.op == 1, "responder"), (Arp.op == 2, "querier"), (HTTP, "http"), (TCP, "tcp")], "drop"
    )
    assert shadowed == []
    assert text_of(d) == "\n".join(
        [
            "0: net? 0 -> 1; 1 -> 2; else 5",
            "1: leaf 'drop'",
            "2: arp.op? 1 -> 3; 2 -> 4; else 1",
            "3: leaf 'responder'",
            "4: leaf 'querier'",
            "5: transport? 1 -> 6; else 1",
            "6: l4.dport? 80 -> 8; else 7",
            "7: leaf 'tcp'",
            "8: leaf 'http'",
        ]
    )


def test_equal_classes_are_one_diagram() -> None:
    m = Manager()
    assert m.from_class(~(TCP & UDP)) is m.from_class(~TCP | ~UDP)
    assert m.from_class(Tcp.dport.between(1, 9) | Tcp.dport.between(10, 20)) is m.from_class(Tcp.dport.between(1, 20))
    assert m.from_class(Ip.src.within("10.0.0.0/9") | Ip.src.within("10.128.0.0/9")) is m.from_class(
        Ip.src.within("10/8")
    )
    assert m.from_class(Tcp.flags.masked(0xF0, 0x10)) is m.from_class(Tcp.flags.between(0x10, 0x1F))


def test_leaves_keep_their_types() -> None:
    m = Manager()
    assert m.leaf(True) is not m.leaf(1) and m.leaf((1, "a")) is m.leaf((1, "a"))


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ([IP, IP6, TCP], [Shadowed(2, (0, 1))]),
        ([TCP, HTTP], [Shadowed(1, (0,))]),
        ([HTTP, TCP, UDP], []),
        ([ARP & IP, TCP], [Shadowed(0, ())]),
        ([Tcp.dport < 100, Tcp.dport >= 50, Tcp.dport.between(40, 160)], [Shadowed(2, (0, 1))]),
        ([cls("ip"), cls("tcp port 80 and ip")], [Shadowed(1, (0,))]),
        ([cls("ip"), cls("vlan and ip")], []),
    ],
)
def test_shadowed(rules: list, expected: list) -> None:  # type: ignore[type-arg]
    assert Manager().first_match([(r, i) for i, r in enumerate(rules)], None)[1] == expected


def test_map_to_diagrams_that_test_earlier_fields() -> None:
    m = Manager()
    d = m.map_leaves_to(m.from_class(Tcp.dport == 80), lambda v: m.from_class(UDP if v else ARP))
    assert d is m.ite(m.from_class(Tcp.dport == 80), m.from_class(UDP), m.from_class(ARP))


def test_length_tests_come_before_reads() -> None:
    d = Manager().from_class(cls("ip proto 6"))
    assert text_of(d).splitlines()[0] == "0: avail.link? 1 -> 2; else 1"
    assert "avail.l3? 0-9 -> 1; else" in text_of(d)
    assert decide(d, dissect(bytes.fromhex("00" * 12 + "0800" + "45" + "00" * 8))) is False


def test_limit() -> None:
    with pytest.raises(CompileError, match="more than 50 nodes"):
        Manager(limit=50).first_match([(Tcp.dport == p, p) for p in range(100)], 0)


def test_outer_fields_need_an_encapsulation() -> None:
    with pytest.raises(CompileError, match="no encapsulation"):
        lower(outer(Ip.src) == 1)


def test_printed_c() -> None:
    d, _ = Manager().first_match([(Arp.op == 1, 1), (HTTP & Ip.src.within("10/8"), 2)], 0)
    assert (
        print_classifier(d, "classify", int, lambda v: ["drop", "arp", "http"][v])
        == """\
static unsigned classify(const struct mcc_packet *p)
{
    switch (p->layers & (MCC_ARP | MCC_IP | MCC_IP6)) {
    case MCC_ARP: {
        const uint32_t arp_op = mcc_be16(p->data + p->l3 + 6);
        if (arp_op == 1)
            return 1; /* arp */
        return 0; /* drop */
    }
    case MCC_IP: {
        if (!(p->layers & MCC_TCP))
            return 0; /* drop */
        const uint32_t ip_src = mcc_be32(p->data + p->l3 + 12);
        if ((ip_src & 0xff000000) != 0x0a000000 /* 10.0.0.0/8 */)
            return 0; /* drop */
        const uint32_t l4_dport = mcc_be16(p->data + p->l4 + 2);
        if (l4_dport == 80)
            return 2; /* http */
        return 0; /* drop */
    }
    default:
        return 0; /* drop */
    }
}
"""
    )


def test_long_lists_become_tables() -> None:
    m = Manager()
    d, _ = m.first_match([(Tcp.dport.any_of(*range(0, 400, 2)), 1)], 0)
    text = print_classifier(d, "ports", int)
    assert "static const uint16_t ports_l4_dport_from[] = {" in text and "while (high - low > 1) {" in text
    assert print_classifier(m.leaf(3), "constant", int).count("return 3;") == 1
