"""N cores do what one does, session by session: real captures through chains of every shape.

A NAT, a proxy and a load balancer choose ports and servers by core; these are told apart first: what left is compared as
the client and the server of its session, and each choice is checked to be one that one core could have made.
"""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import mcc
from mcc import (
    ANY,
    ICMP,
    PASS,
    TCP,
    UDP,
    Action,
    Batch,
    Chain,
    Element,
    IPPair,
    Packet,
    Port,
    Session,
    Stream,
    chain,
    duplex,
    element,
    ip4,
    struct,
    tcp,
    udp,
)
from mcc.lang.classes import Ip
from mcc.protocols.dissect import dissect
from mcc.run.capture import open_capture
from mcc.run.module import RunnableModule
from mcc.run.ports import bind
from mcc.run.runner import RunOptions, run_captures
from mcc.std import NAT, Firewall, LoadBalancer, NATIcmp, PacketStats, RateLimiter, ReverseProxy, StreamCRC

NIGHTLY = bool(os.environ.get("MCC_NIGHTLY"))
PUBLIC, VIP = ip4("192.0.2.1"), ip4("98.138.19.88")
"""The second one is a server of many connections in examples/captures/http.pcap."""
SERVERS = [ip4("10.9.9.1"), ip4("10.9.9.2"), ip4("10.9.9.3")]
CHOSEN = ("port", "server")
"""Members of a conn that hold what a core has chosen."""


@struct
class Host:
    packets: mcc.u64 = 0
    bytes: mcc.u64 = 0


@element(session=IPPair, scratch=Host)
class Pairs(Element):
    def process_batch(self, s: Host, batch: Batch) -> Action:
        s.packets += len(batch)
        s.bytes += batch.bytes
        return PASS


@element(session=Session(Ip.src, where=ANY), scratch=Host)
class Hosts(Element):
    def process_packet(self, s: Host, pkt: Packet) -> Action:
        s.packets += 1
        s.bytes += pkt.length
        return PASS


@element(session=mcc.TCP4)
class Remove(Element):
    word: bytes

    def process_data(self, stream: Stream) -> Action:
        for m in stream.matches(self.word):
            stream.replace(m, b"")
        return PASS


RULES = [(mcc.cls("tcp dst port 22"), "drop"), (TCP | UDP, "pass"), (ICMP, "pass")]
MAKE: dict[str, Callable[[], Any]] = {
    "through": PacketStats,
    "pairs and connections": lambda: Pairs() >> PacketStats(),
    "firewall": lambda: Firewall(RULES),
    "nat": lambda: NAT(PUBLIC) >> NATIcmp(PUBLIC),
    "nat and streams": lambda: tcp(StreamCRC()) >> NAT(PUBLIC),
    "proxy": lambda: ReverseProxy(VIP, SERVERS),
    "load balancer": lambda: LoadBalancer(SERVERS),
    "words": lambda: tcp(Remove(b"the")),
    "datagrams": lambda: udp(StreamCRC()) >> PacketStats(),
    "limiter": lambda: RateLimiter(20_000, 3_000),
}


def made(name: str) -> Chain:
    @chain
    def cores() -> Iterator[Any]:
        if name == "hosts":
            yield Port("lan") >> Hosts() >> Port("wan")
        else:
            yield duplex(Port("lan"), MAKE[name](), Port("wan"))
    return cores


@pytest.fixture(scope="module")
def chosen(captures: list[Path], examples: Path) -> list[Path]:
    """Many sessions, fragments, VLANs, IPv6, damage."""
    words = ("frag", "ipv6_", "capture2", "4KHttp", "vlan-02")
    mine = captures if NIGHTLY else [c for c in captures if any(w in c.name for w in words)]
    return [*mine, examples / "captures" / "http.pcap", examples / "captures" / "ipv6_fragments.pcap"]


def run(module: RunnableModule, capture: Path, folder: Path, cores: int) -> tuple[list[Any], list[Any], Any]:
    """Sessions, packets that left, and statistics of a run."""
    out, sessions = folder / "out.pcap", folder / "sessions.json"
    options = RunOptions(sessions=str(sessions), max_sessions=8192, checksums="keep", cores=cores)
    result = run_captures(module, bind(module.ports, str(capture), str(out), {}), options)
    with open_capture(str(out)) as left:
        packets = [(r.at, r.linktype, r.data) for r in left.records()]
    return [json.loads(line) for line in sessions.read_text().splitlines()], packets, result.stats


LINKS = {1: 0, 101: 1, 12: 1, 14: 1, 228: 1, 229: 1, 113: 2, 276: 3, 0: 4, 108: 4}
"""LINKTYPE_ numbers to those of mcc_packet.h; others are opaque."""


def ends_of(frame: bytes, link: int) -> tuple[Any, ...]:
    """Addresses, ports and protocol; () where there are none."""
    p = dissect(frame, LINKS.get(link, 5))
    layer = next((n for n in ("ip", "ip6") if p.has(n)), "")
    if not layer:
        return ()
    at, width = (p.l3 + 12, 4) if layer == "ip" else (p.l3 + 8, 16)
    ports = (frame[p.l4:p.l4 + 2], frame[p.l4 + 2:p.l4 + 4]) if p.has("tcp") or p.has("udp") else (b"", b"")
    return (frame[at:at + width], frame[at + width:at + 2 * width], *ports, p.proto)


def undone(frame: bytes, link: int, ports: dict[bytes, tuple[bytes, bytes]]) -> bytes:
    """The frame as its client and server know it: a port or a server that was chosen gives way; checksums are not compared."""
    p = dissect(frame, LINKS.get(link, 5))
    if not p.has("ip") or not (p.has("tcp") or p.has("udp")):
        return frame
    f = bytearray(frame)
    mine = int.from_bytes(frame[p.l3 + 12:p.l3 + 16], "big") in (PUBLIC, VIP)
    client = ports.get(frame[p.l4:p.l4 + 2]) if mine else None
    if client:
        f[p.l3 + 12:p.l3 + 16], f[p.l4:p.l4 + 2] = client
    if int.from_bytes(frame[p.l3 + 16:p.l3 + 20], "big") in SERVERS:
        f[p.l3 + 16:p.l3 + 20] = bytes(4)
    f[p.l3 + 10:p.l3 + 12] = bytes(2)
    at = p.l4 + (16 if p.has("tcp") else 6)
    f[at:at + 2] = bytes(2)
    return bytes(f)


def by_session(packets: list[Any], sessions: list[Any]) -> dict[Any, list[Any]]:
    """What left, in order, by conversation."""
    ports = {}
    for s in sessions:
        for conn in s.get("conn", {}).values():
            if "client_port" in conn:
                ports[conn["port"].to_bytes(2, "big")] = (conn["client"].to_bytes(4, "big"), conn["client_port"].to_bytes(2, "big"))
    out: dict[Any, list[Any]] = defaultdict(list)
    for at, link, data in packets:
        frame = undone(data, link, ports)
        ends = ends_of(frame, link)
        out[tuple(sorted(map(repr, ends)))].append((at, frame))
    return out


def unchosen(sessions: list[Any]) -> list[str]:
    """Sessions, with what a core has chosen taken out."""
    for s in sessions:
        for conn in s.get("conn", {}).values():
            for name in CHOSEN:
                conn.pop(name, None)
    return sorted(json.dumps(s, sort_keys=True) for s in sessions)


def counted(stats: Any) -> Any:
    return {k: v for k, v in stats.items() if k not in ("seconds", "packets_per_second", "cores", "sessions")} | {
        "sessions": {k: v for k, v in stats["sessions"].items() if k != "peak"},
        "contexts": {k: {n: x for n, x in v.items() if n != "held_bytes_peak"} for k, v in stats["contexts"].items()}}


@pytest.mark.parametrize("name", [*MAKE, "hosts"])
def test_cores_do_what_one_does(name: str, chosen: list[Path], tmp_path: Path) -> None:
    module = RunnableModule(mcc.build(made(name)))
    used = [0, 0, 0, 0]
    for capture in chosen:
        sessions, packets, stats = run(module, capture, tmp_path, 1)
        one = by_session(packets, sessions), unchosen(sessions), counted(stats)
        for cores in (2, 3, 4):
            sessions, packets, stats = run(module, capture, tmp_path, cores)
            replaced = max(stats["sessions"]["ended"]["replaced"], one[2]["sessions"]["ended"]["replaced"])
            if name == "load balancer" and replaced:
                continue  # which sessions have one answer's key depends on the servers that were chosen
            where = f"{capture.name} on {cores} cores"
            many = by_session(packets, sessions)
            assert unchosen(sessions) == one[1], where
            assert many.keys() == one[0].keys(), where
            for key in many:
                assert many[key] == one[0][key], f"{where}: {key}"
            assert counted(stats) == one[2], where
            for c in stats["cores"]["each"]:
                used[c["core"]] += c["packets"]
    assert all(n > 100 for n in used[:1 if name == "limiter" else 4]), used


def test_a_burst_keeps_the_place_of_a_datagram_that_came_in_fragments(shared: Path, tmp_path: Path) -> None:
    """Walks in batches put packets back in the order of arrival, and what is cut again into fragments with them."""
    module = RunnableModule(mcc.build(made("datagrams")))
    capture = shared / "captures" / "zeek--gtp-gtp1_gn_normal_incl_fragmentation.pcap"
    left = []
    for burst in (1, 32):
        out = tmp_path / f"{burst}.pcap"
        run_captures(module, bind(module.ports, str(capture), str(out), {}), RunOptions(burst=burst))
        left.append(out.read_bytes())
    assert left[0] == left[1]
