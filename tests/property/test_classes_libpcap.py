"""pcap-filter text means what libpcap means: the live library is the oracle, without its optimizer."""

from __future__ import annotations

import ctypes
import ctypes.util
from functools import cache

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from mcc.diag import CompileError
from mcc.lang.evaluate import matches
from mcc.lang.pcapfilter import parse
from mcc.protocols.dissect import LINK_OF_DLT, dissect
from tests.property.classes_kit import SHARED, expressions, frames, read_pcap


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_uint), ("code", ctypes.c_void_p)]


class _Header(ctypes.Structure):
    _fields_ = [
        ("seconds", ctypes.c_long),
        ("micros", ctypes.c_long),
        ("caplen", ctypes.c_uint32),
        ("len", ctypes.c_uint32),
    ]


@cache
def library() -> ctypes.CDLL:
    found = ctypes.util.find_library("pcap")
    if not found:
        pytest.skip("needs libpcap (apt package libpcap0.8)")
    lib = ctypes.CDLL(found)
    lib.pcap_open_dead.restype = ctypes.c_void_p
    lib.pcap_compile.argtypes = [
        ctypes.c_void_p,
        ctypes.POINTER(_Program),
        ctypes.c_char_p,
        ctypes.c_int,
        ctypes.c_uint32,
    ]
    lib.pcap_offline_filter.argtypes = [ctypes.POINTER(_Program), ctypes.POINTER(_Header), ctypes.c_char_p]
    lib.pcap_freecode.argtypes = [ctypes.POINTER(_Program)]
    return lib


@cache
def handle(dlt: int) -> ctypes.c_void_p:
    return ctypes.c_void_p(library().pcap_open_dead(dlt, 262144))


def answers(text: str, dlt: int, packets: list[tuple[bytes, int]]) -> list[bool] | None:
    """libpcap's answers, or None where it refuses the text."""
    lib, program = library(), _Program()
    if lib.pcap_compile(handle(dlt), ctypes.byref(program), text.encode(), 0, 0xFFFFFFFF):
        return None
    out = [
        bool(lib.pcap_offline_filter(ctypes.byref(program), ctypes.byref(_Header(0, 0, len(d), n)), d))
        for d, n in packets
    ]
    lib.pcap_freecode(ctypes.byref(program))
    return out


def compare(text: str, dlt: int, packets: list[tuple[bytes, int]], generic: bool = False) -> None:
    expected = answers(text, dlt, packets)
    try:
        ours = parse(text, dlt)
    except CompileError:
        return
    assert expected is not None, f"libpcap refuses {text!r}"
    link = LINK_OF_DLT[dlt]
    for (data, n), want in zip(packets, expected, strict=True):
        assert matches(ours, dissect(data, link, 0, n)) == want, (text, data.hex(), n)
        if generic:
            assert matches(parse(text), dissect(data, link, 0, n)) == want, ("any link", text, data.hex(), n)


@settings(deadline=None, max_examples=150, suppress_health_check=list(HealthCheck))
@given(expressions(), st.lists(frames(), min_size=1, max_size=3))
def test_ethernet_at_every_cut(text: str, data: list[bytes]) -> None:
    compare(text, 1, [(d[:n], len(d)) for d in data for n in range(len(d) + 1)])
    ours = parse(text)
    exact = parse(text, 1)
    for d in data:
        for n in range(0, len(d) + 1, 5):
            packet = dissect(d[:n], 0, 0, len(d))
            assert matches(ours, packet) == matches(exact, packet)


@settings(deadline=None, max_examples=80, suppress_health_check=list(HealthCheck))
@given(expressions(), frames(most_tags=0), st.sampled_from([12, 228, 229, 113, 276]))
def test_other_links(text: str, frame: bytes, dlt: int) -> None:
    assume(len(frame) > 14)
    etype = frame[12:14]
    data = {113: bytes(14) + etype, 276: etype + bytes(18)}.get(dlt, b"") + frame[14:]
    compare(text, dlt, [(data[:n], len(data)) for n in range(len(data) + 1)])


@pytest.mark.parametrize(
    "text",
    [
        "vlan or tcp",
        "icmp or vlan or port 80",
        "not vlan and tcp",
        "(vlan or ip) and vlan 10",
        "vlan and vlan and vlan and vlan and vlan and vlan and vlan and vlan and vlan and tcp",
        "not (vlan and vlan) and port 80",
        "vlan 10 or vlan 1 or ip",
    ],
)
def test_vlan_shifts_what_follows(text: str) -> None:
    tcp = bytes.fromhex("08004500002800010000400600000a0000010a0000020050005000000000000000005002200000000000")
    # where a tag would be behind, bytes that look like a header: total length 0x0800, address x.6.x.x
    odd = bytes(12) + bytes.fromhex("08004500080000010000400600000a06000100500050000000000000000000000000")
    packets = [(odd[:n], 200) for n in range(len(odd) + 1)]
    for tags in range(11):
        head = bytes(12) + bytes.fromhex("8100000a") * tags
        packets += [((head + tcp)[:n], 200) for n in range(len(head + tcp) + 1)]
    compare(text, 1, packets, generic=True)


@pytest.mark.parametrize(
    "text", ["tcp port 80", "not udp port 80", "tcp[13] & 2 != 0", "icmp[0] = 8", "tcp", "ip[6:2] & 0x1fff = 0"]
)
def test_fragments(text: str) -> None:
    packets = []
    for word in (0, 0x2000, 0x4000, 1, 0x1000, 0x1FFF, 0x3FFF):
        head = (
            bytes(12)
            + bytes.fromhex("080045000028ffff")
            + word.to_bytes(2, "big")
            + bytes.fromhex("4006ffff0a0000010a000002")
        )
        data = head + bytes.fromhex("005000500000000000000000500200000000ffff")
        packets += [(data[:n], 60) for n in range(len(data) + 1)]
    compare(text, 1, packets, generic=True)


REFUSED = [
    "tcp or 1.2.3.4",
    "(host 1.2.3.4) or 5.6.7.8",
    "host 1.2.3.4 or (5.6.7.8 or tcp)",
    "ip 1.2.3.4",
    "80",
    "not",
    "port",
    "ip port 80",
    "icmp port 3",
    "tcp host 1.2.3.4",
    "port 99999",
    "host 10.0.0.0/8",
    "net 10.0.0.1/8",
    "arp proto 1",
    "vlan 5000",
    "ip host ::1",
    "ip6 host 1.2.3.4",
    "1:2:3:4:5:6",
    "ether src 1.2.3.4",
    "tcp proto 6",
    "proto tcp",
    "port 80 or 1.2.3.4",
    "ip broadcast",
    "tcp[0:3] = 1",
    "TCP",
    "port 080",
    "tcp and",
    "(tcp",
    "tcp)",
    "port not",
]


@pytest.mark.parametrize("text", REFUSED)
def test_what_libpcap_refuses_is_refused(text: str) -> None:
    assert answers(text, 1, []) is None
    with pytest.raises(CompileError):
        parse(text, 1)


def test_static_expressions_over_real_captures() -> None:
    """Every accepted expression of libpcap's own list, on the first packets of captures of several kinds."""
    listed = SHARED / "vectors" / "expr_static.txt"
    if not listed.is_file():
        pytest.skip("needs the expressions in ../shared/vectors")
    packets = []
    for path in sorted((SHARED / "captures").glob("*.pcap"))[::9]:
        dlt, records = read_pcap(path, 6)
        packets += [(data[:600], wire) for data, wire in records if dlt == 1]
    texts = [t for t in listed.read_text().splitlines() if t.strip() and not t.startswith("##")]
    taken = 0
    for text in texts:
        try:
            parse(text, 1)
        except CompileError:
            continue
        taken += 1
        compare(text, 1, packets)
    assert taken >= 350
