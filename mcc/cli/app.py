"""The commands. Each is thin: it reads its arguments, calls one function of a lower layer, and prints."""

from __future__ import annotations

import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from mcc.cli import chains, doctor, matching, running, scaffold, setting
from mcc.cli.console import USAGE, errors, fail, out, say
from mcc.cli.explaining import explained
from mcc.version import VERSION

app = typer.Typer(name="mcc", add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False,
                  rich_markup_mode="rich", context_settings={"help_option_names": ["-h", "--help"]},
                  help="Compiles network middleboxes written in Python to C, and runs them.")

ChainArg = Annotated[str, typer.Argument(metavar="CHAIN", help="file.py, or file.py:name where it has several chains")]


class Stage(StrEnum):
    """What `mcc dump` can show."""

    parsed = "parsed"
    typed = "typed"
    graph = "graph"
    lowered = "lowered"
    c = "c"


class Lines(StrEnum):
    """How the C refers to the Python: by comments, or by #line so that gdb and perf show Python."""

    c = "c"
    python = "python"


class Target(StrEnum):
    """The processor that the C compiler aims at."""

    native = "native"
    v3 = "x86-64-v3"
    generic = "generic"


class Checksums(StrEnum):
    """What happens to packets with wrong checksums."""

    keep = "keep"
    verify = "verify"
    fix = "fix"


class Backend(StrEnum):
    """What `mcc test` runs."""

    c = "c"
    python = "python"


class What(StrEnum):
    """What `mcc graph` draws."""

    chain = "chain"
    classifier = "classifier"
    fcb = "fcb"


@app.command()
def build(chain: ChainArg,
          folder: Annotated[Path, typer.Option("-o", metavar="DIR", help="where the module goes")] = Path("."),
          io: Annotated[str, typer.Option(metavar="KINDS", help="kinds of ports, with commas: pcap, "
                                              "afpacket, afxdp, tap, null are always there, dpdk if named")] = "pcap",
          lines: Annotated[Lines, typer.Option(help="how the C points to the Python")] = Lines.c,
          target: Annotated[Target, typer.Option(help="processor")] = Target.native) -> None:
    """Compile a chain to a C module."""
    with errors():
        for path in chains.build(chain, folder, io, "python" if lines is Lines.python else "c", target.value):
            print(path)


@app.command()
def run(chain: ChainArg,
        capture: Annotated[str | None, typer.Argument(metavar="CAPTURE",
                                                      help="for a chain with one or two ports; - is stdin")] = None,
        output: Annotated[str | None, typer.Option("-o", metavar="OUT",
                                                   help="capture of what leaves; - is stdout")] = None,
        port: Annotated[list[str] | None, typer.Option(metavar="NAME=SPEC", help="pcap:IN[,OUT], afpacket:IF, "
                                                       "afxdp:IF, dpdk:DEVARGS, tap:NAME or null")] = None,
        stats: Annotated[str | None, typer.Option(metavar="FILE", help="statistics, JSON")] = None,
        sessions: Annotated[str | None, typer.Option(metavar="FILE", help="one line a session, JSON")] = None,
        alerts: Annotated[str | None, typer.Option(metavar="FILE", help="one line an alert, JSON")] = None,
        cores: Annotated[int, typer.Option(min=1, max=32, metavar="N", help="cores that share the work, each with its "
                                        "own part of the sessions")] = 1,
        duration: Annotated[float, typer.Option(min=0, max=1e9, metavar="SECONDS", help="of the capture's time, or "
                                                "live; 0: all")] = 0,
        max_sessions: Annotated[int, typer.Option(min=1, max=(1 << 24) - 1, help="sessions at once; then the oldest "
                                               "goes")] = 1 << 20,
        checksums: Annotated[Checksums | None, typer.Option(help="wrong ones: let pass, drop, or mend; "
                                                            "by default keep for captures, verify live")] = None,
        live: Annotated[bool, typer.Option("--live", help="watch it: packets, sessions, drops, counters, each "
                                           "second")] = False,
        metrics: Annotated[str | None, typer.Option(metavar="[HOST]:PORT", help="counters for Prometheus over HTTP, "
                                                    "such as :9464")] = None,
        offload: Annotated[bool, typer.Option("--offload/--no-offload", help="devices of DPDK's classify what they "
                                              "can")] = True,
        ) -> None:
    """Run a chain over captures or on live interfaces, and print a summary. `mcc set` steers one on interfaces."""
    with errors():
        wanted = running.Wanted(capture, output, tuple(port or ()), stats, sessions, alerts, duration, max_sessions,
                                checksums.value if checksums else None, live, metrics, cores, offload)
        raise typer.Exit(running.run(chain, wanted))


@app.command("set")
def set_command(what: Annotated[list[str] | None, typer.Argument(
        metavar="[CHAIN|PID] [ELEMENT.NAME=VALUE]...", help="which box, and what to set; nothing to set: what "
        "there is, and its value")] = None) -> None:
    """Change Live parameters of a box that runs, or show them."""
    with errors():
        setting.set_or_show(what or ())


@app.command()
def check(chain: ChainArg,
          verbose: Annotated[bool, typer.Option("-v", help="also what the compiler could not prove")] = False,
          strict: Annotated[bool, typer.Option(help="an index that cannot be proved is an error")] = False,
          cores: Annotated[int, typer.Option(min=1, max=32, metavar="N", help="also whether its state can be split "
                                             "between N cores")] = 1) -> None:
    """Show every error and warning of a chain, in one go."""
    with errors():
        chains.check(chain, verbose, strict, cores)


@app.command()
def explain(chain: ChainArg,
            as_json: Annotated[bool, typer.Option("--json", help="the same as JSON")] = False) -> None:
    """Show what the compiler decided: rules, next hops, flow control blocks."""
    with errors():
        facts = chains.explain(chain)
        if as_json:
            print(json.dumps(facts, indent=2))
        else:
            out().print(explained(facts))


@app.command()
def graph(chain: ChainArg,
          output: Annotated[Path, typer.Option("-o", metavar="FILE", help=".svg, .png or .dot")],
          what: Annotated[What, typer.Option(help="what to draw")] = What.chain) -> None:
    """Draw a chain, its classifier, or its flow control blocks."""
    with errors():
        chains.draw(chain, what.value, output)
        print(output)


@app.command()
def dump(chain: ChainArg, stage: Annotated[Stage, typer.Option(help="which stage")]) -> None:
    """Print the text of one stage of the compiler."""
    with errors():
        sys.stdout.write(chains.dump(chain, stage.value))


@app.command()
def match(arguments: Annotated[list[str], typer.Argument(metavar="[EXPR] CAPTURE", help="a pcap-filter expression, and "
                                                         "a capture")],
          count: Annotated[bool, typer.Option("--count", help="only how many")] = False,
          as_json: Annotated[bool, typer.Option("--json", help="numbers of the packets, as JSON")] = False,
          output: Annotated[str | None, typer.Option("-o", metavar="OUT", help="capture of the packets")] = None,
          source: Annotated[Path | None, typer.Option("--from", metavar="FILE",
                                                      help="expressions, one a line, instead of EXPR")] = None) -> None:
    """Show which packets of a capture an expression selects."""
    with errors():
        raise typer.Exit(matching.match(tuple(arguments), count, as_json, output, source))


@app.command("test")
def test_command(chain: ChainArg,
                 prop: Annotated[list[int] | None, typer.Option("--property", metavar="N",
                                                                help="only this one; may be given again")] = None,
                 examples: Annotated[int, typer.Option(min=1, help="dialogues a property")] = 100,
                 seed: Annotated[int, typer.Option(min=0, help="another one draws other dialogues")] = 0,
                 server: Annotated[str, typer.Option(metavar="ADDRESS:PORT", help="what clients connect to, "
                                                     "where it is the chain's own address")] = "",
                 backend: Annotated[Backend, typer.Option(help="compiled C, or the reference")] = Backend.c) -> None:
    """Test a chain with TCP connections over bad wires: 28 properties, each failure shrunk to a short dialogue."""
    from mcc.cli import testing  # Hypothesis is slow to import, and optional

    with errors():
        raise typer.Exit(testing.test(chain, prop or (), examples, seed, backend.value, server))


@app.command()
def new(name: Annotated[str, typer.Argument(metavar="NAME", help="makes NAME.py and test_NAME.py")]) -> None:
    """Begin a chain: a small example with a test."""
    with errors():
        for path in scaffold.new(name, Path.cwd()):
            print(path)
        say(f"next: mcc check {name}.py, mcc run {name}.py CAPTURE, pytest test_{name}.py")


@app.command("doctor")
def doctor_command() -> None:
    """Check what mcc needs on this machine, and say how to mend it."""
    raise typer.Exit(doctor.report())


@app.command()
def bench(chain: Annotated[str | None, typer.Argument(metavar="CHAIN")] = None) -> None:
    """Say how speed is measured."""
    fail("measuring one chain is not in this build", USAGE, "`make bench` in the source tree prints the tables")


def _version(wanted: bool) -> None:
    if wanted:
        print(f"mcc {VERSION}")
        raise typer.Exit()


@app.callback()
def options(version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True,
                                                  help="print the version")] = False) -> None:
    """Options before the command."""


def main(arguments: list[str] | None = None) -> Any:
    """The script `mcc`. Ends the process with the contract's exit code."""
    try:
        return app(arguments)
    except BrokenPipeError:
        sys.exit(0)
