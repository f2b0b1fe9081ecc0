"""pcap-filter text and raw patterns: what is refused and how, and libpcap's answers over real captures."""

from __future__ import annotations

import json
from functools import cache

import pytest
from scapy.layers.inet import IP, TCP
from scapy.layers.l2 import ARP, Dot1Q, Ether

from mcc.diag import CompileError
from mcc.lang.classes import ANY, Arp, Ip, Tcp, cls, raw
from mcc.lang.evaluate import evaluate, matches
from mcc.lang.pcapfilter import parse
from mcc.passes.fdd import Manager
from mcc.protocols.dissect import LINK_OF_DLT, Dissected, dissect
from tests.property.classes_kit import SHARED, read_pcap

WEB = dissect(bytes(Ether() / IP(src="10.1.2.3", dst="192.168.0.9", ttl=3) / TCP(dport=80)))
QUERY = dissect(bytes(Ether() / ARP(op=1, psrc="10.0.0.1")))


def test_error_shows_the_place() -> None:
    with pytest.raises(CompileError) as e:
        parse("tcp dst prt 80")
    assert str(e.value) == (
        "<expression>:1:13: error: '80' does not belong here\n"
        "    1 | tcp dst prt 80 \n"
        "      |             ^^\n"
        "      = hint: expected the end, and, or, )"
    )


def test_error_of_cls_shows_the_users_line() -> None:
    with pytest.raises(CompileError) as e:
        cls("mpls 3 and tcp")
    assert "note: in this call" in str(e.value) and __file__ in str(e.value)
    assert e.value.message == "'mpls' is not supported here" and e.value.span.col == 0


@pytest.mark.parametrize(
    ("text", "column", "message"),
    [
        ("tcp and gateway x", 8, "'gateway' is not supported"),
        ("host", 4, "ends too early"),
        ("tcp[ip[0]] = 1", 0, "offset"),
        ("ip[2:2] = tcp[2:2]", 0, "two different reads"),
        ("port http", 5, "not a port number"),
        ("host example.org", 5, "names"),
        ("ip proto \\nothing", 9, "unknown protocol"),
        ("tcp or 1.2.3.4", 7, "what kind of id"),
        ("vlan 5000", 5, "4095"),
        ("net 10.0.0.1/8", 4, "bits behind"),
        ("ip[0:3] = 1", 5, "3 bytes"),
        ("port 99999", 5, "65535"),
        ("$", 0, "'$'"),
        ("host ::12345", 5, "not an IPv6"),
        ("tcp[13] & 2 ^ 3 = 1", 12, "beside other"),
        ("ip[0:4] * 2 = 1", 0, "4 bytes"),
        ("ip[0] / 0 = 1", 0, "division"),
        ("ether proto 0x80f3", 12, "SNAP"),
        ("inbound", 0, "not supported"),
        ("(" * 3000 + "tcp" + ")" * 3000, 0, "nested too deeply"),
    ],
)
def test_refused(text: str, column: int, message: str) -> None:
    with pytest.raises(CompileError) as e:
        parse(text)
    assert message in e.value.message and e.value.span.col == column


@pytest.mark.parametrize(
    ("text", "dlt"),
    [("vlan", 12), ("ether host 0:1:2:3:4:5", 113), ("broadcast", 0), ("multicast", 228), ("tcp", 147)],
)
def test_refused_for_a_link(text: str, dlt: int) -> None:
    with pytest.raises(CompileError):
        parse(text, dlt)


def test_named_by_its_text_and_empty_is_any() -> None:
    assert str(cls(" tcp  port 80 ")) == "tcp  port 80" and cls("  ") == ANY
    assert matches(cls("tcp dst port 80 and not src net 11/8"), WEB)


@pytest.mark.parametrize(
    "text",
    [
        "port 53 or 80",
        "host (1.2.3.4 or 10.1.2.3)",
        "not port 53 and ip",
        "tcp port (80 or 443)",
        "src net 10 or 11",
        "src or dst host 10.1.2.3 and ip[8] < 5 && tcp[tcpflags] & (tcp-syn|tcp-ack) = 2",
    ],
)
def test_ids_take_the_qualifiers_before_them(text: str) -> None:
    assert matches(cls(text), WEB) and not matches(cls(f"not ({text})"), WEB)


def test_long_lists() -> None:
    many = cls(" or ".join(f"host 10.1.{i // 256}.{i % 256}" for i in range(4000)))
    assert matches(many, WEB) and not matches(many, dissect(bytes(Ether() / IP(src="10.2.0.0", dst="1.1.1.1"))))


# ---------------------------------------------------------------- raw patterns


@pytest.mark.parametrize(
    ("pattern", "packet", "answer"),
    [
        ("12/0806 20/0001", QUERY, True),
        ("12/0806 20/0002", QUERY, False),
        ("!12/0800", QUERY, True),
        ("12/0800", QUERY, False),
        ("-", QUERY, True),
        ("12/0800 14/45 23/06 36/0050", WEB, True),
        ("12/0800 14/45 23/06 36/0051", WEB, False),
        ("26/0a??????", WEB, True),
        ("26/0a01%ff00", WEB, True),
        ("26/0b01%ff00", WEB, False),
        ("22/03", WEB, True),
        ("47/02%12", WEB, True),
        ("!26/0b !12/0806", WEB, True),
        ("12/08?0 26/0a010203c0", WEB, True),
        ("200/00", WEB, None),
        ("!200/00", WEB, None),
    ],
)
def test_raw(pattern: str, packet: Dissected, answer: bool | None) -> None:
    assert evaluate(raw(pattern), packet) is answer


def test_raw_shares_tests_with_named_fields() -> None:
    m = Manager()
    link = {"link": ((0, 0),), "vlans": ((0, 0),)}

    def support(c: object) -> frozenset[str]:
        return m.support(m.restrict(m.from_class(c), link))  # type: ignore[arg-type]

    assert support(raw("12/0806 20/0001")) >= {"etype", "arp.op"} and support(Arp.op == 1) >= {"arp.op"}
    assert support(raw("12/0800 14/45 23/06 36/0050")) >= {"ip.proto", "l4.dport"} and support(Tcp.dport == 80) >= {
        "l4.dport"
    }
    assert "ip.src" in support(raw("12/0800 26/0a000001")) & support(Ip.src == "10.0.0.1")


def test_raw_on_tagged_frames_reads_the_tag() -> None:
    tagged = dissect(bytes(Ether() / Dot1Q(vlan=10) / IP() / TCP()))
    assert matches(raw("12/8100 14/?00a"), tagged) and not matches(raw("12/0800"), tagged)


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("12/080", "odd"),
        ("12-0800", "not OFFSET/VALUE"),
        ("", "empty"),
        ("12/0800%ff", "mask"),
        ("99999/00", "behind any frame"),
        ("- -", "not OFFSET"),
    ],
)
def test_raw_refused(pattern: str, message: str) -> None:
    with pytest.raises(CompileError) as e:
        raw(pattern)
    assert message in e.value.message and "note: in this call" in str(e.value)


# ---------------------------------------------------------------- libpcap's answers


@cache
def packets(name: str, most: int) -> list[Dissected]:
    dlt, records = read_pcap(SHARED / "captures" / name, most)
    return [dissect(data, LINK_OF_DLT[dlt], 0, wire) for data, wire in records]


def numbers(runs: list[int | str], most: int) -> list[int]:
    out: list[int] = []
    for r in runs:
        a, _, b = str(r).partition("-")
        out += range(int(a), int(b or a) + 1)
    return [n for n in out if n <= most]


def test_vectors_of_libpcap() -> None:
    """Every accepted expression selects what libpcap selects among the first packets of its capture."""
    path = SHARED / "vectors" / "vectors_open_random.jsonl"
    if not path.is_file():
        pytest.skip("needs the vectors in ../shared/vectors")
    right, most = 0, 60
    for line in path.read_text().splitlines():
        v = json.loads(line)
        try:
            c = parse(v["expr"], v["dlt"])
        except CompileError:
            continue
        if "reject" in v:
            assert v["reject"] == "expression rejects all packets", v
            continue
        if v["pcap"].endswith(".pcapng"):
            continue
        got = [i for i, p in enumerate(packets(v["pcap"], most), 1) if matches(c, p)]
        assert got == numbers(v["idx"], most), v
        right += 1
    assert right >= 2200
