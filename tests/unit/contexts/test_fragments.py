"""IP fragments through chains with contexts: joined before classification, sent on as they came or cut anew."""

from __future__ import annotations

import hashlib
import json
import random
import re
import zlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import ICMP, IP, TCP, UDP, fragment
from scapy.layers.inet6 import IPv6, IPv6ExtHdrFragment, fragment6
from scapy.layers.l2 import Dot1Q, Ether
from scapy.packet import Packet, Raw
from scapy.utils import RawPcapReader

from mcc import PASS, Action, Element, IPPair, Port, Stream, chain, duplex, element, ip, struct, tcp, u64, udp
from mcc.api import Module
from mcc.driver import compile_chain
from mcc.std import StreamCRC, WordMatcher

CONTEXTS = {"tcp": tcp, "udp": udp, "ip": ip}
MACS = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")


@struct
class Seen:
    bytes: u64 = 0


@element(session=IPPair, scratch=Seen)
class Count(Element):
    """Counts what IP packets carry."""

    def process_data(self, s: Seen, stream: Stream) -> Action:
        for c in stream.chunks():
            s.bytes += len(c)
        return PASS


@cache
def module(context: str, mode: str, text: bytes = b"") -> Module:
    """A chain of one element: "read" reads streams, others are modes of WordMatcher for b"SECRET"."""
    def between() -> Iterator[Any]:
        reader = Count() if context == "ip" else StreamCRC()
        more = {"text": text} if mode == "replace" else {}
        inside = reader if mode == "read" else WordMatcher([b"SECRET"], mode=mode, **more)
        yield duplex(Port("lan"), CONTEXTS[context](inside), Port("wan"))

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


# ---------------------------------------------------------------- nothing changed: nothing to be seen


@pytest.mark.parametrize("context", CONTEXTS)
@pytest.mark.parametrize("size", [8, 576, 1400])
def test_transparent(context: str, size: int) -> None:
    """A chain that changes nothing sends the fragments as they came, in the order they came in, headers bit by bit."""
    data = DATA[:500] if size == 8 else DATA
    with module(context, "read").open() as box:
        for ident, seed in enumerate((None, 1, 2)):
            frames = pieces4(data, size, ident=ident + 1, seed=seed, ttl=9, tos=4)
            assert feed(box, frames) == frames
            frames = pieces6(DATA, 1280 + size, ident=ident, seed=seed)
            assert feed(box, frames) == frames
        conserved(box)


def test_padding_tags_and_ways_of_their_own() -> None:
    """What differs from fragment to fragment stays so: padding, TTL, tags; the last one first."""
    tag = Ether(src=MACS.src, dst=MACS.dst) / Dot1Q(vlan=5, prio=3)
    frames = []
    for i, f in enumerate(pieces4(b"x" * 100, 40, seed=4)):
        p = Ether(f)[IP]
        p.ttl, p.chksum = 64 - i, None
        frames.append(bytes(tag / p) + bytes(30))
    with module("udp", "read").open() as box:
        assert feed(box, frames) == frames
        assert conserved(box) == {"frag_joined": 2}
        other = [bytes(Ether(src=MACS.src, dst=MACS.dst) / Dot1Q(vlan=5 + i) / Ether(f)[IP])
                 for i, f in enumerate(pieces4(b"x" * 100, 40))]
        assert feed(box, other) == [], "fragments of two VLANs were joined"


def test_whole_packets_pass_between() -> None:
    """Others overtake what waits; the datagram leaves when its last fragment is there."""
    frames = pieces4(DATA, 1000)
    other = bytes(MACS / IP(src="10.0.0.9", dst="10.0.1.1") / UDP(sport=1, dport=2) / b"hello")
    ping = bytes(MACS / IP(src="10.0.0.9", dst="10.0.1.1") / ICMP() / b"hello")
    with module("udp", "read").open() as box:
        assert feed(box, [*frames[:3], other, *frames[3:], ping]) == [other, *frames, ping]


@pytest.mark.parametrize("context", ["tcp", "udp"])
def test_only_what_is_wanted(context: str) -> None:
    """Fragments of protocols that no context reads go by as they are."""
    other = UDP(sport=1, dport=2) if context == "tcp" else TCP(sport=1, dport=2)
    frames = [bytes(MACS / f) for f in fragment(IP(bytes(IP(src="10.0.0.5", dst="10.0.1.1") / other / DATA)), 1000)]
    with module(context, "read").open() as box:
        assert feed(box, frames[::-1]) == frames[::-1]
        assert conserved(box) == {}


def test_tcp_connection_in_fragments() -> None:
    """A TCP segment in fragments is a segment: its stream is read and edited."""
    def segment(flags: str, seq: int, data: bytes = b"", ack: int = 0) -> Packet:
        return IP(src="10.0.0.5", dst="10.0.1.1", id=seq) / TCP(sport=4000, dport=80, flags=flags, seq=seq, ack=ack) / data

    syn_ack = IP(src="10.0.1.1", dst="10.0.0.5") / TCP(sport=80, dport=4000, flags="SA", seq=1, ack=100, options=[("MSS", 1460)])
    long = IP(bytes(segment("PA", 100, DATA[2000:3400], 2)))
    with module("tcp", "replace", b"[a]").open() as box:
        feed(box, [bytes(MACS / segment("S", 99))])
        feed(box, [bytes(MACS / syn_ack)], port="wan")
        out = feed(box, [bytes(MACS / f) for f in fragment(long, 600)[::-1]])
        got = joined(out)
        assert got[20:] == DATA[2000:3400].replace(b"SECRET", b"[a]")
        assert max(len(f) for f in out) <= 14 + 620


# ---------------------------------------------------------------- edits


@pytest.mark.parametrize("text", [b"[gone]", b"", b"x" * 3000], ids=["same", "shorter", "longer"])
@pytest.mark.parametrize("pieces", [pieces4, pieces6])
def test_edited(pieces: Any, text: bytes) -> None:
    """The edit is of the whole datagram; what leaves is no longer than the longest fragment that came."""
    frames = pieces(DATA, 1280 if pieces is pieces6 else 1000, seed=8)
    with module("udp", "replace", text).open() as box:
        out = feed(box, frames)
        assert content(out) == DATA.replace(b"SECRET", text)
        assert max(map(len, out)) <= max(map(len, frames))
        if len(text) == 6:
            assert [len(f) for f in out] == [len(f) for f in frames]
        heads = {(bytes(Ether(f)[IP])[4:6], Ether(f)[IP].flags.DF) if pieces is pieces4 else
                 Ether(f)[IPv6ExtHdrFragment].id for f in [*frames, *out]}
        assert len(heads) == 1, "the identification changed"
        conserved(box)


def test_edited_word_across_fragments() -> None:
    """A word that no fragment has whole is found."""
    data = b"a" * 600 + b"SECRET" + b"b" * 600
    for size in (608, 616):  # 8 bytes of UDP header
        with module("udp", "remove").open() as box:
            assert content(feed(box, pieces4(data, size))) == data.replace(b"SECRET", b"")


def test_do_not_fragment_is_kept() -> None:
    frames = pieces4(DATA, 1000)
    df = []
    for f in frames:
        p = Ether(f)
        p[IP].flags |= "DF"
        del p[IP].chksum
        df.append(bytes(p))
    with module("udp", "replace", b"four").open() as box:
        out = feed(box, df)
        assert len(out) > 1 and all(Ether(f)[IP].flags.DF for f in out)


# ---------------------------------------------------------------- what a host would not join


def test_copies_overlaps_and_time() -> None:
    frames = pieces4(DATA, 1000)
    with module("udp", "read").open() as box:
        out = feed(box, [frames[0], frames[0], frames[1], frames[1], *frames[2:]])
        assert out == frames
        assert conserved(box) == {"frag_joined": 4, "frag_duplicate": 2}
    with module("udp", "read").open() as box:
        clash = pieces4(DATA[:2000] + b"?" * 2416, 1000)
        assert feed(box, [*frames[:3], clash[2], *frames[3:]]) == []
        assert conserved(box) == {"frag_overlap": 6}
        assert feed(box, frames, at=40.0) == frames, "the time of the spoiled one is up"
    with module("udp", "read").open() as box:
        assert feed(box, frames[:3]) == []
        assert box.stats()["held"] == 3
        box.advance(30.9)
        assert box.stats()["held"] == 3
        box.advance(31.1)
        assert (box.stats()["held"], conserved(box)) == (0, {"frag_timeout": 3})
        assert feed(box, pieces6(DATA, 1280)[:2], at=40.0) == []
        box.advance(99.0)
        assert box.stats()["held"] == 2
        box.advance(100.1)
        assert conserved(box) == {"frag_timeout": 5}


def test_end_of_run_counts_what_waits() -> None:
    with module("ip", "read").open() as box:
        feed(box, pieces4(DATA, 1000)[:2])
        box.finish()
        assert (box.stats()["held"], conserved(box)) == (0, {"frag_timeout": 2})


def test_flood() -> None:
    """First fragments without end: memory is bounded, the newest datagram still gets through."""
    with module("udp", "read").open(buffers=4096) as box:
        for at in range(40):
            feed(box, [pieces4(b"x" * 100, 40, ident=i % 65536)[0] for i in range(at * 100, at * 100 + 100)])
        assert box.stats()["held"] <= 1024
        frames = pieces4(DATA, 1000, ident=60000)
        assert feed(box, frames) == frames
        drops = conserved(box)
        assert drops["frag_limit"] > 2000 and "no_buffer" not in drops


@given(st.data())
def test_bursts_do_not_matter(data: st.DataObject) -> None:
    """Fragments of several datagrams in any order and repeated, in any bursts: the same packets leave."""
    frames = [f for i in range(3) for f in pieces4(DATA[i * 300:i * 300 + 700], 200, ident=i)] + pieces6(DATA[:2600], 1280)
    order = data.draw(st.permutations(range(len(frames))))
    frames = [frames[i] for i in order] + [frames[i] for i in order[:2]]  # fewer than any datagram has
    cuts = sorted(data.draw(st.sets(st.integers(1, len(frames) - 1))))
    with module("udp", "read").open() as one, module("udp", "read").open() as many:
        whole = feed(one, frames)
        parts = [s for a, b in zip([0, *cuts], [*cuts, len(frames)], strict=True) for s in feed(many, frames[a:b])]
        assert whole == parts
        assert sorted(whole) == sorted(frames[:len(order)])
        assert conserved(one) == conserved(many)


# ---------------------------------------------------------------- captures

OUTER = re.compile(r"eth(:ethertype)?(:vlan)*:(ip|ipv6|ipv6:ipv6.fraghdr):udp$")
Ends = tuple[str, str, int, int]


def fragmented(shared: Path) -> list[tuple[Path, dict[str, Any]]]:
    """Captures on Ethernet with fragments that do not overlap, and what tshark says of them."""
    out = []
    for path in sorted((shared / "captures" / "truth").glob("*.json")):
        truth = json.loads(path.read_text())
        ip_truth = truth.get("ip", {})
        if ip_truth.get("v4_fragments") or ip_truth.get("v6_fragments"):
            if truth["file"]["linktypes"].keys() == {"1"} and not ip_truth.get("v4_overlap"):
                out.append((shared / "captures" / path.stem, truth))
    return out


def as_hosts_see(frames: list[bytes]) -> dict[Ends, bytes]:
    """UDP payloads by ends, fragments joined: a plain reading, nothing of it shared with the code under test."""
    out: dict[Ends, bytes] = {}
    waiting: dict[object, list[bytes]] = {}

    def add(src: str, dst: str, payload: bytes) -> None:
        ends = (src, dst, int.from_bytes(payload[:2], "big"), int.from_bytes(payload[2:4], "big"))
        length = int.from_bytes(payload[4:6], "big")
        if 8 <= length <= len(payload):
            out[ends] = out.get(ends, b"") + payload[8:length]

    for f in frames:
        p = Ether(f)
        if IPv6ExtHdrFragment in p and p[IPv6].nh == 44 and p[IPv6ExtHdrFragment].nh == 17:
            key: object = (p[IPv6].src, p[IPv6].dst, p[IPv6ExtHdrFragment].id)
        elif IP in p and p[IP].proto == 17 and (p[IP].frag or p[IP].flags.MF):
            key = (p[IP].src, p[IP].dst, p[IP].id)
        else:
            if UDP in p and isinstance(p[UDP].underlayer, (IP, IPv6)):
                under = p[UDP].underlayer
                if under is p.getlayer(IP) or under is p.getlayer(IPv6):
                    add(under.src, under.dst, bytes(under.payload))
            continue
        waiting.setdefault(key, []).append(f)
        try:
            payload = joined(waiting[key])
        except AssertionError:
            continue
        add(key[0], key[1], payload)  # type: ignore[index]
        del waiting[key]
    return out


def test_captures(shared: Path) -> None:
    """Streams of datagrams in real captures are what a plain reading, and tshark, say; nothing but what waits is missing."""
    checked = joined_flows = 0
    for path, truth in fragmented(shared):
        with RawPcapReader(str(path)) as reader:
            records = list(reader)
        frames = [raw for raw, _ in records]
        with module("udp", "read").open() as box:
            for raw, meta in records:
                box.receive("lan", raw, meta.sec * 10**9 + meta.usec * 1000, meta.wirelen)
            out = [bytes(s.frame) for s in box.send_burst([])]
            box.finish()
            drops, sessions = conserved(box), box.sessions()
        lost = sum(n for reason, n in drops.items() if reason != "frag_joined")
        assert len(out) == len(frames) - lost, path.name
        assert lost or sorted(out) == sorted(frames), path.name
        seen = {}
        for s in sessions:
            k = s["key"]
            for way, ends in (("to_server", ("src", "dst", "sport", "dport")), ("to_client", ("dst", "src", "dport", "sport"))):
                if s[way]["packets"]:
                    seen.setdefault(tuple(k[e] for e in ends), []).append(next(iter(s[way]["scratch"].values())))
        hosts = as_hosts_see(frames)
        for flow in truth["udp"]["flows"]:
            if not OUTER.fullmatch(flow["encap"]):
                continue
            (a, a_port), (b, b_port) = (flow[x].rsplit(":", 1) for x in "ab")
            for ends, said in (((a, b, int(a_port), int(b_port)), flow["a2b"]), ((b, a, int(b_port), int(a_port)), flow["b2a"])):
                if not said["packets"]:
                    continue
                got = seen[ends]
                # the truth takes IP payloads whole, a host what the UDP length tells (RFC 768)
                assert sum(g["bytes"] for g in got) in (said["bytes"], len(hosts.get(ends, b""))), (path.name, ends)
                if len(got) == 1 and hashlib.sha256(hosts.get(ends, b"")).hexdigest() == said["sha256"]:
                    assert got[0]["crc"] == zlib.crc32(hosts[ends]), (path.name, ends)
                    checked += 1
        joined_flows += drops.get("frag_joined", 0)
    assert checked >= 8 and joined_flows >= 100
