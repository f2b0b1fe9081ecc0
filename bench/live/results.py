"""Cells: what was measured of a box and a file size in one run; medians of them, tables."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.table import Table

from bench.live.load import SIZES


@dataclass(frozen=True)
class Cell:
    """One run. rps: requests a second (from 1m on: received bytes by the size, as many are cut off at the end); gbps:
    received by the client, headers of HTTP included; p50, p99: ms, of those that were finished; cpu_box: us a request
    of the box's processes, cpu_all: of these, of wrk, nginx and ksoftirqd; foreign: processors that others used
    meanwhile; failed: why there are no figures ("" : there are)."""

    box: str
    size: str
    run: int
    offloads: bool = True
    rps: float = math.nan
    gbps: float = math.nan
    p50: float = math.nan
    p99: float = math.nan
    errors: int = 0
    cpu_box: float = math.nan
    cpu_all: float = math.nan
    foreign: float = math.nan
    failed: str = ""

    def data(self) -> dict[str, Any]:
        """For JSON: what is not known is null."""
        return {k: None if isinstance(v, float) and math.isnan(v) else v for k, v in asdict(self).items()}

    @staticmethod
    def of(data: dict[str, Any]) -> Cell:
        values: dict[str, Any] = {k: math.nan if v is None else v for k, v in data.items()}
        return Cell(**values)


@dataclass(frozen=True)
class Results:
    """All cells of a run, and medians over its rounds."""

    cells: Sequence[Cell]

    def boxes(self) -> list[str]:
        return list(dict.fromkeys(c.box for c in self.cells))

    def sizes(self) -> list[str]:
        return sorted({c.size for c in self.cells}, key=lambda s: SIZES[s])

    def median(self, box: str, size: str, get: Callable[[Cell], float]) -> float:
        """nan where there is none."""
        values = [v for c in self.cells if (c.box, c.size) == (box, size) and not math.isnan(v := get(c))]
        return statistics.median(values) if values else math.nan

    def added(self, box: str, size: str) -> float:
        """us of processor time that the box adds to a request: all of the bed's, less that of the bed without a box, of
        the same offloads and round; nan where that was not measured."""
        bare = {(c.offloads, c.run): c.cpu_all for c in self.cells if c.size == size and c.box.startswith("direct")}
        return self.median(box, size, lambda c: c.cpu_all - bare.get((c.offloads, c.run), math.nan))

    def failures(self) -> list[str]:
        return sorted({f"{c.box}: {c.failed}" for c in self.cells if c.failed})

    def foreign(self) -> tuple[float, float]:
        """Median and most of what others used of the machine meanwhile."""
        all = [c.foreign for c in self.cells if not math.isnan(c.foreign)]
        return (statistics.median(all), max(all)) if all else (math.nan, math.nan)


METRICS: dict[str, tuple[str, Callable[[Results, str, str], float]]] = {
    "rps": ("requests a second", lambda r, b, s: r.median(b, s, lambda c: c.rps)),
    "gbps": ("Gb/s", lambda r, b, s: r.median(b, s, lambda c: c.gbps)),
    "p50": ("ms a request, median", lambda r, b, s: r.median(b, s, lambda c: c.p50)),
    "p99": ("ms a request, 99 of 100", lambda r, b, s: r.median(b, s, lambda c: c.p99)),
    "cpu": ("us of processor time a request: the box's processes", lambda r, b, s: r.median(b, s, lambda c: c.cpu_box)),
    "added": ("us of processor time a request that the box adds to the bed", lambda r, b, s: r.added(b, s)),
}


def shown(value: float) -> str:
    """Three digits that say something."""
    if math.isnan(value):
        return "-"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def rows(results: Results, metric: str) -> Iterable[list[str]]:
    """A line a box, a column a size."""
    _, get = METRICS[metric]
    for box in results.boxes():
        yield [box, *(shown(get(results, box, size)) for size in results.sizes())]


def tables(results: Results, what: str) -> Iterable[Table]:
    """For a terminal."""
    for metric, (text, _) in METRICS.items():
        table = Table(title=f"{what}: {text}", title_justify="left")
        table.add_column("box")
        for size in results.sizes():
            table.add_column(size, justify="right")
        for row in rows(results, metric):
            table.add_row(*row)
        yield table


def markdown(results: Results) -> str:
    """For a page."""
    out = []
    for metric, (text, _) in METRICS.items():
        sizes = results.sizes()
        out += [f"{text}:", "", "| " + " | ".join(["box", *sizes]) + " |", "| --- |" + " ---: |" * len(sizes)]
        out += ["| " + " | ".join(row) + " |" for row in rows(results, metric)] + [""]
    return "\n".join(out)
