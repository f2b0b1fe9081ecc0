"""How a run is divided between its cores: what `--live` draws, what the summary says, one line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.table import Table
from rich.text import Text

from mcc.cli.rates import Rates, short


def cores_table(stats: Mapping[str, Any], table: Table, rates: Rates | None = None) -> Table:
    """A row a core: packets (a second, where there are `rates`), sessions, how busy, what went from core to core, and
    what share of its packets its biggest flow has. `table` is empty."""
    for name in ("core", "packets", "p/s", "sessions", "busy", "handed out", "in", "lost", "biggest flow"):
        if name != "p/s" or rates is not None:
            table.add_column(name, justify="left" if name == "core" else "right", no_wrap=True)
    for c in stats["cores"]["each"]:
        speed = [] if rates is None else [short(rates.of("cores", "each", str(c["core"]), "packets"))]
        table.add_row(str(c["core"]), f"{c['packets']:,}", *speed, f"{c['sessions']:,}",
                      f"{100 * c['busy']:.0f} %" if "busy" in c else "", f"{c['handed_out'] + c['sent_out']:,}",
                      f"{c['handed_in'] + c['sent_in']:,}", f"{c['core_full']:,}", f"{100 * c['biggest_flow']:.0f} %")
    return table


def skew_text(stats: Mapping[str, Any]) -> Text:
    """How uneven the cores are."""
    return Text(f"skew {stats['cores']['skew']:.2f}: packets of the busiest core to the mean", style="dim")


def cores_line(stats: Mapping[str, Any]) -> str:
    """`cores 57% 43% skew 1.14`: each core's share of the packets; "" where there is one core."""
    each = stats["cores"]["each"] if "cores" in stats else ()
    total = sum(c["packets"] for c in each)
    shares = " ".join(f"{100 * c['packets'] // total}%" for c in each) if total else ""
    return f"cores {shares} skew {stats['cores']['skew']:.2f}" if shares else ""
