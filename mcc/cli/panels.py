"""`mcc run --live`: one picture of a running box, made to fit the terminal, and one line that says the same.

    title
    ports: packets and bits a second, the last minute
    sessions | drops
    elements: packets, counters, Live parameters, contexts
    what came in, where there is room
    messages
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.columns import Columns
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from mcc.cli.cores import cores_line, cores_table
from mcc.cli.rates import Rates, bars, chart, clock, short
from mcc.run.errands import Snapshot

LEAST = (72, 18)
"""Columns and lines below which there is no picture."""

_IN, _OUT, _NEW = "green", "cyan", "magenta"
_MIDDLE = 7
"""Lines inside the panels of sessions and drops."""


def picture(rates: Rates, size: tuple[int, int], devices: Mapping[str, str], messages: Sequence[str]) -> RenderableType:
    """`size`: columns and lines, at least LEAST. devices: what each port is bound to."""
    width, height = size
    ports = list(rates.now.stats["ports"])
    shown = ports[:max(1, min(len(ports), height - _MIDDLE - 11))]
    said = messages[-3:]
    left = height - 1 - (len(shown) + 3) - (_MIDDLE + 2) - len(said)
    parts: list[RenderableType] = [_title(rates.now, width), _ports(rates, shown, len(ports), width, devices),
                                   _middle(rates, width)]
    cores = len(rates.now.stats["cores"]["each"]) + 3 if "cores" in rates.now.stats else 0
    if cores and left >= cores:
        parts.append(_cores(rates, width, cores))
        left -= cores
    if left >= 4:
        needed = len(rates.now.stats["elements"]) + len(rates.now.stats["contexts"])
        parts.append(_elements(rates, width, left - 3))
        spare = left - 3 - min(needed, left - 3)
        if spare >= 6:
            parts.append(_chart(rates, width, min(spare, 14)))
    parts += [Text(f" {text}", style="yellow", no_wrap=True, overflow="ellipsis") for text in said]
    return Group(*parts)


def line(rates: Rates) -> str:
    """One line."""
    s = rates.now
    parts = [clock(s.seconds)]
    for name in s.stats["ports"]:
        came, left = (_speed(rates, name, way) for way in ("rx", "tx"))
        down = f" DOWN ({s.down[name]})" if name in s.down else ""
        parts.append(f"{name}{down} in {came} out {left}")
    sessions = s.stats["sessions"]
    if sessions["created"]:
        new = rates.of("sessions", "created")
        parts.append(f"sessions {sessions['active']:,} +{short(new)}/s")
    drops = rates.of("drops")
    if drops:
        parts.append(f"drops {short(drops)}/s ({_worst(rates)})")
    if cores := cores_line(s.stats):
        parts.append(cores)
    if s.total:
        parts.append(f"{100 * s.done // s.total} %")
    return "  ".join(parts)


# ---------------------------------------------------------------- parts


def _speed(rates: Rates, port: str, way: str) -> str:
    packets, size = (rates.of("ports", port, f"{way}_{what}") for what in ("packets", "bytes"))
    return f"{short(packets, 'p/s')} {short(8 * size, 'b/s')}"


def _worst(rates: Rates) -> str:
    """The reason for which most packets were dropped in the last second."""
    reasons: Mapping[str, int] = rates.now.stats["drops"]
    return max(reasons, key=lambda r: rates.of("drops", r))


def _panel(inside: RenderableType, title: str, width: int, height: int) -> Panel:
    return Panel(inside, title=f"[bold]{title}[/]", title_align="left", border_style="bright_black", width=width,
                 height=height, padding=(0, 1))


def _table(*columns: tuple[str, str]) -> Table:
    """Columns: heading, and < or > for where they lean."""
    table = Table(box=None, pad_edge=False, header_style="bright_black", padding=(0, 2, 0, 0), show_edge=False)
    for name, way in columns:
        table.add_column(name, justify="left" if way == "<" else "right", no_wrap=True, overflow="ellipsis")
    return table


def _title(s: Snapshot, width: int) -> Text:
    text = Text(f" {s.stats['chain']} ", style="bold reverse", no_wrap=True)
    text.append(f"  {clock(s.seconds)}", style="not reverse")
    if s.total:
        done = s.done / s.total
        full = round(done * 24)
        text.append(f"  {'━' * full}", style="not reverse green")
        text.append("━" * (24 - full), style="not reverse bright_black")
        text.append(f" {100 * done:.0f} %", style="not reverse")
    held = s.stats["held"]
    if held:
        text.append(f"   {held:,} packets held", style="not bold not reverse bright_black")
    end = "Ctrl-C ends it "
    text.append(" " * max(1, width - text.cell_len - len(end)), style="not reverse")
    text.append(end, style="not bold not reverse bright_black")
    return text


def _ports(rates: Rates, ports: Sequence[str], total: int, width: int, devices: Mapping[str, str]) -> Panel:
    wide = max(0, min(60, (width - 72) // 2))
    minute = [("last minute" if wide > 10 else "", ">")] if wide > 7 else []
    table = _table(("port", "<"), ("in p/s", ">"), ("bit/s", ">"), *minute, ("out p/s", ">"), ("bit/s", ">"), *minute,
                   ("errors/s", ">"))
    for name in ports:
        cells = [_port_name(rates.now, name, devices.get(name, ""))]
        for way, colour in (("rx", _IN), ("tx", _OUT)):
            packets, size = ("ports", name, f"{way}_packets"), ("ports", name, f"{way}_bytes")
            cells += [Text(short(rates.of(*packets)), style=f"bold {colour}"),
                      Text(short(8 * rates.of(*size)), style=colour)]
            if wide > 7:
                cells.append(Text(bars(rates.history(*packets), wide), style=colour))
        errors = rates.of("ports", name, "rx_errors")
        cells.append(Text(short(errors), style="bold red" if errors else "bright_black"))
        table.add_row(*cells)
    more = f", {len(ports)} of {total}" if len(ports) < total else ""
    return _panel(table, f"ports{more}", width, len(ports) + 3)


def _port_name(s: Snapshot, name: str, device: str) -> Text:
    text = Text(name, style="bold")
    if name in s.down:
        text.append(f" {s.down[name]}", style="not bold red")
    elif device:
        text.append(f" {device}", style="not bold bright_black")
    return text


def _cores(rates: Rates, width: int, height: int) -> Panel:
    stats = rates.now.stats
    return _panel(cores_table(stats, _table(), rates), f"cores, skew {stats['cores']['skew']:.2f}", width, height)


def _middle(rates: Rates, width: int) -> Columns:
    half = width // 2
    return Columns([_sessions(rates, half), _drops(rates, width - half)], padding=0, expand=False)


def _sessions(rates: Rates, width: int) -> Panel:
    now = rates.now.stats["sessions"]
    wide = max(0, width - 27)
    table = _table(("", "<"), ("", ">"), ("", "<"))
    table.show_header = False
    table.add_row("active", Text(f"{now['active']:,}", style="bold"),
                  Text(f"peak {now['peak']:,}", style="bright_black"))
    table.add_row("new/s", Text(short(rates.of("sessions", "created")), style=f"bold {_NEW}"),
                  Text(bars(rates.history("sessions", "created"), wide), style=_NEW))
    table.add_row("ended/s", Text(short(rates.of("sessions", "ended")), style="bold"),
                  Text(bars(rates.history("sessions", "ended"), wide)))
    reasons = sorted((r for r, n in now["ended"].items() if n), key=lambda r: -now["ended"][r])
    for r in reasons[:_MIDDLE - 3]:
        speed = rates.of("sessions", "ended", r)
        table.add_row(Text(f"  {r}", style="bright_black"), short(speed),
                      Text(f"of {now['ended'][r]:,}", style="bright_black"))
    return _panel(table, "sessions", width, _MIDDLE + 2)


def _drops(rates: Rates, width: int) -> Panel:
    counts = rates.now.stats["drops"]
    found = [(rates.of("drops", r), n, r) for r, n in counts.items() if n]
    found.sort(key=lambda f: (-f[0], -f[1], f[2]))
    if not found:
        return _panel(Text("none", style="bright_black"), "drops", width, _MIDDLE + 2)
    room = _MIDDLE - 1 - (len(found) > _MIDDLE - 1)
    table = _table(("reason", "<"), ("/s", ">"), ("total", ">"))
    for speed, n, reason in found[:room]:
        table.add_row(reason, Text(short(speed), style="bold red" if speed else "bright_black"), f"{n:,}")
    if found[room:]:
        rest = sum(f[1] for f in found[room:])
        table.add_row(Text(f"{len(found) - room} more", style="bright_black"), "", f"{rest:,}")
    return _panel(table, "drops", width, _MIDDLE + 2)


def _elements(rates: Rates, width: int, room: int) -> Panel:
    now = rates.now
    rows: list[tuple[RenderableType, ...]] = []
    for name, e in now.stats["elements"].items():
        speed = rates.of("elements", name, "packets")
        label = Text(name, style="bold")
        if e["type"] != name:
            label.append(f" {e['type']}", style="not bold bright_black")
        rows.append((label, Text(short(speed), style="bold"), f"{e['packets']:,}", _counters(rates, name)))
    for protocol, counts in now.stats["contexts"].items():
        text = Text()
        for k, n in counts.items():
            if n:
                _number(text, k, n, rates.of("contexts", protocol, k))
        rows.append((Text(f"{protocol}(..)", style="bright_black"), "", "", text))
    table = _table(("element", "<"), ("p/s", ">"), ("packets", ">"), ("counters", "<"))
    table.columns[3].ratio = 1
    table.expand = True
    kept = rows if len(rows) <= room else rows[:room - 1]
    for row in kept:
        table.add_row(*row)
    if len(kept) < len(rows):
        table.add_row(Text(f"{len(rows) - len(kept)} more", style="bright_black"))
    return _panel(table, "elements", width, min(len(rows), room) + 3)


def _counters(rates: Rates, name: str) -> Text:
    """Live parameters, then counters, then faults of an element."""
    text = Text()
    for p in rates.now.parameters:
        if p.element == name:
            text.append(f"{p.name}={p.value}  ", style="yellow")
    e = rates.now.stats["elements"][name]
    for k, n in e["counters"].items():
        _number(text, k, n, rates.of("elements", name, "counters", k))
    if e["faults"]:
        text.append(f"faults {e['faults']:,}", style="bold red")
    return text


def _chart(rates: Rates, width: int, height: int) -> Panel:
    """What came in, in bits a second, all ports together."""
    ports = [rates.history("ports", name, "rx_bytes") for name in rates.now.stats["ports"]]
    total = [8 * sum(at) for at in zip(*ports, strict=True)]
    lines = chart(total, width - 4, height - 2)
    title = f"in, the last minute; at most {short(max(total, default=0.0), 'b/s')}"
    return _panel(Text("\n".join(lines), style=_IN, no_wrap=True), title, width, height)


def _number(text: Text, name: str, n: int, speed: float) -> None:
    text.append(f"{name} ", style="bright_black")
    text.append(f"{n:,}")
    text.append(f" +{short(speed)}/s  " if speed else "  ", style=_IN)
