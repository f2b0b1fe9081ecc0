"""ICMP errors about segments that a chain has changed: the host that gets one finds its own segment in it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import ICMPv6DestUnreach, ICMPv6PacketTooBig, ICMPv6ParamProblem, ICMPv6TimeExceeded, IPv6
from scapy.layers.l2 import Ether
from scapy.packet import Packet

from mcc import Port, chain, duplex, tcp
from mcc.api import Module
from mcc.driver import compile_chain
from mcc.std import StreamCRC, WordMatcher
from mcc.testing.positions import PositionMap
from mcc.testing.properties.headers import icmp
from mcc.testing.subject import Subject

MACS = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")
WORD = b"SECRET"
SPACE = 1 << 32


@cache
def module(text: bytes | None, twice: bool = False) -> Module:
    """Replaces WORD by `text`; None: only reads. `twice`: b"a" is doubled in a second context behind it."""
    def between() -> Iterator[Any]:
        one = StreamCRC() if text is None else WordMatcher([WORD], mode="replace", text=text)
        path = tcp(one)
        if twice:
            path = path >> tcp(WordMatcher([b"a"], mode="replace", text=b"aa"))
        yield duplex(Port("lan"), path, Port("wan"))

    return Module(compile_chain(chain(between)), level="-O0")


@dataclass
class Talk:
    """A connection through a box, sequence numbers by hand; positions count from 0 at ISN + 1."""

    box: Any
    isn: int = 1000
    isn_back: int = 5000
    v6: bool = False
    at: float = 1.0

    def ip(self, to_server: bool = True) -> Packet:
        ends = ("2001:db8::5", "2001:db8:1::1") if self.v6 else ("10.0.0.5", "10.0.1.1")
        a, b = ends if to_server else ends[::-1]
        return IPv6(src=a, dst=b) if self.v6 else IP(src=a, dst=b, id=77)

    def send(self, seq: int, ack: int | None, flags: str, data: bytes = b"", *, to_server: bool = True,
             mss: int | None = None) -> list[Packet]:
        """A segment at position `seq`; what left of it towards the other side."""
        mine, other = (self.isn, self.isn_back) if to_server else (self.isn_back, self.isn)
        ports = (4000, 80) if to_server else (80, 4000)
        segment = TCP(sport=ports[0], dport=ports[1], flags=flags, seq=(mine + 1 + seq) % SPACE,
                      ack=(other + 1 + ack) % SPACE if ack is not None else 0, options=[("MSS", mss)] if mss else [])
        return self.put(self.ip(to_server) / segment / data, to_server)

    def put(self, packet: Packet, to_server: bool) -> list[Packet]:
        self.at += 0.001
        sent = self.box.send("lan" if to_server else "wan", bytes(MACS / packet), self.at)
        return [Ether(s.frame) for s in sent if s.port == ("wan" if to_server else "lan")]

    def open(self, mss: int = 1460) -> Talk:
        self.send(-1, None, "S", mss=mss)
        self.send(-1, 0, "SA", to_server=False, mss=mss)
        self.send(0, 0, "A")
        return self


def errors(v6: bool) -> list[Packet]:
    """One ICMP error of each type."""
    if v6:
        return [ICMPv6DestUnreach(code=4), ICMPv6PacketTooBig(mtu=1300), ICMPv6TimeExceeded(), ICMPv6ParamProblem(ptr=3)]
    return [ICMP(type=3, code=1), ICMP(type=3, code=4, nexthopmtu=1300), ICMP(type=11), ICMP(type=12)]


def error(talk: Talk, kind: Packet, segment: Packet, size: int | None, to_server: bool = False) -> Packet:
    """The error of a router about `segment`, as it left the box, of which `size` bytes of TCP are quoted."""
    inner = bytes(segment[IPv6] if talk.v6 else segment[IP])
    head = 40 if talk.v6 else 20
    quote = inner if size is None else inner[:head + size]
    host = segment[IPv6 if talk.v6 else IP].src
    outer = IPv6(src="2001:db8:9::9", dst=host) if talk.v6 else IP(src="10.0.9.9", dst=host)
    return type(outer)(bytes(outer / kind / quote))


def quoted(p: Packet, v6: bool) -> tuple[int, bytes, bytes]:
    """Sequence number, the quoted TCP bytes and the quoted IP header; the checksum of the ICMP message must be right."""
    ip = p[IPv6] if v6 else p[IP]
    raw = bytes(ip)
    again = type(ip)(raw)
    for layer in (again, again.payload):
        for field in ("chksum", "cksum"):
            if field in layer.fields:
                delattr(layer, field)
    assert bytes(again) == raw, "a checksum is wrong"
    inner = raw[(40 if v6 else 20) + 8:]
    head = 40 if v6 else 20
    return int.from_bytes(inner[head + 4:head + 8], "big"), inner[head:], inner[:head]


def check_quoted_sum(segment: bytes, header: bytes, v6: bool) -> None:
    """The quoted checksum is right for the segment as quoted."""
    came = IPv6(header) if v6 else IP(header)
    under = IPv6(src=came.src, dst=came.dst, nh=6) if v6 else IP(src=came.src, dst=came.dst, proto=6)
    parsed = TCP(segment)
    given_sum = parsed.chksum
    del parsed.chksum
    assert type(under)(bytes(under / parsed))[TCP].chksum == given_sum


@pytest.mark.parametrize("v6", [False, True], ids=["IPv4", "IPv6"])
@pytest.mark.parametrize("isn", [1000, SPACE - 30, SPACE - 8], ids=["far", "near", "at"])
@pytest.mark.parametrize("text", [b"", b"[a]", b"much longer"], ids=["removed", "shorter", "longer"])
def test_before_and_behind_an_edit(text: bytes, isn: int, v6: bool) -> None:
    """Segments before, with and behind edits, quoted in part and whole, in errors of every type."""
    stream = [b"first segment ", b"has a SECRET in", b" and one behind it", b"SECRETSECRET.", b"last"]
    edits = [(m.start(), 6, len(text)) for m in re.finditer(WORD, b"".join(stream))]
    where = PositionMap(edits)
    with module(text).open() as box:
        talk = Talk(box, isn=isn, isn_back=isn, v6=v6).open()
        at, sent = 0, []
        for data in stream:
            sent.append((at, data, talk.send(at, 0, "PA", data)[0]))
            at += len(data)
        for size in (8, 20, None):
            for kind in errors(v6):
                for start, data, p in sent:
                    got = talk.put(error(talk, kind, p, size), to_server=False)
                    assert len(got) == 1
                    seq, segment, header = quoted(got[0], v6)
                    y = (p[TCP].seq - isn - 1) % SPACE
                    x = (seq - isn - 1) % SPACE
                    assert start <= x < start + len(data), "not a sequence number of the segment that the host sent"
                    assert x in (where.back(y), where.back_high(y))
                    assert segment[:4] == bytes(p[TCP])[:4]
                    if size is None:
                        check_quoted_sum(segment, header, v6)


def test_acknowledgement_goes_back() -> None:
    """The host's own acknowledgement number, which the chain has translated, is quoted as the host gave it."""
    with module(b"").open() as box:
        talk = Talk(box).open()
        talk.send(0, 0, "PA", b"12SECRET3456", to_server=False)
        p = talk.send(0, 6, "PA", b"x SECRET y")[0]
        assert p[TCP].ack == 5001 + 12
        got = talk.put(error(talk, ICMP(type=3, code=1), p, None), to_server=False)[0]
        _, segment, header = quoted(got, False)
        assert TCP(segment).ack == 5001 + 6
        check_quoted_sum(segment, header, False)


def test_of_the_server() -> None:
    """Errors about what the server sent go to the server."""
    with module(b"").open() as box:
        talk = Talk(box).open()
        talk.send(0, 0, "PA", b"12SECRET3456", to_server=False)
        p = talk.send(12, 0, "PA", b"behind", to_server=False)[0]
        assert p[TCP].seq == 5001 + 6
        got = talk.put(error(talk, ICMP(type=11), p, 8), to_server=True)[0]
        assert quoted(got, False)[0] == 5001 + 12


def test_two_contexts() -> None:
    """Through both, the one that changed last first."""
    with module(b"", True).open() as box:
        talk = Talk(box).open()
        talk.send(0, 0, "PA", b"aaSECRET3456")
        p = talk.send(12, 0, "PA", b"a behind")[0]
        assert p[TCP].seq == 1001 + 8
        assert quoted(talk.put(error(talk, ICMP(type=11), p, 8), to_server=False)[0], False)[0] == 1001 + 12
        talk.send(0, 0, "PA", b"aaSECRET3456", to_server=False)
        p = talk.send(12, 0, "PA", b"a behind", to_server=False)[0]
        assert quoted(talk.put(error(talk, ICMP(type=11), p, 8), to_server=True)[0], False)[0] == 5001 + 12


@pytest.mark.parametrize("v6", [False, True], ids=["IPv4", "IPv6"])
def test_unknown_pass_unchanged(v6: bool) -> None:
    """Errors about other connections, other protocols, other messages, and errors cut short: bit by bit as they came."""
    with module(b"").open() as box:
        talk = Talk(box, v6=v6).open()
        p = talk.send(0, 0, "PA", b"a SECRET b")[0]
        other = Ether(bytes(p))
        other[TCP].sport = 4001
        datagram = MACS / talk.ip() / UDP(sport=4000, dport=80) / b"data"
        packets = [error(talk, errors(v6)[0], other, 8), error(talk, errors(v6)[0], Ether(bytes(datagram)), 8),
                   error(talk, errors(v6)[0], p, 6)]
        for packet in packets:
            got = talk.put(packet, to_server=False)
            assert [bytes(g) for g in got] == [bytes(MACS / packet)]


def test_a_chain_that_reads_leaves_them_alone() -> None:
    with module(None).open() as box:
        talk = Talk(box).open()
        p = talk.send(0, 0, "PA", b"a SECRET b")[0]
        packet = error(talk, ICMP(type=3, code=4, nexthopmtu=600), p, None)
        assert bytes(talk.put(packet, to_server=False)[0]) == bytes(MACS / packet)


@pytest.mark.parametrize("v6", [False, True], ids=["IPv4", "IPv6"])
def test_path_mtu(v6: bool) -> None:
    """What a router says of its next hop limits the segments that are cut here, in that direction (property 15)."""
    kind = errors(v6)[1]
    with module(b"y" * 100).open() as box:
        talk = Talk(box, v6=v6).open()
        data = b"SECRET" * 20 + b"." * 1300
        before = talk.send(0, 0, "PA", data)
        assert max(len(p[TCP].payload) for p in before) > 1300
        talk.put(error(talk, kind, before[0], 8), to_server=False)
        after = talk.send(len(data), 0, "PA", data)
        again = talk.send(0, 0, "PA", data)
        for p in (*after, *again):
            ip_bytes = p[IPv6].plen + 40 if v6 else p[IP].len
            assert ip_bytes <= 1300
        assert b"".join(bytes(p[TCP].payload) for p in after) == data.replace(WORD, b"y" * 100)
        assert b"".join(bytes(p[TCP].payload) for p in again) == data.replace(WORD, b"y" * 100)


@pytest.mark.parametrize("v6", [False, True], ids=["IPv4", "IPv6"])
def test_what_is_ours_to_send_again_is_cut_anew(v6: bool) -> None:
    """Acknowledged early, so its sender never repeats it; a router behind the box wants no more than 1,300 bytes of IP."""
    with module(b"y" * 7).open() as box:
        talk = Talk(box, v6=v6).open()
        data = bytes(range(65, 91)) * 54 + b"SE"
        assert talk.send(0, 0, "PA", data) == []  # held: the word may go on
        talk.at += 0.1
        assert [s.port for s in box.advance(talk.at)] == ["lan"]  # the early acknowledgement
        whole = talk.send(len(data), 0, "PA", b"!")[0]
        assert bytes(whole[TCP].payload) == data
        talk.put(error(talk, errors(v6)[1], whole, 8), to_server=False)
        again = [Ether(s.frame) for s in box.advance(talk.at + 1.5) if s.port == "wan"]
        assert len(again) == 2 and all((p[IPv6].plen + 40 if v6 else p[IP].len) <= 1300 for p in again)
        assert b"".join(bytes(p[TCP].payload) for p in again) == data
        assert again[1][TCP].seq == again[0][TCP].seq + len(again[0][TCP].payload) == 1001 + len(again[0][TCP].payload)


def test_path_mtu_of_strangers_is_not_believed() -> None:
    """RFC 5927: an error that quotes what is not in flight changes nothing."""
    with module(b"y" * 100).open() as box:
        talk = Talk(box).open()
        data = b"SECRET" * 20 + b"." * 1300
        p = talk.send(0, 0, "PA", data)[0]
        far = Ether(bytes(p))
        far[TCP].seq += 100_000
        talk.put(error(talk, ICMP(type=3, code=4, nexthopmtu=100), far, 8), to_server=False)
        assert max(len(p[TCP].payload) for p in talk.send(len(data), 0, "PA", data)) > 1300


@pytest.mark.parametrize("text", [b"", b"xx", b"longer than it"])
@settings(max_examples=25)
@given(data=st.data())
def test_property_16(text: bytes, data: st.DataObject) -> None:
    def edits(stream: bytes) -> list[tuple[int, int, int]]:
        return [(m.start(), 6, len(text)) for m in re.finditer(WORD, stream)]

    subject = Subject(lambda: module(text).open(), transform=lambda s: s.replace(WORD, text), edits=edits, tokens=(WORD,))
    icmp(subject, data)
