"""Chains that look into tunnels: compiled C against the Python reference, byte for byte, on scapy's tunnels and broken ones."""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mcc import (
    PASS,
    UDP4,
    Action,
    Counter,
    Element,
    Packet,
    Port,
    Stream,
    chain,
    duplex,
    element,
    tcp,
    udp,
)
from mcc.api import Module
from mcc.driver import compile_any
from mcc.protocols.dissect import ETHERNET, RAW, dissect
from mcc.protocols.tunnels import peel
from mcc.std import StreamCRC
from mcc.toolchain import ZLIB, compiler, is_there

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "unit" / "protocols"))
from encapsulations import compressed, frame  # noqa: E402


@element(session=UDP4)
class Grows(Element):
    """Every byte "a" becomes five."""

    def process_data(self, stream: Stream) -> Action:
        for m in stream.matches(b"a"):
            stream.replace(m, b"[..a]")
        return PASS


@element
class Rewrites(Element):
    def setup(self) -> None:
        self.seen = Counter()

    def process_packet(self, pkt: Packet) -> Action:
        self.seen += 1
        if pkt.is_ip and pkt.ip.ttl != 77:
            pkt.ip.ttl = 77
            pkt.ip.dst = 0x01020304
        if pkt.is_ip6:
            pkt.ip6.hops = 77
        return PASS


@chain
def rewriting() -> Iterator[Any]:
    yield duplex(Port("lan", inner=True), Rewrites(), Port("wan", inner=True))


@chain
def reading() -> Iterator[Any]:
    yield duplex(Port("lan", inner=True), tcp(StreamCRC()), Port("wan", inner=True))


@chain
def growing() -> Iterator[Any]:
    yield duplex(Port("lan", inner=True), udp(Grows()), Port("wan", inner=True))


MAKERS = [frame, frame, compressed] if is_there(ZLIB, compiler()) else [frame]
"""Without zlib compiled C does not read what is compressed, as the reference does."""


def broken(rng: random.Random, data: bytes) -> bytes:
    out = bytearray(data)
    for _ in range(rng.choice([0, 0, 1, 2])):
        out[rng.randrange(len(out))] = rng.choice([0, 1, 4, 0x45, 0x60, 0xFF, rng.randrange(256)])
    return bytes(out[:rng.randrange(len(out) + 1)]) if rng.random() < 0.2 else bytes(out)


def is_fragment(data: bytes) -> bool:
    """The reference joins none."""
    peeled = peel(data, ETHERNET)
    return any(d.frag or d.proto == 44 for d in (
        dissect(data), *([dissect(peeled[0], RAW, peeled=True)] if peeled is not None else [])))


@pytest.fixture(scope="module")
def modules() -> dict[str, Module]:
    return {c.name: Module(compile_any(c), target="generic", level="-O1") for c in (rewriting, reading, growing)}


def run(module: Module, backend: str, frames: list[tuple[str, bytes]], checksums: str) -> tuple[Any, ...]:
    with module.open(backend=backend, start=1.0, checksums=checksums) as box:
        out = []
        for i, (port, data) in enumerate(frames):
            out += [(s.port, bytes(s.frame)) for s in box.send(port, data, at=1.0 + i / 100)]
        out += [(s.port, bytes(s.frame)) for s in box.finish()]
        sessions = sorted(json.dumps([s["key"], s["to_server"].get("scratch")], sort_keys=True) for s in box.sessions())
        return out, sessions, {k: v for k, v in box.stats()["drops"].items() if v}


@pytest.mark.parametrize("name", ["rewriting", "reading", "growing"])
@pytest.mark.parametrize("checksums", ["keep", "fix", "verify"])
@given(seed=st.integers(0, 1 << 32))
@example(2387)  # a GRE checksum of 0xffff around changes that cancel each other
def test_backends_agree(modules: dict[str, Module], name: str, checksums: str, seed: int) -> None:
    rng = random.Random(seed)
    frames = [(rng.choice(["lan", "lan", "wan"]), broken(rng, rng.choice(MAKERS)(rng)[0])) for _ in range(20)]
    frames = [(p, f) for p, f in frames if f and not is_fragment(f)]
    assert run(modules[name], "c", frames, checksums) == run(modules[name], "python", frames, checksums)
