"""Where the user's code stands: spans of calls and of classes."""

from __future__ import annotations

import ast
import inspect
import linecache
import sys

from mcc.diag import Span


def _chars(span: Span) -> Span:
    """co_positions counts UTF-8 bytes; spans count characters."""

    def at(line: int, col: int) -> int:
        return len(linecache.getline(span.file, line).encode()[:col].decode(errors="ignore"))

    return Span(span.file, span.line, at(span.line, span.col), span.end_line, at(span.end_line, span.end_col))


def caller_span(depth: int = 2, inside: str = "mcc.lang") -> Span:
    """The call in the innermost frame outside the modules whose names begin with `inside`, with its columns."""
    frame = sys._getframe(depth)
    while frame.f_back and frame.f_globals.get("__name__", "").startswith(inside):
        frame = frame.f_back
    pos = next((p for i, p in enumerate(frame.f_code.co_positions()) if i == frame.f_lasti // 2), None)
    line, end_line, col, end_col = pos or (frame.f_lineno, None, None, None)
    return _chars(Span(frame.f_code.co_filename, line or frame.f_lineno, col or 0, end_line or 0, end_col or 0))


def class_span(c: type) -> Span:
    """The name in the `class NAME` line of a class."""
    try:
        file = inspect.getsourcefile(c) or "?"
        tree = ast.parse("".join(linecache.getlines(file)))
    except (TypeError, OSError, SyntaxError):
        return Span(getattr(c, "__module__", "?"), 0)
    name = c.__qualname__.rpartition(".")[2]
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and node.name == name:
            col = linecache.getline(file, node.lineno).find(name, node.col_offset)
            return Span(file, node.lineno, col, node.lineno, col + len(name))
    return Span(file, 1)
