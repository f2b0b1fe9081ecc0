"""What `mcc run` tells a person at the end: ports, elements, sessions, drops."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from mcc.cli.cores import cores_table, skew_text

Stats = Mapping[str, Any]


def count(n: int, word: str) -> str:
    """`1 packet`, `2,000 packets`."""
    return f"{n:,} {word}{'' if n == 1 else 's'}"


def size(n: int) -> str:
    """Bytes as people read them: 1.4 MB (10^6)."""
    value = float(n)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:
            return f"{n:,} B" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"


def summary(stats: Stats) -> Group:
    """The whole summary."""
    parts: list[RenderableType] = [_title(stats), _ports(stats)]
    for part in (_elements(stats), _sessions(stats), _drops(stats)):
        if part is not None:
            parts += ["", part]
    if "cores" in stats:
        parts += ["", cores_table(stats, _table()), skew_text(stats)]
    return Group(*parts)


def _table(*columns: str, title: str = "") -> Table:
    table = Table(box=None, pad_edge=False, title=title or None, title_justify="left", title_style="bold",
                  header_style="dim", padding=(0, 3, 0, 0))
    for i, name in enumerate(columns):
        table.add_column(name, justify="left" if i == 0 else "right", no_wrap=True)
    return table


def _title(stats: Stats) -> Text:
    ports = stats.get("ports", {}).values()
    packets = sum(p.get("rx_packets", 0) for p in ports)
    text = Text(f"{stats.get('chain', 'chain')}: ", style="bold")
    text.append(f"{count(packets, 'packet')} in {stats.get('seconds', 0):.3f} s", style="not bold")
    rate = stats.get("packets_per_second", 0)
    if rate:
        text.append(f" ({rate / 1e6:.2f} million a second)" if rate >= 1e6 else f" ({rate:,} a second)", style="dim")
    return text


def _ports(stats: Stats) -> Table:
    table = _table("port", "in", "", "out", "")
    for name, p in stats.get("ports", {}).items():
        table.add_row(name, f"{p['rx_packets']:,}", size(p["rx_bytes"]), f"{p['tx_packets']:,}", size(p["tx_bytes"]))
    return table


def _elements(stats: Stats) -> Table | None:
    elements = stats.get("elements", {})
    if not elements:
        return None
    table = _table("element", "packets", "bytes", "counters")
    table.columns[3].justify = "left"
    table.columns[3].no_wrap = False
    for name, e in elements.items():
        shown = [f"{k} {v:,}" for k, v in e.get("counters", {}).items()]
        shown += [f"faults {e['faults']:,}"] if e.get("faults") else []
        kind = e.get("type", name)
        table.add_row(name if kind == name else f"{name} ({kind})", f"{e.get('packets', 0):,}",
                      size(e.get("bytes", 0)), ", ".join(shown))
    return table


def _sessions(stats: Stats) -> Text | None:
    s = stats.get("sessions", {})
    if not s.get("created"):
        return None
    ended = ", ".join(f"{v:,} {k}" for k, v in s.get("ended", {}).items() if v)
    text = Text(count(s["created"], "session"), style="bold")
    text.append(f", at most {s.get('peak', 0):,} at once", style="not bold")
    if ended:
        text.append(f"; ended: {ended}", style="not bold")
    return text


def _drops(stats: Stats) -> Table | None:
    drops = {k: v for k, v in stats.get("drops", {}).items() if v}
    if not drops:
        return None
    table = _table("dropped", "packets")
    for reason, n in sorted(drops.items(), key=lambda d: (-d[1], d[0])):
        table.add_row(reason, f"{n:,}")
    return table
