"""Measures, prints the tables, and writes JSON.

One process runs all contenders of a row in turn, round by round; figures are medians over the rounds, and a ratio is
the median of the rounds' ratios, so that a neighbour's load falls on both sides alike (added elements: best rounds).
Time is the thread's own.
"""

from __future__ import annotations

import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from bench.building import ADDED, STAGES, TEXTS, Bench, Builder

LIVES = {"http8k": "connections come and go", "forever": "connections stay"}


@dataclass
class Budget:
    """Seconds that the whole run may take: rounds are fewer where the machine is slow."""

    seconds: float
    begun: float = field(default_factory=time.monotonic)

    def left(self) -> float:
        return self.seconds - (time.monotonic() - self.begun)


def harness(bench: Builder, *args: object, contenders: Sequence[Path]) -> list[list[float]]:
    """Rounds of each contender, ns."""
    command = [str(bench.harness), *map(str, args), *map(str, contenders)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr.strip() or f"{' '.join(command)} ended with {done.returncode}")
    rounds: list[list[float]] = json.loads(done.stdout)
    return rounds


def row(rounds: Sequence[Sequence[float]]) -> dict[str, float]:
    """Medians of hand and mcc, and of their ratio."""
    hand, ours = rounds
    return {"hand": statistics.median(hand), "mcc": statistics.median(ours),
            "ratio": statistics.median(b / a for a, b in zip(hand, ours, strict=True))}


def stages(bench: Bench, flows: Sequence[int], rounds: int, packets: int) -> list[dict[str, Any]]:
    """ns a packet of each stage, by hand and through mcc."""
    out = []
    for life in LIVES:
        for stage in STAGES:
            for n in flows:
                if n > 64000 and stage.startswith("nat"):
                    continue  # one public address has 64,512 ports
                got = harness(bench, "traffic", n, life, packets, rounds,
                              contenders=[bench.limit(stage), bench.chain(stage)])
                out.append({"traffic": life, "stage": stage, "flows": n, **row(got)})
    return out


def added(bench: Bench, flows: Sequence[int], rounds: int, packets: int) -> list[dict[str, Any]]:
    """What each further element costs: ns a packet of the best round, and in parts of the chain without it."""
    out: list[dict[str, Any]] = []
    names = ("nat_stats", *ADDED)
    for n in flows:
        got = harness(bench, "traffic", n, "forever", packets, rounds, contenders=[bench.chain(c) for c in names])
        best = [min(r) for r in got]  # a few percent drown in the medians' noise
        for i, name in enumerate(names):
            each = (best[i] / best[0] - 1) / i if i else 0.0
            out.append({"chain": name, "added": i, "flows": n, "mcc": best[i], "each": each})
    return out


def setup(bench: Bench, rounds: int) -> list[dict[str, Any]]:
    """ns a connection: SYN and RST, each from a client address of its own."""
    out = []
    cases = [("session", 0, 1 << 20), ("nat", 0, 200_000), ("session", 60_000, 200_000), ("nat", 60_000, 200_000)]
    for stage, half_open, count in cases:
        got = harness(bench, "setup", half_open, count, rounds, contenders=[bench.limit(stage), bench.chain(stage)])
        out.append({"stage": stage, "half_open": half_open, "clients": count, **row(got)})
    return out


def instructions(bench: Builder, contender: Path, flows: int) -> float:
    """Instructions a packet, counted by callgrind over the timed part."""
    counts = []
    for packets in (100_000, 200_000):
        with tempfile.NamedTemporaryFile() as file:
            done = subprocess.run(["valgrind", "--tool=callgrind", f"--callgrind-out-file={file.name}",
                                   "--collect-atstart=no", "--toggle-collect=run_chunk*", bench.harness, "traffic",
                                   str(flows), "forever", str(packets), "1", contender],
                                  capture_output=True, text=True, check=False)
        found = re.search(r"Collected : (\d+)", done.stderr)
        if not found:
            raise SystemExit(f"valgrind: {done.stderr.strip()[-500:]}")
        counts.append(int(found.group(1)))
    return (counts[1] - counts[0]) / 100_000


# ---------------------------------------------------------------- printing


def print_stages(console: Console, rows: Sequence[dict[str, Any]]) -> None:
    for life, text in LIVES.items():
        flows = sorted({r["flows"] for r in rows})
        table = Table(title=f"ns a packet, {life}: {text}", title_justify="left")
        table.add_column("cumulative stage")
        for n in flows:
            for head in ("hand", "mcc", "ratio"):
                table.add_column(f"{head}\n{n:,}", justify="right")
        for stage in STAGES:
            cells = [TEXTS[stage]]
            for n in flows:
                r = next((r for r in rows if (r["traffic"], r["stage"], r["flows"]) == (life, stage, n)), None)
                cells += [f"{r['hand']:.1f}", f"{r['mcc']:.1f}", f"{r['ratio']:.2f}"] if r else ["-", "-", "-"]
            table.add_row(*cells)
        console.print(table)


def print_added(console: Console, rows: Sequence[dict[str, Any]]) -> None:
    flows = sorted({r["flows"] for r in rows})
    table = Table(title="elements that need only scratch (best rounds)", title_justify="left")
    table.add_column("added")
    for n in flows:
        table.add_column(f"ns\n{n:,}", justify="right")
        table.add_column("each adds", justify="right")
    for i in range(1 + len(ADDED)):
        found = [next(r for r in rows if r["added"] == i and r["flows"] == n) for n in flows]
        table.add_row(str(i), *(c for r in found for c in (f"{r['mcc']:.1f}", f"{r['each']:+.1%}" if i else "")))
    console.print(table)


def print_setup(console: Console, rows: Sequence[dict[str, Any]]) -> None:
    table = Table(title="ns a connection made and removed (SYN, RST)", title_justify="left")
    for head in ("stage", "half-open beside it", "client addresses", "hand", "mcc", "ratio"):
        table.add_column(head, justify="left" if head == "stage" else "right")
    for r in rows:
        table.add_row(r["stage"], f"{r['half_open']:,}", f"{r['clients']:,}", f"{r['hand']:.0f}", f"{r['mcc']:.0f}",
                      f"{r['ratio']:.2f}")
    console.print(table)


def print_instructions(console: Console, rows: Sequence[dict[str, Any]]) -> None:
    table = Table(title="instructions a packet, connections stay (callgrind)", title_justify="left")
    for head in ("stage", "hand", "mcc", "ratio"):
        table.add_column(head, justify="left" if head == "stage" else "right")
    for r in rows:
        table.add_row(TEXTS[r["stage"]], f"{r['hand']:.0f}", f"{r['mcc']:.0f}", f"{r['mcc'] / r['hand']:.2f}")
    console.print(table)


def cpu_model() -> str:
    """What the figures were taken on."""
    try:
        found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.M)
    except OSError:
        found = None
    return found.group(1) if found else "unknown"


def measure(bench: Bench, million: bool, seconds: float, callgrind: bool, console: Console) -> dict[str, Any]:
    """All tables in turn; what is left of the budget decides the rounds of the next."""
    budget = Budget(seconds)
    flows = [1000, 64000] + ([1000000] if million else [])
    result: dict[str, Any] = {"cpu": cpu_model()}

    def timed(name: str, share: float, once: Callable[[int], list[dict[str, Any]]], show: Callable[..., None]) -> None:
        begun = time.monotonic()
        once(1)
        rounds = max(3, min(31, int(budget.left() * share / max(time.monotonic() - begun, 0.01))))
        result[name] = once(rounds)
        show(console, result[name])

    timed("stages", 0.6, lambda r: stages(bench, flows, r, 400_000), print_stages)
    timed("added", 0.5, lambda r: added(bench, flows[:2], r, 400_000), print_added)
    timed("setup", 0.6, lambda r: setup(bench, r), print_setup)
    if callgrind:
        result["instructions"] = [{"stage": s, "hand": instructions(bench, bench.limit(s), 1000),
                                   "mcc": instructions(bench, bench.chain(s), 1000)} for s in STAGES]
        print_instructions(console, result["instructions"])
    return result


def run(
    json_file: Annotated[Path | None, typer.Option("--json", help="Also write every figure there.")] = None,
    seconds: Annotated[float, typer.Option(help="How long it may take, about.")] = 150,
    million: Annotated[bool, typer.Option("--million", help="Also a million flows (headers and sessions).")] = False,
    callgrind: Annotated[bool, typer.Option("--callgrind", help="Also instructions a packet; needs valgrind.")] = False,
    streams: Annotated[bool, typer.Option("--streams", help="Only what streams cost (bench/streams.py).")] = False,
) -> None:
    """Chains through mcc against the same chains written by hand in C, or with streams against without."""
    console = Console() if sys.stdout.isatty() else Console(width=140)
    if streams:
        from bench.streams import measure_streams  # which needs this module

        with tempfile.TemporaryDirectory(prefix="mcc-bench") as work:
            done = measure_streams(Path(work), seconds, callgrind, console)
        console.print(f"{done['cpu']}; differences hold from machine to machine, nanoseconds do not", highlight=False)
        if json_file:
            json_file.write_text(json.dumps(done, indent=1) + "\n")
        return
    with tempfile.TemporaryDirectory(prefix="mcc-bench") as work:
        bench = Bench(Path(work), debug=callgrind)
        result = measure(bench, million, seconds, callgrind, console)
    console.print(f"{result['cpu']}; ratios hold from machine to machine, nanoseconds do not", highlight=False)
    if json_file:
        json_file.write_text(json.dumps(result, indent=1) + "\n")


def main() -> None:
    """The command."""
    typer.run(run)
