"""Datagrams that edits make longer, and lengths that UDP headers tell; scapy makes and reads the packets."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from scapy.layers.inet import IP, UDP, defragment
from scapy.layers.inet6 import IPv6, IPv6ExtHdrFragment, defragment6
from scapy.layers.l2 import Ether
from scapy.packet import Raw

from mcc import Port, chain, duplex, udp
from mcc.api import Module
from mcc.driver import compile_chain
from mcc.std import StreamCRC, WordMatcher

LONG = b"<long replacement>"


@cache
def module(edits: bool) -> Module:
    def make() -> Iterator[Any]:
        element = WordMatcher([b"ATTACK"], mode="replace", text=LONG) if edits else StreamCRC("crc32")
        yield duplex(Port("lan"), udp(element), Port("wan"))
    return Module(compile_chain(chain(make)), level="-O0")


def sent(payload: bytes, six: bool = False, **fields: int) -> tuple[list[Any], dict[str, Any]]:
    """What leaves for one datagram, and the statistics."""
    network = IPv6(src="fd00::1", dst="fd00::2") if six else IP(src="10.0.0.1", dst="10.0.0.2", id=7)
    frame = bytes(Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02") / network / UDP(sport=4000, dport=53, **fields)
                  / Raw(payload))
    with module(True).open(seed=1, checksums="verify") as box:
        out = [Ether(s.frame) for s in box.send("lan", frame, at=1.0)]
        stats = dict(box.stats())
    return out, stats


@pytest.mark.parametrize("six", [False, True])
@pytest.mark.parametrize("words", [1, 60, 150, 200, 230, 1000, 3600])
def test_a_grown_datagram_stays_one(words: int, six: bool) -> None:
    """Where it is longer than Ethernet carries it leaves in fragments, which make the whole again."""
    payload = b"ATTACK" * words
    expected = payload.replace(b"ATTACK", LONG)
    out, stats = sent(payload, six)
    if len(expected) + 8 + 20 > 65535:
        assert not out and stats["drops"] == {"frag_limit": 1}
        return
    most = max(1500, len(payload) + (48 if six else 28))
    assert all(len(f) <= most + 14 for f in out)
    if len(expected) + (48 if six else 28) <= most:
        whole, = out
    elif six:
        whole = IPv6(bytes(defragment6([f[IPv6] for f in out if IPv6ExtHdrFragment in f])))
    else:
        whole, = defragment([f[IP] for f in out])
    assert bytes(whole[UDP].payload) == expected and whole[UDP].len == len(expected) + 8
    right = whole[IPv6 if six else IP].copy()
    del right[UDP].chksum
    assert type(right)(bytes(right))[UDP].chksum == whole[UDP].chksum
    assert stats["sent"] == len(out) == 1 + stats["made"]


def test_what_is_behind_the_datagram_is_no_data() -> None:
    """RFC 768: the length is that of header and data; RFC 9868: others follow in what is left of the IP payload."""
    out, _ = sent(b"ATTACKATTACK", len=8 + 6, chksum=0)
    assert bytes(out[0][UDP].payload) == LONG and out[0][UDP].len == 8 + len(LONG)


@pytest.mark.parametrize("length", [1, 7, 100])
def test_a_wrong_length_is_no_datagram(length: int) -> None:
    """A host would not take it: it goes on as it came, unread."""
    out, _ = sent(b"ATTACK", len=length, chksum=0)
    assert out[0][UDP].len == length and bytes(out[0]).endswith(b"ATTACK")
    frame = bytes(Ether() / IP(src="10.0.0.1", dst="10.0.0.2") / UDP(sport=1, dport=2, len=length, chksum=0) / b"ATTACK")
    with module(False).open(seed=1) as box:
        box.send("lan", frame, at=1.0)
        box.finish()
        record, = box.sessions()
    assert next(iter(record["to_server"]["scratch"].values()))["bytes"] == 0
