"""Examples with streams over their capture; the streams are put together here, with scapy, by sequence numbers."""

from __future__ import annotations

import re
import zlib
from pathlib import Path

import pytest
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.vxlan import VXLAN
from scapy.utils import rdpcap

from tests.examples.kit import CAPTURES, run

WORDS = (b"AppleWebKit", b"Safari")


def streams(path: Path) -> dict[tuple[str, int, str, int], bytes]:
    """Every direction that has bytes: each byte once, in order (the capture has no holes)."""
    parts: dict[tuple[str, int, str, int], dict[int, bytes]] = {}
    for p in rdpcap(str(path)):
        t = p[TCP]
        data = bytes(t.payload)[:p[IP].len - 4 * p[IP].ihl - 4 * t.dataofs]
        if data:
            parts.setdefault((p[IP].src, t.sport, p[IP].dst, t.dport), {}).setdefault(t.seq, data)
    out = {}
    for ends, pieces in parts.items():
        first = min(pieces)
        whole = b""
        for seq in sorted(pieces):
            whole += pieces[seq][len(whole) - (seq - first):]
        out[ends] = whole
    return out


def removed(data: bytes) -> bytes:
    for word in WORDS:
        data = data.replace(word, b"")
    return data


def test_word_remover(tmp_path: Path) -> None:
    got = run("word_remover", "http.pcap", tmp_path)
    before, after = streams(CAPTURES / "http.pcap"), streams(tmp_path / "out.pcap")
    assert after == {ends: removed(data) for ends, data in before.items()}
    found = sum(data.count(w) for data in before.values() for w in WORDS)
    assert got.counters("WordMatcher") == {"found": found} and found > 50


def test_crc(tmp_path: Path) -> None:
    got = run("crc", "http.pcap", tmp_path)
    kept = [s[way]["scratch"]["StreamCRC"] for s in got.sessions for way in ("to_server", "to_client")]
    wanted = [(zlib.crc32(d), len(d)) for d in streams(CAPTURES / "http.pcap").values()]
    assert sorted((k["crc"], k["bytes"]) for k in kept if k["bytes"]) == sorted(wanted)
    assert got.counters("StreamCRC") == {"streams": len(kept), "bad_streams": 0}


def test_tunnels(tmp_path: Path) -> None:
    """The streams that scapy finds behind the VXLAN headers, and every frame leaves as it came."""
    got = run("tunnels", "vxlan.pcap", tmp_path)
    packets = rdpcap(str(CAPTURES / "vxlan.pcap"))
    assert all(VXLAN in p and p[UDP].dport == 4789 for p in packets) and len(packets) == 6
    parts: dict[str, dict[int, bytes]] = {}
    for p in packets:
        ip = p[VXLAN][IP]
        data = bytes(ip[TCP].payload)[:ip.len - 4 * ip.ihl - 4 * ip[TCP].dataofs]
        parts.setdefault(ip.src, {})[ip[TCP].seq] = data
    wanted = [b"".join(pieces[seq] for seq in sorted(pieces)) for pieces in parts.values()]
    (session,) = got.sessions
    kept = [session[way]["scratch"]["StreamCRC"] for way in ("to_server", "to_client")]
    assert sorted((k["crc"], k["bytes"]) for k in kept) == sorted((zlib.crc32(d), len(d)) for d in wanted)
    assert [bytes(p) for p in rdpcap(str(tmp_path / "out.pcap"))] == [bytes(p) for p in packets]


def test_ips(tmp_path: Path) -> None:
    got = run("ips", "http.pcap", tmp_path)
    texts = list(streams(CAPTURES / "http.pcap").values())
    bowls = sum(t.startswith(b"GET ") and 4 <= t.find(b"/bowls", 4) <= 44 - 6 for t in texts)
    gif = sum(t.startswith(b"HTTP/1.") and b"content-type: image/gif" in t.lower() for t in texts)
    adverts = sum(t.startswith(b"GET /a?f=") for t in texts)
    assert got.counters("IPS") == {"found": bowls + gif + adverts} and adverts == 1
    assert got.stats["sessions"]["ended"]["closed"] == 1
    assert not any(t.startswith(b"GET /a?f=") for t in streams(tmp_path / "out.pcap").values())


def test_full_chain(tmp_path: Path) -> None:
    got = run("full_chain", "http.pcap", tmp_path)
    useful = sum(map(len, streams(CAPTURES / "http.pcap").values()))
    kept = [s[way]["scratch"] for s in got.sessions for way in ("to_server", "to_client") if way in s]
    assert sum(k["StreamStats"]["bytes"] for k in kept if "StreamStats" in k) == useful
    assert got.packets("PacketStats") == 222


@pytest.mark.skipif(not Path("/usr/include/hs/hs.h").exists(), reason="needs Hyperscan: apt-get install libhyperscan-dev")
def test_regex(tmp_path: Path) -> None:
    got = run("regex", "http.pcap", tmp_path)
    texts = list(streams(CAPTURES / "http.pcap").values())
    moved = sum(len(re.findall(rb"HTTP/1\.[01] 30[1-4]", t)) for t in texts)
    bowls = sum(len(re.findall(rb"GET /\w+/bowls", t)) for t in texts)
    assert not any(re.search(rb"(?i)union\s+select|<script[^>]{0,80}>", t) for t in texts)
    assert got.counters("RegexMatcher") == {"found": moved + bowls, "db.open": 0, "db.refused": 0} and moved and bowls
    assert streams(tmp_path / "out.pcap") == streams(CAPTURES / "http.pcap")
