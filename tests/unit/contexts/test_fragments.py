"""IP fragments through chains with contexts: joined before classification, sent on as they came or cut anew."""

from __future__ import annotations

import random
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import ICMP, IP, TCP, UDP, fragment
from scapy.layers.inet6 import IPv6, IPv6ExtHdrFragment, fragment6
from scapy.layers.l2 import Dot1Q, Ether
from scapy.packet import Packet, Raw

from mcc import Port, chain, duplex, ip, tcp, udp
from mcc.api import Module
from mcc.driver import compile_chain
from mcc.std import StreamCRC, WordMatcher

CONTEXTS = {"tcp": tcp, "udp": udp, "ip": ip}
MACS = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")


@cache
def module(context: str, mode: str, text: bytes = b"") -> Module:
    """A chain of one element: "read" reads streams, others are modes of WordMatcher for b"SECRET"."""
    def between() -> Iterator[Any]:
        element = StreamCRC() if mode == "read" else WordMatcher([b"SECRET"], mode=mode, text=text)
        yield duplex(Port("lan"), CONTEXTS[context](element), Port("wan"))

    return Module(compile_chain(chain(between)), level="-O0")


def pieces4(data: bytes, size: int, *, ident: int = 7, seed: int | None = None, **header: Any) -> list[bytes]:
    """A UDP datagram over IPv4 in fragments of `size` bytes; `seed`: in another order."""
    head = IP(src="10.0.0.5", dst="10.0.1.1", id=ident, **header)
    whole = IP(bytes(head / UDP(sport=4000, dport=53) / Raw(data)))
    out = [bytes(MACS / f) for f in fragment(whole, fragsize=size)]
    if seed is not None:
        random.Random(seed).shuffle(out)
    return out


def pieces6(data: bytes, mtu: int, *, ident: int = 99, seed: int | None = None) -> list[bytes]:
    """The same over IPv6, fragments of `mtu` bytes at most."""
    whole = IPv6(src="2001:db8::5", dst="2001:db8:1::1") / IPv6ExtHdrFragment(id=ident) / UDP(sport=4000, dport=53) / data
    out = [bytes(MACS / f) for f in fragment6(whole, mtu)]
    if seed is not None:
        random.Random(seed).shuffle(out)
    return out


def joined(frames: list[bytes]) -> bytes:
    """What a host makes of fragments in any order: the IP payload. Written for clarity, apart from the code under test."""
    parts: dict[int, bytes] = {}
    end = None
    for f in frames:
        p = Ether(f)
        if IP in p:
            body, at, more = bytes(p[IP].payload), p[IP].frag * 8, bool(p[IP].flags.MF)
            body = body[:p[IP].len - p[IP].ihl * 4]
        elif IPv6ExtHdrFragment in p:
            h = p[IPv6ExtHdrFragment]
            body, at, more = bytes(h.payload)[:p[IPv6].plen - 8], h.offset * 8, bool(h.m)
        else:
            body, at, more = bytes(p[IPv6].payload), 0, False
        assert at not in parts
        parts[at] = body
        end = end if more else at + len(body)
    out = b"".join(parts[at] for at in sorted(parts))
    assert len(out) == end, "fragments do not join"
    return out


def content(frames: list[bytes]) -> bytes:
    """What the UDP datagram in these fragments carries; its checksum must be right."""
    payload = joined(frames)
    first = Ether(frames[0])
    under = IP(src=first[IP].src, dst=first[IP].dst, proto=17) if IP in first else \
        IPv6(src=first[IPv6].src, dst=first[IPv6].dst, nh=17)
    udp_header = UDP(payload)
    given_sum = udp_header.chksum
    del udp_header.chksum
    assert type(under)(bytes(under / udp_header))[UDP].chksum == given_sum
    assert udp_header.len == len(payload)
    return payload[8:]


def feed(box: Any, frames: list[bytes], at: float = 1.0, port: str = "lan") -> list[bytes]:
    return [bytes(s.frame) for s in box.send_burst([(port, f) for f in frames], at)]


def conserved(box: Any) -> dict[str, int]:
    """Nothing is lost uncounted. The drops."""
    stats = box.stats()
    received = sum(p["rx_packets"] for p in stats["ports"].values())
    sent = sum(p["tx_packets"] for p in stats["ports"].values())
    dropped = sum(stats["drops"].values())
    assert received + stats["made"] == sent + dropped + stats["held"], stats
    return {k: v for k, v in stats["drops"].items() if v}


DATA = bytes(random.Random(5).randbytes(3000)) + b" a SECRET in it " + bytes(1200)
