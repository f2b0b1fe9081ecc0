"""`mcc run`: from the arguments to the runner, and what a person sees meanwhile and at the end."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from mcc.api import Module
from mcc.cli import chains
from mcc.cli.console import err, out, say, unless_gone
from mcc.cli.summary import count, summary
from mcc.cli.watching import watched
from mcc.run.live import run_live
from mcc.run.loading import chain_file
from mcc.run.module import RunnableModule
from mcc.run.ports import bind, parse_port_options
from mcc.run.runner import Progress as Report
from mcc.run.runner import RunOptions, RunResult, run_captures
from mcc.run.usage import UsageError
from mcc.version import VERSION

LONG = 50_000_000
"""Bytes of input from which a progress bar is worth it."""


@dataclass(frozen=True)
class Wanted:
    """The arguments of `mcc run`."""

    capture: str | None = None
    output: str | None = None
    ports: tuple[str, ...] = ()
    stats: str | None = None
    sessions: str | None = None
    alerts: str | None = None
    duration: float = 0
    max_sessions: int = 1 << 20
    checksums: str | None = None
    live: bool = False
    metrics: str | None = None
    cores: int = 1
    offload: bool = True

    @property
    def on_stdout(self) -> list[str]:
        """Options that write to standard output."""
        named = {"-o": self.output, "--stats": self.stats, "--sessions": self.sessions, "--alerts": self.alerts}
        return [k for k, v in named.items() if v == "-"]

    @property
    def prints_meanwhile(self) -> bool:
        """Whether lines are written to the terminal while the run goes on."""
        return sys.stdout.isatty() and not {"--sessions", "--alerts"}.isdisjoint(self.on_stdout)


def run(spec: str, wanted: Wanted) -> int:
    """Run a chain as asked, print the summary; the exit code."""
    if len(wanted.on_stdout) > 1:
        raise UsageError(f"{' and '.join(wanted.on_stdout)} both write to standard output", "give one of them a file")
    address = _address(wanted.metrics)
    specs = parse_port_options(wanted.ports)
    compiled = chains.compiled(spec)
    compiled.check_cores(wanted.cores)
    bindings = bind(compiled.graph.ports, wanted.capture, wanted.output, specs, f"chain {compiled.graph.name}")
    checksums = wanted.checksums or ("verify" if bindings.live else "keep")
    options = RunOptions(wanted.stats, wanted.sessions, wanted.alerts, wanted.max_sessions, checksums, wanted.duration,
                         wanted.cores)
    module = RunnableModule(Module(compiled, io={p.kind for p in bindings.ports}, offload=wanted.offload))
    devices = {p.port: f"{p.kind}:{p.device}" if p.device else p.source or p.kind for p in bindings.ports}
    with watched(compiled.name, chain_file(spec), devices, live=wanted.live, plain=wanted.prints_meanwhile,
                 metrics=address, control=bindings.live, version=VERSION) as (errands, tell):
        if bindings.live:
            result = run_live(module, bindings, options, say=tell, version=VERSION, errands=errands)
        else:
            with _bar(not wanted.live) as progress:
                result = run_captures(module, bindings, options, progress=progress, version=VERSION, errands=errands)
    _tell(result, wanted)
    return result.exit_code


def _address(text: str | None) -> tuple[str, int] | None:
    """What --metrics says. Raises UsageError."""
    if text is None:
        return None
    from mcc.run.metrics import parse_address  # prometheus_client is slow to import

    return parse_address(text)


def _tell(result: RunResult, wanted: Wanted) -> None:
    with unless_gone(sys.stderr if wanted.on_stdout else sys.stdout):
        console = err() if wanted.on_stdout else out()
        console.print(summary(result.stats))
        for path, n, word in ((wanted.sessions, result.sessions, "session"), (wanted.alerts, result.alerts, "alert")):
            if path and path != "-":
                console.print(f"{path}: {count(n, word)}", markup=False)
    for text in (*result.notes, *result.damage, *result.failures):
        say(f"mcc: {text}")
    if result.interrupted:
        say("mcc: interrupted" + ("" if result.failures else "; the outputs are complete up to here"))


@contextmanager
def _bar(wanted: bool) -> Iterator[Report | None]:
    """A progress callback that draws a bar on a terminal, once the input turns out to be long."""
    if not wanted or not sys.stderr.isatty():
        yield None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err(), transient=True) as bar:
        tasks: list[TaskID] = []

        def report(done: int, total: int) -> None:
            if total < LONG:
                return
            if not tasks:
                tasks.append(bar.add_task("running", total=total))
            bar.update(tasks[0], completed=done)

        yield report
