"""Lines of emitted C and where in the user's file they come from.

`lines="c"`: a comment `/* chain.py:13  self.passed += 1 */` above what a Python line became, when the line changes.
`lines="python"`: `#line 13 "chain.py"` instead, so that debuggers and profilers show the Python; behind each function
the numbering goes back to the C file by a mark that `resolve_lines` replaces when the whole file is known.
"""

from __future__ import annotations

import linecache
from pathlib import PurePath
from typing import Literal

from mcc.diag import Span

Mode = Literal["c", "python"]
WIDTH = 100
BACK = "#line 0 \"the C file\""
"""Stands for `#line N "file.c"` with N the number of the line behind it."""


class Lines:
    """Collects the text of one function. `mark` says which Python line the following lines belong to."""

    def __init__(self, mode: Mode) -> None:
        self.mode = mode
        self.out: list[str] = []
        self.depth = 0
        self.span: Span | None = None
        self.noted: tuple[str, int] | None = None
        self.running: tuple[str, int] | None = None

    def mark(self, span: Span) -> None:
        """What follows comes from `span`; a comment says so when that is another line than before."""
        self.span = span if span.line else None
        if self.mode == "c" and span.line and self.noted != (span.file, span.line):
            self.noted = (span.file, span.line)
            self.out.append("    " * self.depth + _comment(span, WIDTH - 4 * self.depth))

    def add(self, text: str, indent: int = 0) -> None:
        """One line at the current depth, `indent` more columns to the right."""
        if self.mode == "python" and self.span is not None:
            at = (self.span.file, self.span.line)
            if self.running != at:
                self.out.append(f'#line {at[1]} "{_quoted(at[0])}"')
            self.running = (at[0], at[1] + 1)
        self.out.append("    " * self.depth + " " * indent + text)

    def open(self, text: str) -> None:
        self.add(text + " {")
        self.depth += 1

    def close(self, text: str = "}") -> None:
        self.depth -= 1
        self.add(text)

    def reopen(self, text: str) -> None:
        """`} else {` and the like."""
        self.depth -= 1
        self.add(f"}} {text} {{")
        self.depth += 1

    def back(self) -> None:
        """Behind a function: glue is the C file's own."""
        if self.mode == "python" and self.running is not None:
            self.out.append(BACK)
        self.span = self.running = self.noted = None

    def text(self) -> str:
        return "\n".join(self.out) + "\n"


def _quoted(name: str) -> str:
    return name.replace("\\", "\\\\").replace('"', '\\"')


def _comment(span: Span, width: int) -> str:
    """The Python line as a C comment of at most `width` columns (80 at least, whatever the depth)."""
    source = " ".join(linecache.getline(span.file, span.line).split()).replace("*/", "* /").replace("/*", "/ *")
    body = f"{PurePath(span.file).name}:{span.line}  {source}".rstrip()
    room = max(width, 80) - len("/*  */")
    return f"/* {body if len(body) <= room else body[: room - 3] + '...'} */"


def resolve_lines(text: str, c_file: str) -> str:
    """The whole C file with each mark replaced by a `#line` that names the line behind it."""
    rows = text.split("\n")
    return "\n".join(f'#line {i + 2} "{_quoted(c_file)}"' if row == BACK else row for i, row in enumerate(rows))


# ---------------------------------------------------------------- wrapping, as clang-format does


def wrap_list(head: str, items: list[str], tail: str, column: int) -> list[str]:
    """`head(items..)tail` filled into lines of WIDTH columns, continued below the first item; `column` is where the
    text starts. The first line is not indented, the others carry their indent relative to `column`."""
    pad = " " * len(head)
    rows, row = [], head
    for i, item in enumerate(items):
        piece = item + (tail if i == len(items) - 1 else ",")
        if row not in (head, pad) and column + len(row) + 1 + len(piece) > WIDTH:
            rows.append(row)
            row = pad
        row += piece if row in (head, pad) else " " + piece
    if not items:
        row += tail
    return [*rows, row]
