"""Iterating over typed HIR: every statement, every expression, in evaluation order."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from mcc.ir.func import Case, Expr, Stmt


def statements(body: tuple[Stmt, ...]) -> Iterator[Stmt]:
    """Every statement of a body, nested ones behind their parent."""
    for s in body:
        yield s
        for f in dataclasses.fields(s):
            v = getattr(s, f.name)
            if isinstance(v, tuple) and v and isinstance(v[0], Stmt):
                yield from statements(v)
            elif isinstance(v, tuple) and v and isinstance(v[0], Case):
                for c in v:
                    yield from statements(c.body)


def expressions(node: Stmt | Expr) -> Iterator[Expr]:
    """Every expression directly in a statement (not those of nested statements), or inside an expression."""
    if isinstance(node, Expr):
        yield node
    for f in dataclasses.fields(node):
        v = getattr(node, f.name)
        for x in v if isinstance(v, tuple) else (v,):
            if isinstance(x, Expr):
                yield from expressions(x)
