"""`mcc set`: the boxes that run and their Live parameters; and to change these.

    mcc set                                     every box that runs
    mcc set nat.py | mcc set 4711               that one
    mcc set [nat.py] limits.longest=20 ..       all of these are changed, or none
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.table import Table
from rich.text import Text

from mcc.cli.console import out
from mcc.cli.rates import clock
from mcc.run.control import RunningBox, Value, boxes
from mcc.run.loading import split_spec
from mcc.run.usage import UsageError

FORM = "mcc set [CHAIN or PID] ELEMENT.NAME=VALUE"


def set_or_show(arguments: Sequence[str]) -> None:
    """The command. Raises UsageError, PortError."""
    target, values = parse(arguments)
    running = boxes()
    meant = [b for b in running if target is None or named(b, target)]
    if target is not None and not meant:
        raise UsageError(f"no box that runs is {target}", _there(running))
    if not values:
        show(meant)
        return
    if not meant:
        raise UsageError("no box runs", "mcc run CHAIN --port NAME=SPEC starts one")
    if len(meant) > 1:
        raise UsageError(f"{len(meant)} boxes run{'' if target is None else f' as {target}'}", _there(meant))
    for element, name, before, after in meant[0].set(values):
        print(f"{element}.{name}: {before} -> {after}")


def parse(arguments: Sequence[str]) -> tuple[str | None, list[Value]]:
    """The box that is meant, None: not said, and what is to be set. Raises UsageError."""
    rest = list(arguments)
    target = rest.pop(0) if rest and ("=" not in rest[0] or Path(rest[0]).exists()) else None
    values = []
    for text in rest:
        place, equals, value = text.partition("=")
        element, dot, name = place.strip().rpartition(".")
        if not equals or not dot or not element or not name or not value.strip():
            raise UsageError(f"{text!r} is not ELEMENT.NAME=VALUE", FORM)
        values.append((element, name, value.strip()))
    twice = next((v for i, v in enumerate(values) if v[:2] in [w[:2] for w in values[:i]]), None)
    if twice is not None:
        raise UsageError(f"{twice[0]}.{twice[1]} is set twice")
    return target, values


def named(box: RunningBox, target: str) -> bool:
    """Whether `target` (a process, a chain's name, its file, file:name) means this box."""
    if target.isdigit():
        return box.pid == int(target)
    if target == box.chain:
        return True
    file, name = split_spec(target)
    return str(file.resolve()) == box.file and name in ("", box.chain)


def show(running: Sequence[RunningBox]) -> None:
    """Each box, and its parameters as they are now."""
    if not running:
        print("no box runs")
    for i, b in enumerate(running):
        if i:
            out().print()
        title = Text(b.chain, style="bold")
        title.append(f"  process {b.pid}, {clock(b.seconds)}  {b.file}", style="not bold")
        out().print(title)
        if not b.parameters:
            out().print(Text("  no Live parameters", style="dim"))
            continue
        table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 3, 0, 0))
        for heading, side in (("  parameter", "left"), ("value", "right"), ("type", "left"), ("range", "left")):
            table.add_column(heading, justify="right" if side == "right" else "left", no_wrap=True)
        for p in b.parameters:
            table.add_row(f"  {p}", f"{p.value}", p.type, f"{p.least} to {p.most}")
        out().print(table)


def _there(running: Sequence[RunningBox]) -> str:
    """What could be meant."""
    return "there run: " + ", ".join(f"{b.chain} ({b.pid})" for b in running) if running else "no box runs"
