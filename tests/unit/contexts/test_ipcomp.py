"""Packets that came compressed (IPComp, RFC 3173) through chains that look inside: read, edited, copied, answered.

The same packets not compressed, whose lengths and checksums scapy has worked out, say what must be seen and what must leave.
"""

from __future__ import annotations

import random
import sys
import zlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether
from scapy.packet import Raw
from scapy.utils import wrpcap

from mcc import PASS, RESET, TCP4, Action, Element, Packet, Port, Stream, chain, duplex, element, tcp
from mcc.api import Module
from mcc.driver import compile_any
from mcc.protocols.dissect import ETHERNET, RAW, dissect
from mcc.protocols.ipcomp import MOST
from mcc.protocols.tunnels import peel, restore
from mcc.run.module import RunnableModule
from mcc.run.ports import bind
from mcc.run.runner import RunOptions, run_captures
from mcc.std import Mirror, PacketStats, StreamCRC, WordMatcher
from mcc.toolchain import ZLIB, compiler, is_there
from mcc.toolchain import module as toolchain

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "protocols"))
from encapsulations import AH, MACS, compressed, deflate, fitted, insert, ipcomp  # noqa: E402

needs_zlib = pytest.mark.skipif(not is_there(ZLIB, compiler()), reason="needs zlib: apt-get install zlib1g-dev")
LINK = bytes(Ether(**MACS, type=0x0800))
LINK6 = bytes(Ether(**MACS, type=0x86DD))
GATES = {"src": "192.0.2.1", "dst": "192.0.2.2"}
LONGER = b"[a longer name for Host]"
TEXT = b"GET / HTTP/1.1\r\nHost: www.example\r\n\r\n" * 12


@element
class Rewrites(Element):
    """One hop less, and another destination."""

    def process_packet(self, pkt: Packet) -> Action:
        if pkt.is_ip and pkt.ip.ttl > 1:
            pkt.ip.ttl -= 1
            pkt.ip.dst = 0x01020304
        if pkt.is_ip6:
            pkt.ip6.hops = 77
        return PASS


@element(session=TCP4)
class Refuses(Element):
    def process_data(self, stream: Stream) -> Action:
        return RESET


def renames(word: bytes, text: bytes) -> WordMatcher:
    return WordMatcher([word], mode="replace", text=text)


@cache
def module(what: str) -> Module:
    def copies() -> Iterator[Any]:
        both = Mirror()
        yield Port("lan", inner=True) >> both >> Port("wan")
        yield both[1] >> Port("tap")

    def between() -> Iterator[Any]:
        element = {"passes": PacketStats, "rewrites": Rewrites, "reads": lambda: tcp(StreamCRC()), "edits": lambda: tcp(renames(b"Host", LONGER)),
                   "undoes": lambda: tcp([renames(b"Host", LONGER), renames(LONGER, b"Host")]),
                   "refuses": lambda: tcp(Refuses())}[what]()
        yield duplex(Port("lan", inner=True), element, Port("wan", inner=True))

    return Module(compile_any(chain(copies if what == "copies" else between)), target="generic", level="-O1")


def segment(data: bytes, seq: int = 1, back: bool = False, flags: str = "PA", v6: bool = False, ack: int = 1) -> bytes:
    """An IP packet of one connection between 10.0.0.5 (2001:db8::5) and 10.0.0.7."""
    ends = ("2001:db8::5", "2001:db8::7") if v6 else ("10.0.0.5", "10.0.0.7")
    ports = (4000, 80)
    source, to = (1, 0) if back else (0, 1)
    net = (IPv6 if v6 else IP)(src=ends[source], dst=ends[to])
    return bytes(net / TCP(sport=ports[source], dport=ports[to], seq=seq, ack=ack, flags=flags) / Raw(data))


def tunnel4(inner: bytes, back: bool = False, deflated: bool = True) -> bytes:
    """An IP packet in IPv4, as a frame."""
    gates = {"src": GATES["dst"], "dst": GATES["src"]} if back else GATES
    outer = bytes(IP(**gates, proto=4 if inner[0] >> 4 == 4 else 41) / Raw(inner))
    return LINK + (ipcomp(outer) if deflated else outer)


def tunnel6_ah(inner: bytes, back: bool = False, deflated: bool = True) -> bytes:
    """An IP packet in IPv6 with AH, as a frame; its index was negotiated."""
    source, to = (2, 1) if back else (1, 2)
    head = IPv6(src=f"2001:db8:1::{source}", dst=f"2001:db8:1::{to}", nh=4 if inner[0] >> 4 == 4 else 41)
    outer = insert(bytes(head / Raw(inner)), 40, 51, AH)
    return LINK6 + (ipcomp(outer, 0xE3DE, 40 + 24) if deflated else outer)


def ran(what: str, frames: list[tuple[str, bytes]], backend: str = "c") -> tuple[list[tuple[str, bytes]], dict[str, Any], Any]:
    """What left, the statistics, the ended sessions."""
    with module(what).open(backend=backend, start=1.0) as box:
        out = []
        for i, (port, data) in enumerate(frames):
            out += [(s.port, bytes(s.frame)) for s in box.send(port, data, at=1.0 + i / 100)]
        out += [(s.port, bytes(s.frame)) for s in box.finish()]
        return out, box.stats(), box.sessions()


def drops(stats: dict[str, Any]) -> dict[str, int]:
    return {k: v for k, v in stats["drops"].items() if v}


def test_the_frame_as_it_would_be() -> None:
    """Whatever is around it: scapy builds the same frame without compression."""
    rng, read = random.Random(11), 0
    for _ in range(1000):
        came, plain, sealed = compressed(rng)
        found = peel(came, ETHERNET)
        if found is None or not found[1].compressed:
            continue  # deeper than what is looked into
        packet, outer = found
        read += 1
        assert outer.head + packet == plain and outer.found.sealed == sealed
        assert restore(packet, outer) == came
        changed = packet[:-1] + bytes([packet[-1] ^ 1])
        same = peel(plain, ETHERNET)
        as_plain = restore(changed, same[1]) if same is not None else plain[:-1] + changed[-1:]
        assert restore(changed, outer) == as_plain.ljust(60, b"\0")
    assert read > 900


def test_by_hand() -> None:
    """RFC 1951: a stored block is 01, length, its complement, bytes. 20 + 4 + 5 + 20 bytes, 20 + 20 without."""
    content = segment(b"")[20:]
    came = fitted(segment(b"")[:9] + b"\x6c" + segment(b"")[10:20] + bytes.fromhex("06000002 01 1400 ebff") + content)
    found = peel(LINK + came, ETHERNET)
    assert found is not None and found[1].compressed
    assert found[0] == segment(b"")
    d = dissect(found[0], RAW, peeled=True)
    assert d.has("tcp") and d.l4 == 20


STREAM = deflate(segment(TEXT)[20:])
OPAQUE = {
    "LZS": ipcomp(segment(TEXT), 3),
    "reserved": ipcomp(segment(TEXT), 255),
    "cut": fitted(ipcomp(segment(TEXT))[:-1]),
    "damaged": insert(segment(TEXT), 20, 108, b"\0\0\2", b"\xff" + STREAM[1:]),
    "bytes left over": insert(segment(TEXT), 20, 108, b"\0\0\2", STREAM + b"\0"),
    "nothing": insert(segment(TEXT), 20, 108, b"\0\0\2", b""),
    "an empty stream": insert(segment(TEXT), 20, 108, b"\0\0\2", deflate(b"")),
    "a zlib stream": insert(segment(TEXT), 20, 108, b"\0\0\2", zlib.compress(segment(TEXT)[20:])),
    "back beyond the beginning": insert(segment(TEXT), 20, 108, b"\0\0\2", bytes.fromhex("030200")),
    "a bomb": insert(segment(TEXT), 20, 108, b"\0\0\2", deflate(bytes(10_000_000))),
    "a byte too long": insert(segment(TEXT), 20, 108, b"\0\0\2", deflate(bytes(MOST - 20 + 1))),
    "a fragment": fitted(ipcomp(segment(TEXT))[:6] + b"\x20\0" + ipcomp(segment(TEXT))[8:]),
    "its length is wrong": ipcomp(segment(TEXT)) [:2] + b"\xff\xff" + ipcomp(segment(TEXT))[4:],
    "half a header": insert(segment(TEXT), 20, 108, b"\0\0", b""),
}


@pytest.mark.parametrize("name", OPAQUE)
def test_what_stays_compressed(name: str) -> None:
    frame = LINK + OPAQUE[name]
    found = peel(frame, ETHERNET)
    assert found is None
    for backend in ("c", "python"):
        out, stats, _ = ran("passes", [("lan", frame)], backend)
        assert out == [("wan", frame)] and not drops(stats)
        out, _, _ = ran("rewrites", [("lan", frame)], backend)
        assert out[0][1][14 + 9] == 108, "its header is that of the compressed packet"


@needs_zlib
def test_as_long_as_may_be() -> None:
    """A jumbo frame's packet is read, and one in which something is compressed again is not read twice."""
    longest = segment(b"a" * (MOST - 40))
    assert len(longest) == MOST
    again = ipcomp(segment(b"b" * 400))
    for packet in (longest, again):
        out, stats, _ = ran("rewrites", [("lan", LINK + ipcomp(packet))])
        (_, frame), = out
        assert IP(frame[14:]).len == len(packet) and frame[14 + 9] == packet[9] and not drops(stats)
        assert frame[14 + 20:] == packet[20:] or packet is longest  # the TCP checksum has another address


@needs_zlib
@pytest.mark.parametrize("name", ["transport", "tunnel", "6 in 4", "in VXLAN"])
def test_edited_it_leaves_uncompressed(name: str) -> None:
    """RFC 3173, 2.2: what is not compressed has no IPComp header. It leaves as the same packet does that came without."""
    plain, came = {
        "transport": (LINK + segment(TEXT), LINK + ipcomp(segment(TEXT))),
        "tunnel": (tunnel4(segment(TEXT), deflated=False), tunnel4(segment(TEXT))),
        "6 in 4": (tunnel4(segment(TEXT, v6=True), deflated=False), tunnel4(segment(TEXT, v6=True))),
        "in VXLAN": tuple(bytes(Ether(**MACS) / IP(**GATES) / UDP(sport=5000, dport=4789) / (b"\x08" + bytes(7) + LINK + p))
                          for p in (segment(TEXT), ipcomp(segment(TEXT)))),
    }[name]
    assert len(came) < len(plain)
    want, _, _ = ran("rewrites", [("lan", plain)])
    for backend in ("c", "python"):
        assert ran("rewrites", [("lan", came)], backend)[0] == want
    frame = Ether(want[0][1])
    again = Ether(bytes(frame))
    for layer in (IP, UDP, TCP):
        if layer in again:
            checked = again[layer].chksum
            del again[layer].chksum
            assert Ether(bytes(again))[layer].chksum == checked or name == "in VXLAN"


@needs_zlib
@pytest.mark.parametrize("backend", ["c", "python"])
def test_edited_under_ah_it_is_dropped(backend: str) -> None:
    frames = [("lan", tunnel6_ah(segment(TEXT))), ("wan", tunnel6_ah(segment(TEXT, v6=True)))]
    out, stats, _ = ran("rewrites", frames, backend)
    assert out == [] and drops(stats) == {"sealed": 2}
    assert ran("passes", frames, backend)[0] == [("wan", frames[0][1]), ("lan", frames[1][1])]


def transport(packet: bytes, back: bool = False) -> bytes:
    return LINK + ipcomp(packet, level=0)


def conversation(wrap: Any) -> tuple[list[tuple[str, bytes]], bytes, bytes]:
    """A connection whose packets all are wrapped; what each side said."""
    up, down = TEXT * 3, b"".join(b"%d and so on; " % i for i in range(900))
    frames = [("lan", wrap(segment(b"", 0, flags="S"))), ("wan", wrap(segment(b"", 0, True, "SA"), True)),
              ("lan", wrap(segment(b"", flags="A")))]
    frames += [("lan", wrap(segment(up, ack=1)))]
    frames += [("wan", wrap(segment(down[i:i + 1400], 1 + i, True, "A", ack=1 + len(up)), True)) for i in range(0, len(down), 1400)]
    frames += [("lan", wrap(segment(b"", 1 + len(up), flags="A", ack=1 + len(down))))]
    return frames, up, down


@needs_zlib
@pytest.mark.parametrize("wrap", [tunnel4, tunnel6_ah, transport], ids=["tunnel", "AH", "transport"])
def test_streams_are_read_and_leave_as_they_came(wrap: Any) -> None:
    frames, up, down = conversation(wrap)
    out, stats, sessions = ran("reads", frames)
    assert out == [("wan" if port == "lan" else "lan", data) for port, data in frames] and not drops(stats)
    (s,) = sessions
    for way, said in (("to_server", up), ("to_client", down)):
        got = s[way]["scratch"]["StreamCRC"]
        assert (got["bytes"], got["crc"]) == (len(said), zlib.crc32(said)), way


@needs_zlib
def test_a_segment_that_waits() -> None:
    """Out of order: it is held, a copy is sent again where it was promised, and all leave as they came."""
    frames, up, down = conversation(tunnel6_ah)
    frames[5], frames[6] = frames[6], frames[5]
    out, stats, (s,) = ran("reads", frames)
    assert s["to_client"]["scratch"]["StreamCRC"]["crc"] == zlib.crc32(down)
    ours = [data for _, data in out if data not in {d for _, d in frames}]
    assert ours == [], "an acknowledgement of ours has no check value"
    assert sorted(out) == sorted(("wan" if port == "lan" else "lan", data) for port, data in frames)


@needs_zlib
def test_an_edited_stream() -> None:
    """Every packet that leaves is as it came, or is in the tunnel uncompressed, with the lengths of what it has become."""
    frames, up, _ = conversation(tunnel4)
    out, stats, _ = ran("edits", frames)
    said = b""
    for port, data in out:
        outer = IP(data[14:])
        assert outer.len == len(data) - 14 or len(data) == 60
        packet = peel(data, ETHERNET)
        assert packet is not None
        inner = IP(packet[0])
        if port == "wan":
            assert inner.len == len(packet[0])
            said += bytes(inner[TCP].payload)
            if data not in {d for _, d in frames}:
                assert outer.proto == 4
                checked = inner[TCP].chksum
                del inner[TCP].chksum
                assert IP(bytes(inner))[TCP].chksum == checked
    assert said == up.replace(b"Host", b"[a longer name for Host]")
    assert not set(drops(stats)) & {"sealed", "no_buffer"}


@needs_zlib
def test_an_edit_that_is_undone() -> None:
    """While the packet was longer it lay over the frame that came: nothing of that may leave."""
    frames, up, _ = conversation(tunnel4)
    out, _, _ = ran("undoes", frames)
    said = b""
    for port, data in out:
        found = peel(data, ETHERNET)
        assert found is not None
        said += bytes(IP(found[0])[TCP].payload) if port == "wan" else b""
    assert said == up


@needs_zlib
@pytest.mark.parametrize("backend", ["c", "python"])
def test_a_frame_with_its_check_sequence(backend: str) -> None:
    """802.11 with radiotap that says that the FCS is there: it is that of what leaves (IEEE 802.11, 9.2.4.8)."""
    head = bytes.fromhex("0000090002000000 10") + b"\x08\x01" + bytes(22) + bytes.fromhex("aaaa030000000800")

    def with_sum(packet: bytes) -> bytes:
        return head + packet + zlib.crc32(head[9:] + packet).to_bytes(4, "little")

    plain, came = with_sum(segment(TEXT)), with_sum(ipcomp(segment(TEXT)))
    for what in ("passes", "rewrites"):
        left = []
        for frame in (plain, came):
            with module(what).open(backend=backend, start=1.0, link="radiotap") as box:
                left += [bytes(s.frame) for s in box.send("lan", frame, at=1.0)]
        assert left == [plain, came] if what == "passes" else left[0] == left[1] == with_sum(left[0][len(head):-4])


@needs_zlib
def test_packets_of_ours_go_uncompressed() -> None:
    """Resets to both ends, in the tunnel but without IPComp; under AH they cannot be sent."""
    frames = conversation(tunnel4)[0][:4]
    out, _, _ = ran("refuses", frames)
    resets = [(port, data) for port, data in out if data not in {d for _, d in frames}]
    assert sorted(port for port, _ in resets) == ["lan", "wan"]
    for port, data in resets:
        outer = IP(data[14:])
        assert (outer.src, outer.dst) == (GATES["src"], GATES["dst"])[::1 if port == "wan" else -1]
        assert outer.proto == 4 and outer[IP].payload[TCP].flags & 4
        length, checked = outer.len, outer.chksum
        outer = IP(data[14:14 + length])
        del outer.chksum, outer.len
        assert (IP(bytes(outer)).len, IP(bytes(outer)).chksum) == (length, checked)
    out, stats, _ = ran("refuses", conversation(tunnel6_ah)[0][:4])
    assert drops(stats)["sealed"] == 2
    assert all(data in {d for _, d in conversation(tunnel6_ah)[0]} for _, data in out)


@needs_zlib
@pytest.mark.parametrize("backend", ["c", "python"])
def test_a_copy_leaves_as_it_came(backend: str) -> None:
    for frame in (tunnel4(segment(TEXT)), tunnel6_ah(segment(TEXT))):
        out, stats, _ = ran("copies", [("lan", frame)], backend)
        assert sorted(out) == [("tap", frame), ("wan", frame)] and not drops(stats)


@needs_zlib
def test_in_fragments() -> None:
    """Outside: joined, inflated, and gone on in the same fragments, which are of different lengths, in the same order."""
    noise = random.Random(2).randbytes(2500)
    came = ipcomp(bytes(IP(**GATES, proto=4, id=77) / Raw(segment(noise))))
    cuts = [(0, 400), (1600, len(came) - 20), (400, 1600)]
    parts = [LINK + fitted(came[:6] + (((to < len(came) - 20) << 13) + at // 8).to_bytes(2, "big") + came[8:20] +
                           came[20 + at:20 + to]) for at, to in cuts]
    before = [("lan", tunnel4(segment(b"", 0, flags="S"))), ("wan", tunnel4(segment(b"", 0, True, "SA"), True)),
              ("lan", tunnel4(segment(b"", flags="A")))]
    frames = [*before, *(("lan", f) for f in parts)]
    out, _, (s,) = ran("reads", frames)
    assert s["to_server"]["scratch"]["StreamCRC"]["crc"] == zlib.crc32(noise)
    assert out == [("wan" if port == "lan" else "lan", data) for port, data in frames]


@needs_zlib
def test_the_sides_of_one_capture(tmp_path: Path) -> None:
    """Who opened the connection is at the lan, which only the headers inside say."""
    opening, answer = segment(b"y" * 200, 0, flags="S"), segment(b"z" * 200, 0, True, "SA")
    capture = tmp_path / "in.pcap"
    wrpcap(str(capture), [Ether(tunnel4(opening)), Ether(tunnel4(answer)), Ether(tunnel4(opening))])
    compiled = module("reads")
    ports = bind(compiled.compiled.graph.ports, str(capture), str(tmp_path / "out.pcap"), {})
    result = run_captures(RunnableModule(compiled), ports, RunOptions())
    assert {k: p["rx_packets"] for k, p in result.stats["ports"].items()} == {"lan": 2, "wan": 1}


def test_without_zlib(monkeypatch: pytest.MonkeyPatch) -> None:
    """It compiles and links, and compressed packets are what is innermost."""
    monkeypatch.setattr(toolchain, "_is_there", lambda library, cc: False)
    made = Module(module("rewrites").compiled, target="generic", level="-O1")
    with made.open(start=1.0) as box:
        (out,) = box.send("lan", tunnel4(segment(TEXT)), at=1.0)
    assert bytes(out.frame)[14 + 9] == 108 and IP(bytes(out.frame)[14:]).dst == "1.2.3.4"


