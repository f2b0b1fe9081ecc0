"""Packets and classes for tests of the classifier: random, real in shape, cut anywhere."""

from __future__ import annotations

import ctypes
import struct
import subprocess
from pathlib import Path

from hypothesis import strategies as st
from scapy.layers.inet import ICMP, IP, TCP, UDP, IPOption_NOP
from scapy.layers.inet6 import IPv6, IPv6ExtHdrFragment
from scapy.layers.l2 import ARP, Dot1Q, Ether
from scapy.packet import Raw

from mcc.lang import classes as c
from mcc.lang.algebra import Cls

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared"

V4 = ["10.0.0.1", "10.1.2.3", "192.168.1.7", "172.16.0.9"]
V6 = ["2001:db8::1", "fe80::1", "::1"]
MACS = ["00:11:22:33:44:55", "ff:ff:ff:ff:ff:ff", "01:00:5e:00:00:01"]
PORTS = [22, 53, 80, 443, 8080]


@st.composite
def frames(draw, most_tags: int = 10) -> bytes:
    """An Ethernet frame: tags, IPv4, IPv6, ARP or junk; TCP, UDP, ICMP, fragments; maybe one byte wrong."""
    p = Ether(src=draw(st.sampled_from(MACS)), dst=draw(st.sampled_from(MACS)))
    for _ in range(draw(st.sampled_from([0, 0, 0, 0, 1, 1, 2, 3, most_tags]))):
        p = p / Dot1Q(vlan=draw(st.sampled_from([1, 10, 4095])), prio=draw(st.integers(0, 7)))
    last = p.lastlayer()
    kind = draw(st.sampled_from(["ip", "ip", "ip", "ip6", "ip6", "arp", "rarp", "junk", "llc"]))
    sport, dport = draw(st.sampled_from(PORTS)), draw(st.sampled_from(PORTS))
    upper = draw(
        st.sampled_from(
            [
                TCP(
                    sport=sport,
                    dport=dport,
                    flags=draw(st.sampled_from(["S", "SA"])),
                    dataofs=draw(st.sampled_from([5, 5, 4])),
                ),
                UDP(sport=sport, dport=dport),
                ICMP(type=8),
                None,
            ]
        )
    )
    if kind == "ip":
        p = p / IP(
            src=draw(st.sampled_from(V4)),
            dst=draw(st.sampled_from(V4)),
            ttl=draw(st.sampled_from([1, 64])),
            len=draw(st.sampled_from([None, None, None, 10, 30])),
            frag=draw(st.sampled_from([0, 0, 0, 5, 0x1000])),
            flags=draw(st.sampled_from([0, 1, 2])),
            options=[IPOption_NOP()] * draw(st.sampled_from([0, 0, 4])),
        )
    elif kind == "ip6":
        p = p / IPv6(src=draw(st.sampled_from(V6)), dst=draw(st.sampled_from(V6)))
        if draw(st.integers(0, 3)) == 0:
            p = p / IPv6ExtHdrFragment(offset=draw(st.sampled_from([0, 3])))
    elif kind == "arp":
        p = p / ARP(psrc=draw(st.sampled_from(V4)), pdst=draw(st.sampled_from(V4)), op=draw(st.sampled_from([1, 2])))
    elif kind == "rarp":
        last.type = 0x8035
        p = p / Raw(bytes(ARP(psrc=draw(st.sampled_from(V4)), pdst=draw(st.sampled_from(V4)))))
    elif kind == "llc":
        last.type = draw(st.integers(0, 1500))
        p = p / Raw(draw(st.sampled_from([b"\x42\x42\x03", b"\xfe\xfe\x03", b"\x06\x06"])))
    else:
        last.type = draw(st.sampled_from([0x0800, 0x86DD, 0x0806, 0x8847, 0x8100]))
        p = p / Raw(draw(st.binary(max_size=60)))
    if kind in ("ip", "ip6") and upper is not None:
        p = p / upper / Raw(draw(st.binary(max_size=12)))
    data = bytearray(bytes(p))
    if draw(st.integers(0, 3)) == 0:
        data[draw(st.integers(0, len(data) - 1))] = draw(st.integers(0, 255))
    return bytes(data)


@st.composite
def cut(draw, source: st.SearchStrategy[bytes]) -> bytes:
    """A frame, mostly whole, else cut anywhere."""
    data = draw(source)
    return data if draw(st.booleans()) else data[: draw(st.integers(0, len(data)))]


def named() -> st.SearchStrategy[Cls]:
    """Classes by named objects."""
    port = st.sampled_from(PORTS)
    return st.one_of(
        st.sampled_from([c.TCP, c.UDP, c.IP, c.IP6, c.ARP, c.ICMP, c.ICMP6, c.VLAN, c.HTTP, c.ANY, c.NONE]),
        port.map(lambda p: c.Tcp.dport == p),
        port.map(lambda p: c.Tcp.sport != p),
        port.map(lambda p: c.Udp.dport == p),
        port.map(lambda p: c.L4.sport.any_of(p, 80)),
        port.map(lambda p: c.L4.dport.between(20, p)),
        st.sampled_from(["10/8", "192.168.1.0/24", "0.0.0.0/0", "10.1.2.3/32"]).map(lambda n: c.Ip.src.within(n)),
        st.sampled_from(V4).map(lambda a: c.Ip.dst == a),
        st.sampled_from(V4).map(lambda a: c.Arp.spa == a),
        st.sampled_from(V6).map(lambda a: c.Ip6.src == a),
        st.just(c.Ip6.dst.within("fe80::/10")),
        st.sampled_from(MACS).map(lambda a: c.Eth.src == a),
        st.sampled_from([1, 10]).map(lambda v: c.Vlan.vid == v),
        st.sampled_from([0x0800, 0x8035, 0x0806]).map(lambda t: c.Eth.type == t),
        st.just(c.In.port == 1),
        st.just(c.Tcp.flags.masked(0x12, 0x02)),
        st.just(c.Tcp.syn == 1),
        st.just(c.Ip.ttl < 5),
        st.just(c.Ip.src.masked(0xFF0000FF, 0x0A000001)),
        st.sampled_from([1, 2]).map(lambda v: c.Arp.op == v),
    )


def texts() -> st.SearchStrategy[str]:
    """Primitives of pcap-filter."""
    direction = st.sampled_from(["", "src ", "dst ", "src or dst ", "src and dst "])
    port = st.sampled_from(PORTS)
    return st.one_of(
        st.sampled_from(
            [
                "ip",
                "ip6",
                "arp",
                "rarp",
                "tcp",
                "udp",
                "icmp",
                "icmp6",
                "sctp",
                "ip proto 6",
                "ip6 proto 17",
                "proto 6",
                "ether proto 0x8035",
                "ether proto 0x8100",
                "ether proto 66",
                "ether proto 6",
                "ether multicast",
                "broadcast",
                "ip multicast",
                "ip6 multicast",
                "ip[8] < 5",
                "tcp[13] & 2 != 0",
                "ip6[6] = 6",
                "udp[12] > 9",
                "ip[22] > 5",
                "icmp[11] > 3",
                "ip6[43] > 60",
                "arp[29] < 9",
                "udp[4:2] > 10",
                "icmp[0] = 8",
                "ether[0] & 1 = 0",
                "ip[6:2] & 0x3fff != 0",
                "tcp[13] & 0x12 = 2",
                "ip[12:4] & 0xff0000ff = 0x0a000001",
                "ip[2:2] - 20 > 30",
                "len > 60",
                "net 10.0.0.0 mask 255.0.255.0",
            ]
        ),
        st.tuples(direction, st.sampled_from(["", "ip ", "arp ", "rarp "]), st.sampled_from(V4)).map(
            lambda x: f"{x[1]}{x[0]}host {x[2]}"
        ),
        st.tuples(direction, st.sampled_from(V6)).map(lambda x: f"{x[0]}host {x[1]}"),
        st.tuples(direction, st.sampled_from(["10.0.0.0/8", "192.168", "fe80::/10", "2001:db8::/48", "::/0"])).map(
            lambda x: f"{x[0]}net {x[1]}"
        ),
        st.tuples(st.sampled_from(["", "tcp ", "udp "]), direction, port).map(lambda x: f"{x[0]}{x[1]}port {x[2]}"),
        st.tuples(direction, port, port).map(lambda x: f"{x[0]}portrange {x[1]}-{x[2]}"),
        st.tuples(st.sampled_from(["src", "dst", "host"]), st.sampled_from(MACS)).map(
            lambda x: f"ether {x[0]} {x[1]}"
        ),
        st.tuples(direction, port, port).map(lambda x: f"{x[0]}port {x[1]} or {x[2]}"),
        st.sampled_from(["vlan", "vlan", "vlan 10", "vlan and vlan"]),
        st.sampled_from(["less 60", "greater 60"]),
    )


def expressions() -> st.SearchStrategy[str]:
    return st.recursive(
        texts(),
        lambda e: st.one_of(
            st.tuples(e, st.sampled_from(["and", "or", "&&", "||"]), e).map(lambda x: f"{x[0]} {x[1]} {x[2]}"),
            st.tuples(e, st.sampled_from(["and", "or"]), e).map(lambda x: f"({x[0]}) {x[1]} ({x[2]})"),
            e.map(lambda x: f"not ({x})"),
        ),
        max_leaves=6,
    )


def classes() -> st.SearchStrategy[Cls]:
    """Named objects, pcap-filter text and raw patterns, combined."""
    raw = st.sampled_from(
        [
            "12/0806 20/0001",
            "12/0800 23/06",
            "12/0800 14/45 23/06 36/0050",
            "!12/0800",
            "23/06%0f",
            "12/86dd 20/06 56/0050",
            "26/0a??????",
            "12/8100 14/?00a",
        ]
    )
    leaf = st.one_of(named(), named(), texts().map(c.cls), raw.map(c.raw))
    return st.recursive(
        leaf,
        lambda e: st.one_of(
            st.tuples(e, e).map(lambda x: x[0] & x[1]),
            st.tuples(e, e).map(lambda x: x[0] | x[1]),
            e.map(lambda x: ~x),
        ),
        max_leaves=5,
    )


def compile_c(text: str, folder: Path, name: str) -> ctypes.CDLL:
    """A shared library from C text, with the flags that emitted code must be clean under."""
    (folder / f"{name}.c").write_text(text)
    subprocess.run(
        [
            "gcc",
            "-shared",
            "-fPIC",
            "-O1",
            "-std=gnu11",
            "-Wall",
            "-Wextra",
            "-Wshadow",
            "-Wconversion",
            "-Wmissing-prototypes",
            "-Werror",
            f"-I{ROOT / 'runtime_c'}",
            "-o",
            folder / f"{name}.so",
            folder / f"{name}.c",
        ],
        check=True,
    )
    return ctypes.CDLL(str(folder / f"{name}.so"))


def read_pcap(path: Path, most: int) -> tuple[int, list[tuple[bytes, int]]]:
    """(link type, first records as captured bytes and length on the wire); a damaged end is the end."""
    data = path.read_bytes()
    order = {b"\xa1\xb2": ">", b"\xd4\xc3": "<", b"\x4d\x3c": "<"}.get(data[:2])
    if order is None or len(data) < 24:
        return -1, []
    out, at = [], 24
    while len(out) < most and at + 16 <= len(data):
        captured, wire = struct.unpack(order + "II", data[at + 8 : at + 16])
        if at + 16 + captured > len(data):
            break
        out.append((data[at + 16 : at + 16 + captured], wire))
        at += 16 + captured
    return struct.unpack(order + "I", data[20:24])[0] & 0xFFFF, out
