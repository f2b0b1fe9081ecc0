"""Classes as users write them: algebra, fields, values, errors, evaluation."""

from __future__ import annotations

import pytest
from scapy.layers.inet import IP as ScapyIP
from scapy.layers.inet import TCP as ScapyTCP
from scapy.layers.inet import UDP as ScapyUDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Dot1Q, Ether

from mcc.diag import CompileError
from mcc.lang.algebra import Load, Test, meta
from mcc.lang.classes import (
    ANY,
    ARP,
    HTTP,
    ICMP,
    IP,
    IP6,
    L4,
    NONE,
    TCP,
    UDP,
    VLAN,
    Arp,
    Eth,
    In,
    Ip,
    Ip6,
    Net,
    Tcp,
    Vlan,
    cls,
    field_by_key,
    outer,
)
from mcc.lang.evaluate import evaluate, matches
from mcc.protocols.dissect import dissect

WEB = dissect(bytes(Ether(src="00:11:22:33:44:55") / ScapyIP(src="10.1.2.3", dst="192.168.0.9") / ScapyTCP(dport=80)))
TAGGED = dissect(
    bytes(Ether() / Dot1Q(vlan=10) / Dot1Q(vlan=20) / IPv6(dst="fe80::7") / ScapyUDP(dport=53)), in_port=2
)


def test_classes_are_values() -> None:
    assert HTTP == TCP & (Tcp.dport == 80) and hash(HTTP) == hash(TCP & (Tcp.dport == 80))
    assert TCP != UDP and {TCP: 1}[TCP & ANY] == 1
    assert (TCP & UDP) & IP == TCP & (UDP & IP)
    assert ~~TCP == TCP and ~ANY == NONE and NONE & TCP == NONE and ANY | TCP == ANY


@pytest.mark.parametrize(
    ("c", "shown"),
    [
        (HTTP & ~Ip.src.within("10/8"), "HTTP & ~(Ip.src in 10.0.0.0-10.255.255.255)"),
        (Tcp.dport.any_of(80, 443) | UDP, "(Tcp.dport in 80, 443) | UDP"),
        (Eth.type == 0x806, "Eth.type == 0x0806"),
        (Ip6.src == "::1", "Ip6.src == ::1"),
        (Eth.src == "0:1:2:3:4:5", "Eth.src == 00:01:02:03:04:05"),
        (cls("tcp port 80"), "tcp port 80"),
    ],
)
def test_text(c: object, shown: str) -> None:
    assert str(c) == shown


def test_truth_value_is_refused() -> None:
    with pytest.raises(TypeError, match="combine classes with &"):
        bool(TCP)
    with pytest.raises(TypeError):
        1 < Ip.ttl < 5  # noqa: B015


@pytest.mark.parametrize(
    ("make", "message", "hint"),
    [
        (lambda: Tcp.dport == 70000, "70000 does not fit Tcp.dport, which has 16 bits", "0 to 65535"),
        (lambda: Ip.src == "10.0.0.256", "'10.0.0.256' is not a value of Ip.src", "an IPv4 address is written"),
        (lambda: Ip.src.within("10.0.0.1/8"), "has bits behind its prefix of 8 bits", "such as"),
        (lambda: Ip.src.within("10/33"), "'33' is not a prefix length of 0 to 32", "such as"),
        (lambda: Ip6.src.within("10/8"), "'10' is not an IPv6 address", "such as"),
        (lambda: Tcp.dport.within("10/8"), "Tcp.dport is not an address", "between"),
        (lambda: Tcp.dport.between(90, 80), "is empty: 90 is greater than 80", "smaller"),
        (lambda: Tcp.flags.masked(2, 3), "can never be 0x3", "mask"),
        (lambda: Tcp.dport.any_of(), "at least one value", "NONE"),
        (lambda: Net.src == 1, "Net.src is for the fields of a Session", "Ip.src or Ip6.src"),
        (lambda: Tcp.dst_port, "header 'tcp' has no field 'dst_port'", "known fields: sport, dport, seq"),
        (lambda: TCP & 80, "not with 80", "comparisons"),
        (lambda: 80 | TCP, "not with 80", "comparisons"),
        (lambda: outer(Ip.src, 0), "outer() of 0 levels", "1 is"),
    ],
)
def test_errors_stand_at_the_users_line(make: object, message: str, hint: str) -> None:
    with pytest.raises(CompileError) as e:
        make()  # type: ignore[operator]
    assert message in e.value.message and hint in e.value.hint
    assert e.value.span.file == __file__ and "^" in str(e.value)


def test_fields() -> None:
    assert Ip.src is field_by_key("ip.src") and outer(Ip.src) is outer(Ip.src) and outer(outer(Ip.src)).level == 2
    assert Ip.src in (Ip.dst, Ip.src) and Ip.src != Ip.dst and len({Ip.src, Ip.dst, Ip.src}) == 2
    assert (Net.src.width, Vlan.vid.width, Tcp.syn.width, In.port.key) == (128, 12, 1, "in.port")


@pytest.mark.parametrize(
    "c",
    [
        TCP,
        IP,
        HTTP,
        L4.dport == 80,
        Ip.src.within("10.1"),
        Tcp.dport.between(80, 80),
        Eth.src == "00:11:22:33:44:55",
        Eth.type == 0x800,
        ~UDP,
        ~(Tcp.dport == 81),
        Tcp.dport != 81,
        Tcp.flags.masked(0x12, 2),
        Tcp.syn == 1,
        Ip.ttl >= 64,
        Ip.ttl <= 64,
        ~(Ip.ttl > 64),
        ~(Ip.ttl < 64),
        Ip.src.masked(0xFF0000FF, 0x0A000003),
        In.port == 0,
        ~VLAN,
        ANY,
        ~NONE,
        Ip.src.any_of("10.1.2.3", "1.1.1.1"),
        Ip.dst.within("192.168.0.0 mask 255.255.0.0"),
    ],
)
def test_web_packet_is_in(c: object) -> None:
    assert evaluate(c, WEB) is True  # type: ignore[arg-type]
    assert evaluate(~c, WEB) is False  # type: ignore[operator]


@pytest.mark.parametrize(
    "c",
    [
        UDP,
        IP6,
        VLAN,
        VLAN & (Vlan.vid == 10),
        ~(Vlan.vid == 20),
        L4.dport == 53,
        Ip6.dst.within("fe80::/10"),
        Eth.type == 0x86DD,
        In.port == 2,
        ~TCP,
        ~ARP,
        ~ICMP,
        ~(Arp.op == 1),
        ~(Ip.ttl < 255),
    ],
)
def test_tagged_packet_is_in(c: object) -> None:
    assert matches(c, TAGGED)  # type: ignore[arg-type]


def test_a_test_on_a_field_is_about_packets_that_have_it() -> None:
    assert not matches(Tcp.dport != 80, TAGGED) and matches(~(Tcp.dport == 80), TAGGED)


def test_three_values() -> None:
    short = Test(Load("abs", 8 * len(WEB.data), 8), ((0, 255),))
    yes, no = meta("vlans", (0, 0)), meta("vlans", (1, 8))
    for c, expected in (
        (short, None),
        (~short, None),
        (no & short, False),
        (short & no, None),
        (yes | short, True),
        (short | yes, None),
        (no | short, None),
        (yes & short, None),
    ):
        assert evaluate(c, WEB) is expected


def test_cut_layers_are_not_there() -> None:
    for n in range(54):
        packet = dissect(WEB.data[:n])
        assert not matches(TCP, packet) and matches(~TCP, packet) and not matches(Tcp.dport == 80, packet)
