"""Real captures through TCP contexts: what elements read, and what goes out edited, against independent reassembly.

`crc32.json` holds length and zlib.crc32 of every direction that the truth of the shared captures calls clean, computed from the
streams of `tools/oracle.py streams` (tshark, and a second reassembler that agrees).
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mcc import PASS, TCP4, Action, Chain, Element, Port, Stream, chain, duplex, element, struct, tcp, u32, u64
from mcc.api import Module
from mcc.driver import compile_any
from mcc.run.module import RunnableModule
from mcc.run.ports import bind
from mcc.run.runner import RunOptions, RunResult, run_captures
from mcc.std import StreamCRC
from mcc.toolchain import ZLIB, compiler, is_there

NIGHTLY = bool(os.environ.get("MCC_NIGHTLY"))

PLAIN = {f"{link}:{tags}{ip}:tcp".replace("::", ":").lstrip(":") for link in ("eth", "sll", "raw", "null", "")
         for tags in ("", "vlan:", "vlan:vlan:") for ip in ("ip", "ipv6")}
"""Encapsulations without a tunnel: what a port sees that does not look into any."""

COMPRESSED = "libpcap--AH-IPcomp-IPv6.pcap"
"""Its data are compressed by IPComp (RFC 3173), under AH: they are read where zlib is there, and never edited."""
NOT_READ = set() if is_there(ZLIB, compiler()) else {COMPRESSED}
LOST = "zeek--gtp-gtp1_gn_normal_incl_fragmentation.pcap"
"""A capture that lacks the second half of some fragmented tunnel packets."""


@struct
class Seen:
    bytes: u64 = 0
    crc: u32 = 0


@element(session=TCP4, scratch=Seen)
class Crc(Element):
    def process_data(self, s: Seen, stream: Stream) -> Action:
        for c in stream.chunks():
            s.bytes += len(c)
            s.crc = c.crc32(s.crc)
        return PASS


@element(session=TCP4)
class Replace(Element):
    word: bytes
    text: bytes

    def process_data(self, stream: Stream) -> Action:
        for m in stream.matches(self.word):
            stream.replace(m, self.text)
        return PASS


@chain
def reading() -> Iterator[Any]:
    yield duplex(Port("lan", inner=True), tcp([Crc(), StreamCRC()]), Port("wan", inner=True))


@chain
def outermost() -> Iterator[Any]:
    yield duplex(Port("lan"), tcp(Crc()), Port("wan"))


def replacing(word: bytes, text: bytes) -> Chain:
    """`before` sees what comes to the client's side edited, `after` what comes to the server's."""
    def make() -> Iterator[Any]:
        before, after = Crc(), Crc()
        yield duplex(Port("lan", inner=True), tcp([before, Replace(word, text), after], hold_timeout=0),
                     Port("wan", inner=True))
    return chain(make)


def compiled(c: Chain) -> Module:
    return Module(compile_any(c), target="generic", level="-O1")


@pytest.fixture(scope="module")
def reader() -> Module:
    return compiled(reading)


@pytest.fixture(scope="session")
def truth() -> dict[str, list[tuple[int, str, int, int]]]:
    """By capture: (conversation, direction, bytes, crc32)."""
    found = json.loads((Path(__file__).parent / "crc32.json").read_text())
    return {k: [tuple(r) for r in rows] for k, rows in found.items()}


def conversations(shared: Path, name: str) -> dict[int, dict[str, Any]]:
    about = json.loads((shared / "captures" / "truth" / f"{name}.json").read_text())
    return {s["id"]: s for s in about["tcp"]["streams"]}


def in_tunnels(shared: Path, truth: dict[str, Any]) -> set[str]:
    """Captures with a clean direction inside a tunnel."""
    return {n for n, rows in truth.items() if n not in NOT_READ
            for hosts in [conversations(shared, n)] if any(hosts[number]["encap"] not in PLAIN for number, *_ in rows)}


def through(module: Module, path: Path, folder: Path, burst: int = 32) -> tuple[RunResult, list[dict[str, Any]]]:
    sessions = folder / "sessions.jsonl"
    result = run_captures(RunnableModule(module),
                          bind(module.compiled.graph.ports, str(path), str(folder / f"out{path.suffix}"), {}),
                          RunOptions(sessions=str(sessions), burst=burst))
    return result, [json.loads(line) for line in sessions.read_text().splitlines()]


def seen(sessions: list[dict[str, Any]], to_server: str, to_client: str) -> dict[tuple[str, str], list[tuple[int, int]]]:
    """(bytes, crc) by (sender, receiver)."""
    out: dict[tuple[str, str], list[tuple[int, int]]] = defaultdict(list)
    for s in sessions:
        k = s["key"]
        if k.get("proto") != "tcp":
            continue
        a, b = f"{k['src']}:{k['sport']}", f"{k['dst']}:{k['dport']}"
        for way, name, hosts in (("to_server", to_server, (a, b)), ("to_client", to_client, (b, a))):
            got = s[way]["scratch"][name]
            out[hosts].append((got["bytes"], got["crc"]))
    return out


def conserved(result: RunResult) -> bool:
    st = result.stats
    came = sum(p["rx_packets"] for p in st["ports"].values()) + st["made"]
    return bool(came == st["sent"] + sum(st["drops"].values()) + st["held"]) and st["held"] == 0


@pytest.mark.parametrize("burst", [32, 7, 1])
def test_crc_of_every_clean_direction(reader: Module, shared: Path, truth: dict[str, Any], tmp_path: Path,
                                      burst: int) -> None:
    wrong, checked = [], 0
    names = sorted(truth) if burst == 32 or NIGHTLY else sorted({*sorted(truth)[burst::6], COMPRESSED})
    for name in names:
        if name in NOT_READ:
            continue
        hosts = conversations(shared, name)
        result, sessions = through(reader, shared / "captures" / name, tmp_path, burst)
        got, std = seen(sessions, "Crc", "Crc"), seen(sessions, "StreamCRC", "StreamCRC")
        if not conserved(result) or lost(result, name):
            wrong.append((name, "packets", result.stats["drops"]))
        for number, way, length, crc in truth[name]:
            ends = (hosts[number]["client"], hosts[number]["server"])
            key = ends if way == "c2s" else ends[::-1]
            checked += 1
            if (length, crc) not in got[key] or (length, crc) not in std[key]:
                wrong.append((name, number, way))
    assert wrong == []
    assert checked == 1179 - 2 * len(NOT_READ) if len(names) == len(truth) else checked > 50


def lost(result: RunResult, name: str) -> dict[str, int]:
    """Drops of a capture but for fragments that went on as a part of a whole."""
    drops = {k: n for k, n in result.stats["drops"].items() if k != "frag_joined"}
    if name == LOST:  # of its 76 fragments (tshark), 36 pairs are whole
        assert drops == {"frag_timeout": 76 - 2 * 36}
        return {}
    return drops


def test_outermost_headers_are_what_a_port_sees_that_is_not_told_otherwise(shared: Path, truth: dict[str, Any],
                                                                            tmp_path: Path) -> None:
    module, unseen = compiled(outermost), 0
    for name in sorted(in_tunnels(shared, truth)):
        hosts = conversations(shared, name)
        _, sessions = through(module, shared / "captures" / name, tmp_path)
        got = seen(sessions, "Crc", "Crc")
        for number, way, length, crc in truth[name]:
            ends = (hosts[number]["client"], hosts[number]["server"])
            found = (length, crc) in got[ends if way == "c2s" else ends[::-1]]
            assert found or hosts[number]["encap"] not in PLAIN, (name, number, way)
            unseen += not found
    assert unseen > 50  # labels of some conversations are on one direction only


def frames(path: Path) -> Counter[bytes]:
    from scapy.utils import RawPcapReader

    with RawPcapReader(str(path)) as packets:
        return Counter(data for data, _ in packets)


def test_what_nobody_edits_leaves_with_all_its_headers(reader: Module, shared: Path, truth: dict[str, Any],
                                                       tmp_path: Path) -> None:
    """Every byte of every frame, in fragments too, but for copies of which the first version is sent (conflicts)."""
    names = in_tunnels(shared, truth)
    assert len(names) >= 22
    for name in sorted(names):
        path = shared / "captures" / name
        result, _ = through(reader, path, tmp_path)
        came, went = frames(path), frames(tmp_path / f"out{path.suffix}")
        changed = result.stats["contexts"]["tcp"]["conflicts"]
        assert (went - came).total() <= changed, name
        assert (came - went).total() <= changed + (4 if name == LOST else 0), name


@pytest.fixture(scope="session")
def streams(shared: Path, tshark: str, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The bytes of every direction of a capture, from the oracle."""
    tool = shared / "tools" / "oracle.py"
    if not tool.is_file():
        pytest.skip("there is no ../shared/tools/oracle.py")
    known: dict[str, dict[tuple[int, str], bytes]] = {}

    def get(name: str) -> dict[tuple[int, str], bytes]:
        if name not in known:
            folder = tmp_path_factory.mktemp("streams")
            subprocess.run([sys.executable, str(tool), "streams", str(shared / "captures" / name), str(folder)], check=True,
                           capture_output=True)
            known[name] = {(int(p.name.partition(".")[0]), p.suffix[1:]): p.read_bytes() for p in folder.iterdir()}
        return known[name]
    return get


SAMPLE = 12
GIVEN_UP = {("pcapplusplus--Ftp.pcap", 2, b"\0\0")}
"""Its first segment ends in the middle of the word; its receiver, which the capture lacks, never acknowledges what was held."""
WORDS = ((b"HTTP", b"[http]"), (b"e", b""), (b"\0\0", b"zero"), (b"a", b"A" * 300), (b"ing", b"ING"))


def some(shared: Path, truth: dict[str, Any], step: int = 1) -> list[str]:
    """A sample of the captures, thinned out by `step`, and all with tunnels."""
    names = [n for n in sorted(truth) if n != COMPRESSED]
    return sorted({*(names if NIGHTLY else names[::len(names) // SAMPLE])[::step], *in_tunnels(shared, truth)} - {COMPRESSED})


@pytest.mark.parametrize(("word", "text"), WORDS, ids=[str(w) for w, _ in WORDS])
def test_streams_after_a_replacement(shared: Path, truth: dict[str, Any], streams: Any, tmp_path: Path, word: bytes,
                                     text: bytes) -> None:
    """What goes out of the context is bytes.replace of what the oracle read, whatever segments cut the words."""
    module = compiled(replacing(word, text))
    wrong, hits = [], 0
    for name in some(shared, truth):
        hosts, data = conversations(shared, name), streams(name)
        result, sessions = through(module, shared / "captures" / name, tmp_path)
        got = seen(sessions, "after", "before")
        if not conserved(result) or any(e["faults"] for e in result.stats["elements"].values()):
            wrong.append((name, "packets", result.stats))
        for number, way, _, _ in truth[name]:
            ends = (hosts[number]["client"], hosts[number]["server"])
            hits += data[number, way].count(word)
            want = data[number, way].replace(word, text)
            if (len(want), zlib.crc32(want)) not in got[ends if way == "c2s" else ends[::-1]] and \
                    (name, number, word) not in GIVEN_UP:
                wrong.append((name, number, way, len(want)))
    assert wrong == []
    assert hits > 5


@pytest.mark.parametrize(("word", "text"), WORDS[:1] if not NIGHTLY else WORDS, ids=str)
def test_what_is_on_the_wire_after_a_replacement(shared: Path, truth: dict[str, Any], tshark: str, tmp_path: Path,
                                                 word: bytes, text: bytes, streams: Any) -> None:
    """tshark reassembles the output to the replaced stream: sequence numbers, lengths and splits fit."""
    tool = shared / "tools" / "oracle.py"
    module = compiled(replacing(word, text))
    wrong, checked = [], 0
    for name in some(shared, truth, 3):
        hosts, data = conversations(shared, name), streams(name)
        path = shared / "captures" / name
        through(module, path, tmp_path)
        folder = tmp_path / f"wire-{name}"
        subprocess.run([sys.executable, str(tool), "streams", str(tmp_path / f"out{path.suffix}"), str(folder)],
                       check=True, capture_output=True)
        sent = {hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.iterdir()}
        for number, way, _, _ in truth[name]:
            if not hosts[number]["midstream"]:
                checked += 1
                want = data[number, way].replace(word, text)
                if want and hashlib.sha256(want).hexdigest() not in sent:
                    wrong.append((name, number, way, len(want)))
    assert wrong == []
    assert checked > 3


def versions(path: Path, sender: str, receiver: str) -> dict[int, set[int]]:
    """The bytes that a capture shows at each sequence number of one direction, read by scapy."""
    from scapy.layers.inet import IP, TCP
    from scapy.layers.inet6 import IPv6
    from scapy.utils import PcapReader

    out: dict[int, set[int]] = defaultdict(set)
    with PcapReader(str(path)) as packets:
        for p in packets:
            net = p[IP] if IP in p else p[IPv6] if IPv6 in p else None
            if net is None or TCP not in p or f"{net.src}:{p[TCP].sport}" != sender or f"{net.dst}:{p[TCP].dport}" != receiver:
                continue
            t = p[TCP]
            raw = bytes(t)
            left = net.len - 4 * net.ihl if IP in p else net.plen
            payload = raw[4 * t.dataofs:left] if left else raw[4 * t.dataofs:]
            for i, byte in enumerate(payload):
                out[(t.seq + bool(t.flags & 2) + i) % (1 << 32)].add(byte)
    return out


def test_conflicting_overlaps(reader: Module, shared: Path, tmp_path: Path) -> None:
    """Where a sender sends other bytes for the same place, one version goes out, and it is counted (first copy wins)."""
    checked = apart = 0
    for about in sorted((shared / "captures" / "truth").iterdir()):
        truth = json.loads(about.read_text())
        for s in truth.get("tcp", {}).get("streams", []):
            ways = [w for w in ("c2s", "s2c") if "conflicting overlap" in s[w].get("why", [])]
            if not ways or s["encap"] not in PLAIN:
                continue
            path = shared / "captures" / about.name.removesuffix(".json")
            result, sessions = through(reader, path, tmp_path)
            if len(seen(sessions, "Crc", "Crc")[s["client"], s["server"]]) > 1:
                apart += 1  # the versions are years apart, in sessions of their own
                continue
            assert result.stats["contexts"]["tcp"]["conflicts"] > 0, path.name
            for way in ways:
                ends = (s["client"], s["server"]) if way == "c2s" else (s["server"], s["client"])
                came = versions(path, *ends)
                went = versions(tmp_path / f"out{path.suffix}", *ends)
                assert any(len(v) > 1 for v in came.values()), (path.name, way)
                double = [k for k, v in went.items() if len(v) > 1]
                assert double == [], (path.name, s["id"], way, len(double))
                assert all(went[k] <= came[k] for k in came if k in went)
                checked += 1
    assert checked >= 7 and apart <= 4
