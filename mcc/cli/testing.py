"""`mcc test CHAIN`: the properties of a TCP stream edited in the middle, on the user's chain."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from mcc.api import Module
from mcc.cli import chains
from mcc.cli.console import CHAIN, DONE, err, out
from mcc.cli.summary import count
from mcc.run.loading import split_spec
from mcc.run.usage import UsageError

STYLES = {"passed": "green", "failed": "bold red", "not applicable": "dim"}


def test(spec: str, numbers: Iterable[int], examples: int, seed: int, backend: str,
         server: str = "") -> int:
    """A line a property, then the shrunk dialogue of each failure and how to run it again; the exit code."""
    from mcc.testing import checking

    compiled = chains.compiled(spec)
    beside = beside_chain(spec, compiled.name)
    at = server or beside["server"] or ""
    try:
        chosen = checking.choose(sorted(set(numbers)) or None)
        subject = checking.subject_of(Module(compiled), transform=beside["transform"], edits=beside["edits"],
                                      backend=backend, server=at)
        subject.open_box().close()
    except ValueError as e:
        raise UsageError(str(e)) from None
    results = []
    with Progress(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), console=err(),
                  transient=True, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task("", total=len(chosen))
        for prop in chosen:
            bar.update(task, description=prop.name)
            results.append(checking.check_property(subject, prop, examples=examples, seed=seed))
            bar.advance(task)
    console = out()
    console.width = max(console.width, 140)
    console.print(_table(results))
    print(_known(beside, subject.tokens, compiled.name))
    failed = [r for r in results if r.outcome == checking.FAILED]
    for r in failed:
        print(f"\n{r}\nagain: mcc test {spec} --property {r.property.number} --examples {examples} --seed {seed}"
              + (f" --server {server}" if server else "") + (f" --backend {backend}" if backend != "c" else ""))
    return CHAIN if failed else DONE


def beside_chain(spec: str, name: str) -> dict[str, Any]:
    """What stands beside the chain and says what it does: NAME_transform or transform and NAME_edits or edits,
    functions, NAME_server or server, the "address:port" that clients connect to."""
    path, _ = split_spec(spec)
    module = next((m for m in list(sys.modules.values()) if getattr(m, "__file__", None) == str(path)), None)
    found: dict[str, Any] = {}
    for what in ("transform", "edits"):
        given = getattr(module, f"{name}_{what}", None) or getattr(module, what, None)
        found[what] = given if callable(given) else None
    at = getattr(module, f"{name}_server", None) or getattr(module, "server", None)
    found["server"] = at if isinstance(at, str) else None
    return found


def _table(results: list[Any]) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in ("#", "property", "basis", "outcome", "examples"):
        narrow = heading in ("#", "examples")  # what --property wants, and how much was tried: always whole
        table.add_column(heading, justify="right" if narrow else "left", no_wrap=True,
                         min_width=len("examples") if heading == "examples" else 2 if narrow else None)
    for r in results:
        why = f": {r.text}" if r.outcome == "not applicable" else ""
        table.add_row(str(r.property.number), r.property.name, r.property.basis,
                      f"[{STYLES[r.outcome]}]{r.outcome}[/]{why}", str(r.examples) if not why else "")
    return table


def _known(beside: dict[str, Any], tokens: tuple[bytes, ...], name: str) -> str:
    if beside["transform"] is None:
        text = f"no {name}_transform beside the chain: what it makes of a stream is taken from a clean run"
    else:
        text = f"what the chain makes of a stream: {beside['transform'].__name__}"
    return text + (f"; streams are drawn with {count(len(tokens), 'word')} of the chain" if tokens else "")


