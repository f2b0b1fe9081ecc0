"""The command: rounds of all boxes and sizes, side by side; tables, JSON, plots.

One round starts each box once, in a bed of its own, and loads it with each size in turn; the next round does the same
again. So a slow spell of the machine falls on all boxes, and figures are medians over the rounds.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from bench.live import boxes as kinds
from bench.live import cpu, plot
from bench.live.bed import Bed, BedError
from bench.live.load import SIZES, files, load, reach, serve
from bench.live.results import Cell, Results, markdown, tables
from bench.run import cpu_model

NEEDED = (("ip", "iproute2"), ("ethtool", "ethtool"), ("taskset", "util-linux"), ("nginx", "nginx-light"),
          ("wrk", "wrk"))


@dataclass(frozen=True)
class Plan:
    """What one run of the command measures."""

    seconds: float
    rounds: int
    connections: int
    keep_alive: bool
    pin: bool

    def cpus(self) -> tuple[list[int], list[int]] | None:
        """Processors of the ends, and of the box: the last one; None where all may use all."""
        all = sorted(os.sched_getaffinity(0))
        return (all[:-1], all[-1:]) if self.pin and len(all) > 1 else None


def measure(plan: Plan, chosen: list[kinds.Box], sizes: list[str], folder: Path, progress: Progress) -> Iterator[Cell]:
    """All cells, as they come. A box that does not come up, or does not pass what it must, is a cell with `failed`."""
    files(folder / "www", sizes)
    task = progress.add_task("", total=plan.rounds * len(chosen) * len(sizes))
    for number in range(plan.rounds):
        for box in chosen:
            progress.update(task, description=f"{number + 1}: {box.name}")
            done = 0
            try:
                for cell in _one_box(plan, box, sizes, number, folder):
                    yield cell
                    done += 1
                    progress.advance(task)
            except (BedError, OSError) as e:
                for size in sizes[done:]:
                    yield Cell(box.name, size, number, box.offloads, failed=str(e).replace(str(folder), ""))
                progress.advance(task, len(sizes) - done)


def _one_box(plan: Plan, box: kinds.Box, sizes: list[str], number: int, folder: Path) -> Iterator[Cell]:
    with Bed(folder, box.wiring, box.offloads, cpus=plan.cpus()) as bed:
        server = serve(bed, folder / "www")
        try:
            box.start(bed)
            reach(bed, box.target)
            load(bed, box.target, "8k", min(16, plan.connections), 1, plan.keep_alive)  # warms caches and tables
            for size in sizes:
                yield _cell(plan, bed, box, server.child.pid, size, number)
        finally:
            box.stop()


def _cell(plan: Plan, bed: Bed, box: kinds.Box, server: int, size: str, number: int) -> Cell:
    mine, ends, kernel = box.pids(), cpu.family(server), cpu.softirqs()

    def look() -> tuple[float, float, float, float]:
        return cpu.spent(mine), cpu.spent(ends) + cpu.spent(kernel), cpu.busy(), time.monotonic()

    begin, itself = look(), time.process_time()
    got = load(bed, box.target, size, plan.connections, plan.seconds, plan.keep_alive)
    spent = [b - a for a, b in zip(begin, look(), strict=True)]
    whole = got.cpu + spent[0] + spent[1]
    # transfers that were cut off count in part: a request is so many bytes
    requests: float = got.size / SIZES[size] if SIZES[size] >= 1 << 20 else got.requests
    each = 1e6 / requests if requests else float("nan")
    foreign = max(0.0, (spent[2] - whole - (time.process_time() - itself)) / spent[3])
    return Cell(box.name, size, number, box.offloads, requests / got.seconds, got.size * 8 / got.seconds / 1e9,
                got.p50, got.p99, got.errors, spent[0] * each, whole * each, foreign)


# ---------------------------------------------------------------- the command


def machine() -> dict[str, Any]:
    """What the figures were taken on."""
    return {"cpu": cpu_model(), "processors": os.cpu_count(), "kernel": platform.release(), "system": platform.system()}


def _possible(chosen: list[kinds.Box], console: Console) -> list[kinds.Box]:
    """Those whose programs are there; what is missing is said. Raises BedError."""
    if os.geteuid() != 0:
        raise BedError("network namespaces need root: run it as root")
    for tool, package in NEEDED:
        if shutil.which(tool) is None:
            raise BedError(f"the test bed needs {tool}: apt-get install {package}")
    for text in dict.fromkeys(b.missing() for b in chosen):
        if text:
            console.print(f"[yellow]left out:[/] {text}", highlight=False)
    return [b for b in chosen if not b.missing()]


def _sizes(text: str) -> list[str]:
    found = [s.strip() for s in text.split(",") if s.strip()]
    wrong = [s for s in found if s not in SIZES]
    if wrong or not found:
        raise BedError(f"there is no file of {', '.join(wrong) or 'no size'}; there are {', '.join(SIZES)}")
    return found


def _measure_all(plan: Plan, named: str, sizes: str, chain_sizes: str, console: Console) -> dict[str, Any]:
    names = [n.strip() for n in named.split(",") if n.strip()]
    jobs = {"figure12": (_possible(kinds.select(kinds.figure12(), names), console), _sizes(sizes))}
    if chain_sizes:
        beside = [b for b in kinds.figure12() if b.name in ("direct", "nft")]
        jobs["figure13"] = (_possible([*beside, *kinds.figure13()], console), _sizes(chain_sizes))
    result: dict[str, Any] = {"machine": machine(), "plan": vars(plan)}
    with tempfile.TemporaryDirectory(prefix="mcc-bench-live") as work:
        columns = (TextColumn("round {task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=console, transient=True) as progress:
            for name, (chosen, those) in jobs.items():
                result[name] = [c.data() for c in measure(plan, chosen, those, Path(work), progress)]
    return result


def _show(result: dict[str, Any], console: Console, table: Path | None, plots: Path | None) -> None:
    pages = []
    for name in ("figure12", "figure13"):
        if name not in result:
            continue
        results = Results([Cell.of(c) for c in result[name]])
        for t in tables(results, name):
            console.print(t)
        for text in results.failures():
            console.print(f"[red]failed:[/] {text}", highlight=False)
        median, most = results.foreign()
        console.print(f"{name}: others used {median:.2f} processors meanwhile (median; at most {most:.2f})",
                      highlight=False)
        pages.append(f"{name}\n\n{markdown(results)}")
        if plots is not None:
            plots.mkdir(parents=True, exist_ok=True)
            file = plots / f"live-{name}.svg"
            plot.figure12(results, file) if name == "figure12" else plot.figure13(results, kinds.FUNCTIONS, file)
            console.print(f"{file}", highlight=False)
    m = result["machine"]
    console.print(f"{m['cpu']}, {m['processors']} processors, {m['system']} {m['kernel']}", highlight=False)
    if table is not None:
        table.write_text("\n".join(pages))


def run(
    seconds: Annotated[float, typer.Option(help="Of one load: a box and a size, in each round.", min=1, max=60)] = 3,
    rounds: Annotated[int, typer.Option(help="Figures are medians of so many.", min=1)] = 3,
    sizes: Annotated[str, typer.Option(help=f"Of the files, of {', '.join(SIZES)}.")] = ",".join(SIZES),
    boxes: Annotated[str, typer.Option(help="Names, with commas between them (--list shows them); none: all.")] = "",
    connections: Annotated[int, typer.Option(help="At once.", min=1, max=4000)] = 128,
    keep_alive: Annotated[bool, typer.Option("--keep-alive", help="Many requests a connection, not one.")] = False,
    pin: Annotated[bool, typer.Option(help="The box has the last processor, client and server the others.")] = True,
    chains: Annotated[bool, typer.Option(help="Also figure 13: chains from one function to seven.")] = True,
    chain_sizes: Annotated[str, typer.Option(help="Sizes of the files of figure 13.")] = "8k,1m",
    json_file: Annotated[Path | None, typer.Option("--json", help="Write every run's figures there.")] = None,
    table: Annotated[Path | None, typer.Option(help="Write the tables as Markdown there.")] = None,
    plots: Annotated[Path | None, typer.Option("--plot", help="Folder for the plots (SVG); needs matplotlib.")] = None,
    shown: Annotated[Path | None, typer.Option("--from", help="Measure nothing: show what --json wrote.")] = None,
    names: Annotated[bool, typer.Option("--list", help="The names of the boxes.")] = False,
) -> None:
    """The paper's test bed in network namespaces: client, box, server; wrk, nginx, and boxes side by side. As root."""
    console = Console() if sys.stdout.isatty() else Console(width=140)
    if names:
        for b in kinds.figure12():
            console.print(f"{b.name:<28} {(type(b).__doc__ or '').partition('. ')[0]}", markup=False, highlight=False)
        return
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        if plots is not None:
            plot.check()
        if shown is not None:
            result = json.loads(shown.read_text())
        else:
            plan = Plan(seconds, rounds, connections, keep_alive, pin)
            result = _measure_all(plan, boxes, sizes, chain_sizes if chains else "", console)
        if json_file is not None:
            json_file.write_text(json.dumps(result, indent=0) + "\n")
        _show(result, console, table, plots)
    except (BedError, OSError) as e:
        Console(stderr=True).print(f"bench.live: {e}", markup=False, highlight=False)
        raise typer.Exit(4 if isinstance(e, OSError) else 2) from None
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


def main() -> None:
    """The command."""
    typer.run(run)
