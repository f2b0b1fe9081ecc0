"""How the command line speaks: messages to standard error, results to standard output, exit codes of the contract."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn, TextIO

import typer
from rich.console import Console

from mcc.diag import BuildError, CaptureError, CompileError, Diagnostic, MccError, PortError
from mcc.run.usage import UsageError

DONE, CHAIN, USAGE, DAMAGED, PORT, INTERRUPTED = 0, 1, 2, 3, 4, 130
"""Exit codes: done; an error in the chain; wrong usage; input damaged; a port or file; interrupted."""

CODES: tuple[tuple[type[MccError], int], ...] = (
    (CompileError, CHAIN), (BuildError, CHAIN), (UsageError, USAGE), (CaptureError, DAMAGED), (PortError, PORT))

_COLOURS = {"error": "31", "warning": "33", "note": "36"}


def out() -> Console:
    """Standard output for tables; plain where it is no terminal."""
    return Console(highlight=False, soft_wrap=not sys.stdout.isatty())


def err() -> Console:
    return Console(stderr=True, highlight=False, soft_wrap=not sys.stderr.isatty())


def say(text: str) -> None:
    """One message to standard error, as it is."""
    with unless_gone(sys.stderr):
        print(text, file=sys.stderr, flush=True)


@contextmanager
def unless_gone(stream: TextIO) -> Iterator[None]:
    """What is written to a terminal that has been closed meanwhile is lost; that is no error."""
    try:
        yield
    except OSError as e:
        if e.errno != errno.EIO:
            raise
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def _coloured() -> bool:
    return sys.stderr.isatty() and "NO_COLOR" not in os.environ


def show(diagnostic: Diagnostic) -> str:
    """A diagnostic's text; on a terminal the severity and the carets in colour."""
    text = diagnostic.render()
    if not _coloured():
        return text
    colour = f"\x1b[1;{_COLOURS[diagnostic.severity]}m"
    lines = text.replace(f" {diagnostic.severity}: ", f" {colour}{diagnostic.severity}:\x1b[0m ", 1).split("\n")
    return "\n".join(f"{colour}{line}\x1b[0m" if set(line.partition("|")[2].strip()) == {"^"} else line
                     for line in lines)


def fail(text: str, code: int, hint: str = "") -> NoReturn:
    """End the command with a message."""
    say(f"mcc: {text}" + (f"\n     hint: {hint}" if hint else ""))
    raise typer.Exit(code)


def code_of(e: MccError) -> int:
    return next((code for kind, code in CODES if isinstance(e, kind)), CHAIN)


@contextmanager
def errors() -> Iterator[None]:
    """Errors raised on purpose become their text and exit code; anything else is our bug and is shown whole."""
    try:
        yield
    except CompileError as e:
        for d in e.diagnostics:
            say(show(d))
        n = sum(d.severity == "error" for d in e.diagnostics)
        if n > 1:
            say(f"{n} errors")
        raise typer.Exit(CHAIN) from None
    except UsageError as e:
        fail(e.message, USAGE, e.hint)
    except BuildError as e:
        say(str(e))
        fail("the C compiler failed", CHAIN, "`mcc doctor` checks the tools; the words above are the compiler's")
    except MccError as e:
        fail(str(e), code_of(e))
    except MemoryError:
        fail("there is not enough memory", PORT, "unpack a compressed capture first, or give a smaller --max-sessions")
    except KeyboardInterrupt:
        fail("interrupted", INTERRUPTED)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(DONE) from None
