"""Source capture: from a function or class object to its syntax tree, with spans in characters.

The whole file is parsed once and the definition is found by its line, so methods need no dedent and columns are the
file's own. A file that was edited after it was imported is refused: its text would not be what CPython runs.
"""

from __future__ import annotations

import ast
import linecache
import sys
import types
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from mcc.diag import Report, Span


@dataclass(frozen=True)
class Source:
    """One function: its tree, its file, and the objects its free names mean (`scope`: globals, then closure)."""

    name: str
    file: str
    tree: ast.FunctionDef
    scope: dict[str, Any]
    function: Callable[..., Any]

    def span(self, node: ast.AST) -> Span:
        return node_span(self.file, node)

    @property
    def head(self) -> Span:
        """The name in the `def` line."""
        return def_span(self.file, self.tree)


@lru_cache(maxsize=8192)
def node_span(file: str, node: ast.AST) -> Span:
    """The place of a node. ast counts UTF-8 bytes, spans count characters."""
    line, end = getattr(node, "lineno", 0), getattr(node, "end_lineno", 0)
    col, end_col = getattr(node, "col_offset", 0), getattr(node, "end_col_offset", 0)
    return Span(file, line, _chars(file, line, col), end, _chars(file, end, end_col))


def _chars(file: str, line: int, col: int) -> int:
    return len(linecache.getline(file, line).encode()[:col].decode(errors="ignore"))


def def_span(file: str, node: ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef) -> Span:
    text = linecache.getline(file, node.lineno)
    col = max(0, text.find(node.name, _chars(file, node.lineno, node.col_offset) + 3))
    return Span(file, node.lineno, col, node.lineno, col + len(node.name))


@lru_cache(maxsize=64)
def _parse(file: str, text: str) -> ast.Module | None:
    try:
        with _quiet():
            return ast.parse(text, file)
    except (SyntaxError, ValueError):
        return None


@contextmanager
def _quiet() -> Iterator[None]:
    """Python has warned of this text when it was imported: not again."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def file_tree(file: str) -> ast.Module | None:
    """The tree of a source file as it is now; None without (valid) source."""
    linecache.checkcache(file)
    text = "".join(linecache.getlines(file))
    return _parse(file, text) if text else None


def read_function(f: Callable[..., Any], name: str, report: Report) -> Source | None:
    """The source of a handler or helper called `name`; None after an error in the report."""
    code = getattr(f, "__code__", None)
    if not isinstance(f, types.FunctionType) or not isinstance(code, types.CodeType):
        report.error(Span("?", 0), f"{name} is not a Python function", f"write it as `def {name}(...)`")
        return None
    file, line = code.co_filename, code.co_firstlineno
    text = linecache.getline(file, line).rstrip()
    at = Span(file, line, len(text) - len(text.lstrip()), line, len(text))
    if code.co_name == "<lambda>":
        report.error(at, f"{name} is a lambda", f"write it as `def {name}(...)`")
        return None
    tree = file_tree(file)
    if tree is None:
        report.error(at, f"the source of {name} is not to be had", "handlers are compiled from their source text: "
                     "put them in a file")
        return None
    node = next((n for n in ast.walk(tree) if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef))
                 and n.name == code.co_name and _first_line(n) == line), None)
    if isinstance(node, ast.AsyncFunctionDef):
        report.error(def_span(file, node), f"{name} is an async function", "handlers run to their end: use a plain def")
        return None
    if node is None or _edited(file, code, node):
        report.error(at, f"the file was edited after it was imported: {name} is not what runs",
                     "import it again (start anew)")
        return None
    return Source(name, file, node, _scope(f), f)


def _first_line(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return min([d.lineno for d in node.decorator_list] + [node.lineno])


def _scope(f: types.FunctionType) -> dict[str, Any]:
    scope = dict(f.__globals__)
    for name, cell in zip(f.__code__.co_freevars, f.__closure__ or (), strict=True):
        try:
            scope[name] = cell.cell_contents
        except ValueError:  # the cell is still empty: the name is reported as unknown where it is used
            scope.pop(name, None)
    return scope


def _edited(file: str, code: types.CodeType, node: ast.FunctionDef) -> bool:
    """Whether today's text compiles to other code than `code`. Test runners rewrite `assert`: those are let be."""
    if any(isinstance(n, ast.Assert) for n in ast.walk(node)):
        return False
    now = _codes(file, "".join(linecache.getlines(file)))
    return not any(_same(c, code) for c in now if c.co_firstlineno == code.co_firstlineno)


@lru_cache(maxsize=64)
def _codes(file: str, text: str) -> tuple[types.CodeType, ...]:
    try:
        with _quiet():
            top = compile(text, file, "exec", dont_inherit=True)
    except (SyntaxError, ValueError):
        return ()
    return tuple(_nested(top))


def _nested(code: types.CodeType) -> Iterator[types.CodeType]:
    yield code
    for c in code.co_consts:
        if isinstance(c, types.CodeType):
            yield from _nested(c)


def _same(a: types.CodeType, b: types.CodeType) -> bool:
    plain = [[c for c in k.co_consts if not isinstance(c, types.CodeType)] for k in (a, b)]
    return (a.co_name, a.co_code, a.co_names, a.co_varnames, plain[0]) == (
        b.co_name, b.co_code, b.co_names, b.co_varnames, plain[1])


@lru_cache(maxsize=64)
def _classes(tree: ast.Module) -> tuple[ast.ClassDef, ...]:
    return tuple(n for n in ast.walk(tree) if isinstance(n, ast.ClassDef))


def class_tree(c: type, line: int) -> tuple[str, ast.ClassDef] | None:
    """The class statement of `c`, found by its file and qualified name, else the one at `line`."""
    module = sys.modules.get(c.__module__)
    file = getattr(module, "__file__", None) or next(
        (f.__code__.co_filename for f in vars(c).values() if isinstance(f, types.FunctionType)), None)
    tree = file_tree(file) if file else None
    if file is None or tree is None:
        return None
    name = c.__qualname__.rpartition(".")[2]
    found = [n for n in _classes(tree) if n.name == name]
    best = next((n for n in found if n.lineno == line), found[-1] if found else None)
    return (file, best) if best is not None else None


def member_spans(c: type) -> tuple[Span, dict[str, Span]]:
    """Where a class is (its name) and where its annotated members are."""
    found = class_tree(c, 0)
    if found is None:
        return Span(c.__module__, 0), {}
    file, tree = found
    members = {n.target.id: node_span(file, n) for n in tree.body
               if isinstance(n, ast.AnnAssign) and isinstance(n.target, ast.Name)}
    return def_span(file, tree), members
