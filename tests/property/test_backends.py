"""Compiled C == Python reference, chain by chain, on random traffic and real captures, however it is cut into bursts.

    python -m tests.property.test_backends CHAIN SEED      one case again, from the command that a failure prints
    MCC_EXAMPLES=20 pytest tests/property/test_backends.py    twenty times as many seeds
"""

from __future__ import annotations

import functools
import itertools
import os
import random
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings

from mcc.api import Module
from mcc.diag import CaptureError
from mcc.driver import compile_chain
from mcc.run.capture import open_capture
from mcc.run.loading import load_chain
from tests.property.compare import Arrival, assert_same, outcome
from tests.property.traffic import Mix, arrivals, traffic

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
    "edges": Case("tests/property/chains/edges.py", Mix(kinds=("tcp",), ip6=False), seeds=2),
    "full": Case("tests/property/chains/full.py", seeds=4),
    "limited": Case("tests/property/chains/limited.py"),
    "fig3": Case("examples/fig3.py", QUICK),
    "balanced_nat": Case("tests/property/chains/balanced_nat.py", NAT_MIX),
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


@settings(max_examples=15 * EXAMPLES)
@given(arrivals(Mix(public=PUBLIC, ip6=False), most=40))
def test_drawn_traffic(sent: list[Arrival]) -> None:
    """The same by Hypothesis, which makes a counterexample small."""
    assert_same(built("nat_duplex"), sent, bursts=(1, 32))


# ---------------------------------------------------------------- full tables


@pytest.mark.parametrize("most", [1, 3])
@pytest.mark.parametrize("name", ["full", "groups_duplex", "nat_duplex", "proxy"])
def test_oldest_embryonic_flow_is_evicted(name: str, most: int) -> None:
    """Where only clients speak, who goes is exact (docs/semantics.md 4)."""
    evicted = 0
    for seed in range(2 * EXAMPLES):
        sent, more = packets(CASES[name], seed)
        got = assert_same(built(name), [a for a in sent if a[0] == "lan"], bursts=(1, 32),
                          **{**more, "max_sessions": most})
        evicted += got["sessions"]["ended"]["evicted"]
    assert evicted > 0, "the traffic does not fill the table"


@pytest.mark.parametrize("most", [1, 2, 3])
@pytest.mark.parametrize("name", ["anew", "anew_duplex", "groups_duplex", "nat_duplex", "full"])
def test_full_tables_lose_nothing(name: str, most: int) -> None:
    """Who goes among answered flows is approximate; that packets and sessions add up is not."""
    for seed in range(2 * EXAMPLES):
        sent, more = packets(CASES[name], seed)
        for burst in (1, 32):
            got = outcome(built(name), "c", sent, burst=burst, **{**more, "max_sessions": most})["sessions"]
            assert got["created"] == got["active"] + sum(got["ended"].values()), got
            assert got["active"] <= most


# ---------------------------------------------------------------- real captures


LINK_OF = {1: "ethernet", 101: "raw", 113: "sll", 276: "sll2", 0: "null", 108: "null"}
CAPTURE_CHAINS = ("nat_duplex", "groups_duplex", "wall", "anew", "vlan_stats", "fig3")


def read(path: Path, limit: int) -> tuple[str, list[Arrival]]:
    """Up to `limit` frames of a capture and its link; the first host of a pair to speak is on the left. Damaged
    captures end where they are damaged; "" where the link is not known."""
    link, out, left = "", [], {}
    try:
        with open_capture(str(path)) as capture:
            for record in itertools.islice(capture.records(), limit):
                link = link or LINK_OF.get(record.linktype, "-")
                if LINK_OF.get(record.linktype) != link:
                    break
                ends = record.data[26:30], record.data[30:34]
                first = left.setdefault(frozenset(ends), ends[0])
                out.append(("lan" if first == ends[0] else "wan", bytes(record.data), record.at / 1e9))
    except CaptureError:
        pass
    return link, sorted(out, key=lambda a: a[2])


def some(paths: list[Path]) -> list[Path]:
    """A sample, the same every time; all of them in the nightly run."""
    return paths if EXAMPLES >= 10 else random.Random(0).sample(paths, 36)


def test_real_captures(captures: list[Path]) -> None:
    """Each capture through one of the chains; a failure names both."""
    seen = 0
    for i, path in enumerate(some(captures)):
        link, sent = read(path, 100 if EXAMPLES < 10 else 3000)
        names = [CAPTURE_CHAINS[i % len(CAPTURE_CHAINS)]] if EXAMPLES < 10 else CAPTURE_CHAINS
        if not sent or link == "-":
            continue
        for name in names:
            try:
                assert_same(built(name), sent, bursts=(1, 32), start=sent[0][2], link=link,
                            until=sent[-1][2] + 400.0)
            except BaseException as e:
                e.add_note(f"capture {path.name} through {name}")
                raise
        seen += len(sent)
    assert seen > 500, "the captures were not read"


if __name__ == "__main__":
    compare(sys.argv[1], int(sys.argv[2]))
    print("equal")
