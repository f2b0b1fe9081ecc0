"""Where the command line meets the compiler: from `file.py:name` to what each command shows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mcc.api import Module
from mcc.cli import dots, drawing, pictures
from mcc.cli.console import say, show
from mcc.cli.summary import count
from mcc.diag import PortError
from mcc.driver import Compiled, Options, compile_chain
from mcc.emit.lines import Mode
from mcc.run.loading import load_chain
from mcc.run.outputs import cannot_write
from mcc.run.ports import LIVE
from mcc.run.usage import UsageError

KINDS = ("pcap", *LIVE, "null")
"""What `--io` may name."""


def compiled(spec: str, *, strict: bool = False, notes: bool = False, lines: Mode = "c") -> Compiled:
    """The chain compiled, its warnings shown (and its notes, if wanted). Raises CompileError, UsageError."""
    result = compile_chain(load_chain(spec), strict=strict, options=Options(lines=lines, strict=strict))
    for d in result.report.items:
        if d.severity == "warning" or (notes and d.severity == "note"):
            say(show(d))
    return result


def check(spec: str, verbose: bool, strict: bool, cores: int = 1) -> None:
    """Errors and warnings, then one line that all is well: also on so many cores."""
    result = compiled(spec, strict=strict, notes=verbose)
    result.check_cores(cores)
    warnings = sum(d.severity == "warning" for d in result.report.items)
    notes = sum(d.severity == "note" for d in result.report.items)
    words = [count(warnings, "warning")] if warnings else []
    words += [f"{count(notes, 'note')}, shown by -v"] if notes and not verbose else []
    print(f"{spec}: chain {result.name} is right" + (f" ({'; '.join(words)})" if words else ""))


def build(spec: str, folder: Path, io: str, lines: Mode, target: str) -> list[Path]:
    """Build into `folder`; the files made there."""
    for kind in io.split(","):
        if kind not in KINDS:
            raise UsageError(f"--io {kind!r} is not a kind of port", ", ".join(KINDS))
    chain = compiled(spec, lines=lines)
    try:
        Module(chain, target=target, out=folder, io=io.split(",")).build()
    except OSError as e:
        raise PortError(cannot_write(str(e.filename or folder), e.errno or 0)) from None
    mine = ("_mcc_{}.*", "{}.gen.c", "{}.map.json")
    return sorted(p for pattern in mine for p in folder.glob(pattern.format(chain.name)))


def explain(spec: str) -> dict[str, Any]:
    """What the compiler decided, as data."""
    return Module(compiled(spec)).explain()


def dump(spec: str, stage: str) -> str:
    """The text of a stage."""
    text = compiled(spec).text(stage)
    return text if text.endswith("\n") else text + "\n"


def draw(spec: str, what: str, output: Path) -> None:
    """The picture into a file, by the ending of its name."""
    result = compiled(spec)

    def dot() -> str:
        if what == "chain":
            return dots.chain(result.graph)
        form = dots.classifier if what == "classifier" else dots.fcb
        return form(result.graph, result.plans)

    drawing.draw(output, dot, lambda: pictures.picture(result, what, Module(result).explain()))
