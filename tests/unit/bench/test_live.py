"""bench.live: medians, what a box adds, what wrk says; wrong options; one short run in namespaces."""

from __future__ import annotations

import json
import math
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bench.live.results import Cell, Results, markdown, shown
from tests.live.net import missing

ROOT = Path(__file__).resolve().parents[3]


def cell(box: str, run: int, rps: float, cpu_all: float, *, offloads: bool = True, size: str = "8k") -> Cell:
    return Cell(box, size, run, offloads, rps=rps, cpu_all=cpu_all)


CELLS = [cell("direct", 0, 100, 10), cell("haproxy", 0, 50, 40), cell("direct", 1, 90, 20), cell("haproxy", 1, 60, 70),
         cell("direct", 2, 95, 12), cell("haproxy", 2, 10, 32), cell("haproxy-off", 0, 7, 99, offloads=False),
         Cell("nft", "8k", 0, failed="nft is angry")]


def test_medians_over_the_rounds() -> None:
    r = Results(CELLS)
    assert r.median("direct", "8k", lambda c: c.rps) == 95 and r.median("haproxy", "8k", lambda c: c.rps) == 50
    assert math.isnan(r.median("nft", "8k", lambda c: c.rps)) and r.failures() == ["nft: nft is angry"]


def test_what_a_box_adds_is_taken_round_by_round() -> None:
    r = Results(CELLS)
    assert r.added("haproxy", "8k") == 30, "of 30, 50, 20: not the difference of the medians, 28"
    assert math.isnan(r.added("haproxy-off", "8k")), "no bed without a box had its offloads off"


def test_tables_and_json() -> None:
    back = [Cell.of(json.loads(json.dumps(c.data(), allow_nan=False))) for c in CELLS]
    assert markdown(Results(back)) == markdown(Results(CELLS))
    assert "| haproxy | 50.0 |" in markdown(Results(CELLS)) and "| nft | - |" in markdown(Results(CELLS))
    assert [shown(v) for v in (math.nan, 0.123, 12.34, 1234.5)] == ["-", "0.12", "12.3", "1,234"]


def bench(*options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "bench.live", *options], cwd=ROOT, capture_output=True, text=True, check=False,
                          timeout=120)


def test_wrong_options_are_said_in_a_line() -> None:
    assert "mcc-proxy-afpacket" in bench("--list").stdout
    for options, words in ((["--from", "/nowhere"], "No such file"), (["--boxes", "nosuch"], "there is no box nosuch"),
                           (["--boxes", "direct", "--sizes", "9q", "--no-chains"], "there is no file of 9q")):
        if options[0] != "--from" and (os.geteuid() != 0 or not all(map(shutil.which, ("nginx", "wrk")))):
            continue
        done = bench(*options)
        assert done.returncode in (2, 4) and words in done.stderr and "Traceback" not in done.stderr, done


def test_a_short_run(tmp_path: Path) -> None:
    reason = missing()
    if reason:
        pytest.skip(reason)
    for tool, package in (("wrk", "wrk"), ("nginx", "nginx-light")):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not there: apt install {package}")
    file = tmp_path / "out.json"
    done = bench("--rounds", "1", "--seconds", "1", "--sizes", "8k", "--boxes", "direct,mcc-proxy-afpacket", "--no-chains",
                 "--json", str(file), "--table", str(tmp_path / "table.md"))
    assert done.returncode == 0, done.stderr
    [direct, box] = [Cell.of(c) for c in json.loads(file.read_text())["figure12"]]
    for c in (direct, box):
        assert c.failed == "" and c.errors == 0 and c.rps > 10
        assert c.gbps * 1e9 / 8 / c.rps == pytest.approx(8192, rel=0.1), "the file and its header"
    assert direct.cpu_box == 0 < box.cpu_box < box.cpu_all
    assert "| mcc-proxy-afpacket |" in (tmp_path / "table.md").read_text()


def test_an_interrupted_run_leaves_nothing() -> None:
    reason = missing()
    if reason or not all(map(shutil.which, ("nginx", "wrk"))):
        pytest.skip(reason or "apt install nginx-light wrk")
    child = subprocess.Popen([sys.executable, "-m", "bench.live", "--boxes", "route", "--no-chains"], cwd=ROOT,
                             stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

    def there() -> list[str]:
        return [p.name for p in Path("/run/netns").glob(f"mccbench-{child.pid}-*")]

    until = time.monotonic() + 20
    while len(there()) < 3 and time.monotonic() < until:
        time.sleep(0.05)
    assert len(there()) == 3
    child.send_signal(signal.SIGINT)
    assert child.wait(20) == 130 and there() == []
    assert child.stderr is not None and b"Traceback" not in child.stderr.read()
    child.stderr.close()
