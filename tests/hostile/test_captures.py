"""Every shared capture through a chain that lets all pass: what comes out is what went in, bit by bit, and tshark sees
the same conversations in it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mcc import PASS, Action, Counter, Element, Packet, Port, chain, duplex, element
from mcc.api import Module
from mcc.diag import CaptureError
from mcc.driver import compile_any
from mcc.run.capture import Record, open_capture
from mcc.run.module import RunnableModule
from mcc.run.ports import bind
from mcc.run.runner import run_captures

NIGHTLY = bool(os.environ.get("MCC_NIGHTLY"))


@element
class Count(Element):
    def setup(self) -> None:
        self.seen = Counter()

    def process_packet(self, pkt: Packet) -> Action:
        self.seen += 1
        return PASS


@chain
def both_ways() -> Iterator[Any]:
    yield duplex(Port("lan"), Count(), Port("wan"))


@chain
def one_way() -> Iterator[Any]:
    yield Port("lan") >> Count() >> Port("wan")


@pytest.fixture(scope="module", params=[both_ways, one_way], ids=["duplex", "one way"])
def module(request: pytest.FixtureRequest) -> Module:
    return Module(compile_any(request.param), target="generic", level="-O1")


def read(path: Path) -> list[Record]:
    """All records until the end or the damage; the number of the interface does not count."""
    out = []
    try:
        with open_capture(str(path)) as capture:
            for r in capture.records():
                out.append(Record(bytes(r.data), r.length, r.at, r.linktype))
    except CaptureError:
        pass
    return out


def through(module: Module, path: Path, out: Path) -> Any:
    return run_captures(RunnableModule(module), bind(module.compiled.graph.ports, str(path), str(out), {}))


def test_bit_by_bit(module: Module, captures: list[Path], tmp_path: Path) -> None:
    wrong, packets = [], 0
    for path in captures:
        out = tmp_path / f"out{path.suffix}"
        result = through(module, path, out)
        before, after = read(path), read(out)
        packets += len(before)
        if before != after or result.exit_code not in (0, 3) or (result.exit_code == 3) != bool(result.damage):
            wrong.append((path.name, result.exit_code, len(before), len(after),
                          next((i for i, (a, b) in enumerate(zip(before, after, strict=False)) if a != b), None)))
    assert wrong == []
    assert packets > 15_000


def test_tshark_sees_the_same(module: Module, captures: list[Path], shared: Path, tshark: str, tmp_path: Path) -> None:
    tool = shared / "tools" / "oracle.py"
    if not tool.is_file():
        pytest.skip("there is no ../shared/tools/oracle.py")
    some = captures if NIGHTLY else captures[7::140]
    for path in some:
        out = tmp_path / f"out{path.suffix}"
        if through(module, path, out).exit_code == 0:
            done = subprocess.run([sys.executable, str(tool), "compare", str(path), str(out)], capture_output=True,
                                  text=True)
            told = [line for line in done.stdout.splitlines() if line.strip() and "(note)" not in line]
            assert not told and "Traceback" not in done.stderr, (path.name, told, done.stderr[-500:])


def test_link_types_that_are_not_looked_into(module: Module, captures: list[Path], tmp_path: Path) -> None:
    known = {0, 1, 12, 14, 101, 108, 113, 228, 229, 276}
    told = 0
    for path in captures:
        records = read(path)
        if any(r.linktype not in known for r in records):
            notes = through(module, path, tmp_path / "out").notes
            assert any("not looked into" in n for n in notes), path
            told += 1
    assert told > 0
