"""Compiled C == Python reference, chain by chain, on random traffic and real captures, however it is cut into bursts.

    python -m tests.property.test_backends CHAIN SEED      one case again, from the command that a failure prints
    MCC_EXAMPLES=20 pytest tests/property/test_backends.py    twenty times as many seeds
"""

from __future__ import annotations

import functools
import os
import random
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import mcc
from mcc.api import Module
from mcc.driver import compile_chain
from mcc.run.loading import load_chain
from tests.property.compare import Arrival, assert_same
from tests.property.traffic import Mix, step, traffic

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
SHARED = ROOT.parent / "shared"
EXAMPLES = int(os.environ.get("MCC_EXAMPLES", "10" if os.environ.get("MCC_NIGHTLY") else "1"))
PACKETS = 250
PUBLIC, BOX = 0xC0000201, 0x020000000001


@dataclass(frozen=True)
class Case:
    """A chain and the traffic that it is for. `ports`: what more its packets come in by; `most`: --max-sessions."""

    file: str
    mix: Mix = Mix()
    ports: tuple[str, ...] = ()
    seeds: int = 3
    most: int = 1 << 12
    more: dict[str, Any] = field(default_factory=dict)


NAT_MIX = Mix(public=PUBLIC, kinds=("tcp", "tcp", "udp", "icmp", "arp"), ip6=False)
CALM = Mix(jumps=0.0, junk=0.02, pace=(0.0, 0.0001, 0.003))
QUICK = Mix(pace=(0.0, 0.001, 0.01), jumps=0.03)

CASES: dict[str, Case] = {
    "nat_duplex": Case("tests/property/chains/nat_duplex.py", NAT_MIX, seeds=4),
    "groups_duplex": Case("tests/property/chains/groups_duplex.py", seeds=5),
    "dispatch": Case("tests/property/chains/dispatch.py", ports=("dmz",)),
    "wall": Case("tests/property/chains/wall.py"),
    "hops_one_way": Case("tests/property/chains/hops_one_way.py", QUICK),
    "hops_duplex": Case("tests/property/chains/hops_duplex.py", QUICK),
    "anew": Case("tests/property/chains/anew.py", seeds=5),
    "anew_duplex": Case("tests/property/chains/anew_duplex.py"),
    "copies": Case("tests/property/chains/copies.py"),
    "proxy": Case("tests/property/chains/proxy.py"),
    "full": Case("tests/property/chains/full.py", seeds=4),
    "fig3": Case("examples/fig3.py", QUICK),
    "nat": Case("examples/nat.py", NAT_MIX),
    "vlan_stats": Case("examples/vlan_stats.py"),
    "text_chain": Case("examples/text_chain.py"),
    "port_stats": Case("examples/port_stats.py"),
}
BY_SEED = [pytest.param(name, seed, id=f"{name}-{seed}") for name, case in CASES.items()
           for seed in range(case.seeds * EXAMPLES)]


@functools.cache
def built(name: str) -> Module:
    """The chain at -O1: nobody waits for its speed."""
    path = ROOT / CASES[name].file
    return Module(compile_chain(load_chain(str(path))), level="-O1")


def packets(case: Case, seed: int) -> tuple[list[Arrival], dict[str, Any]]:
    """The traffic of one seed, and how the box is opened: from a start of its own, some with checks of checksums."""
    r = random.Random(f"{case.file} {seed}")
    start = r.choice((0.0, 1_000.5, 1_700_000_000.0))
    sent = traffic(r, PACKETS, case.mix, start=start)
    sent = [(r.choice(case.ports) if case.ports and r.random() < 0.2 else port, frame, at) for port, frame, at in sent]
    more = {"start": start, "max_sessions": case.most, "checksums": r.choice(("keep", "keep", "keep", "verify", "fix"))}
    return sent, {**more, **case.more, "until": sent[-1][2] + r.choice((0.0, 1.0, 2.5, 400.0))}


def compare(name: str, seed: int) -> dict[str, Any]:
    """Both backends on one seed; a failure says how to see it again."""
    sent, more = packets(CASES[name], seed)
    try:
        return assert_same(built(name), sent, **more)
    except BaseException as e:
        e.add_note(f"again: python -m tests.property.test_backends {name} {seed}")
        raise


@pytest.mark.parametrize(("name", "seed"), BY_SEED)
def test_random_traffic(name: str, seed: int) -> None:
    compare(name, seed)


if __name__ == "__main__":
    compare(sys.argv[1], int(sys.argv[2]))
    print("equal")
