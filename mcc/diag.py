"""The user's mistakes: spans, diagnostics, and how they are shown.

Every error that a user can cause is a `Diagnostic`; a pass collects as many as it can in a `Report` and goes on.
Anything else that escapes from mcc is a bug of ours.
"""

from __future__ import annotations

import linecache
from dataclasses import dataclass, field
from typing import Literal

Severity = Literal["error", "warning", "note"]


@dataclass(frozen=True, order=True)
class Span:
    """A place in a user's file. Lines count from 1, columns from 0 in characters; `end_col` is exclusive."""

    file: str
    line: int
    col: int = 0
    end_line: int = 0
    end_col: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.col + 1}"


NOWHERE = Span("<built in>", 0)


@dataclass(frozen=True)
class Diagnostic:
    """One message about one place. `text` is the source line where it is not in a file (an expression)."""

    severity: Severity
    span: Span
    message: str
    hint: str = ""
    text: str | None = None
    also: tuple[tuple[Span, str], ...] = ()

    def render(self) -> str:
        """file:line:col: error: message, the line, carets, the hint. No trailing newline."""
        out = [f"{self.span}: {self.severity}: {self.message}"]
        out += _excerpt(self.span, self.text)
        for span, words in self.also:
            out += [f"{span}: note: {words}", *_excerpt(span, None)]
        if self.hint:
            out.append(f"      = hint: {self.hint}")
        return "\n".join(out)


def _excerpt(span: Span, text: str | None) -> list[str]:
    line = text if text is not None else linecache.getline(span.file, span.line).rstrip("\n")
    if not line.strip():
        return []
    last = span.end_col if span.end_line in (0, span.line) and span.end_col > span.col else 0
    width = max(1, (last or len(line)) - span.col) if span.end_line else 1
    pad = "".join("\t" if c == "\t" else " " for c in line[: span.col])
    return [f"{span.line:5d} | {line}", f"      | {pad}{'^' * max(1, min(width, len(line) - span.col))}"]


class MccError(Exception):
    """Base of everything mcc raises on purpose."""


class CompileError(MccError):
    """The chain is wrong. `diagnostics` holds every error and warning found; `str()` shows them all."""

    def __init__(self, diagnostics: tuple[Diagnostic, ...]) -> None:
        self.diagnostics = diagnostics
        super().__init__("\n".join(d.render() for d in diagnostics))

    @property
    def _first(self) -> Diagnostic:
        return next((d for d in self.diagnostics if d.severity == "error"), self.diagnostics[0])

    @property
    def span(self) -> Span:
        return self._first.span

    @property
    def message(self) -> str:
        return self._first.message

    @property
    def hint(self) -> str:
        return self._first.hint


class BuildError(MccError):
    """The C compiler failed: our bug or a broken toolchain. Holds the command and the compiler's words."""

    def __init__(self, command: str, output: str) -> None:
        self.command, self.output = command, output
        super().__init__(f"the C compiler failed: {command}\n{output}")


class PortError(MccError):
    """A port, device or output file could not be opened (exit code 4)."""


class CaptureError(MccError):
    """A capture is damaged, truncated, or of an unknown kind (exit code 3)."""


@dataclass
class Report:
    """Collects diagnostics while passes go on; `check()` raises when there was an error."""

    items: list[Diagnostic] = field(default_factory=list)

    def error(self, span: Span, message: str, hint: str = "", *, text: str | None = None,
              also: tuple[tuple[Span, str], ...] = ()) -> None:
        self._add(Diagnostic("error", span, message, hint, text, also))

    def warning(self, span: Span, message: str, hint: str = "", *, also: tuple[tuple[Span, str], ...] = ()) -> None:
        self._add(Diagnostic("warning", span, message, hint, None, also))

    def note(self, span: Span, message: str, hint: str = "") -> None:
        self._add(Diagnostic("note", span, message, hint))

    def _add(self, d: Diagnostic) -> None:
        if d not in self.items:
            self.items.append(d)

    @property
    def failed(self) -> bool:
        return any(d.severity == "error" for d in self.items)

    def check(self) -> None:
        """Raise CompileError with everything found so far if any of it is an error."""
        if self.failed:
            order = {"error": 0, "warning": 1, "note": 2}
            raise CompileError(tuple(sorted(self.items, key=lambda d: (order[d.severity], d.span))))
