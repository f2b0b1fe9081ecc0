"""Iterating over typed HIR: every statement, every expression, in evaluation order."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from mcc.ir.func import Action, Case, Expr, Return, Stmt, StreamEdit, StreamMask, StreamSet


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


def matches_hold(body: tuple[Stmt, ...]) -> bool:
    """Whether a loop over matches with this body holds the bytes of a possible match: the body edits, masks, closes,
    resets or drops (docs/streams.md)."""
    for s in statements(body):
        if isinstance(s, (StreamSet, StreamMask)) or any(isinstance(e, StreamEdit) for e in expressions(s)):
            return True
        if isinstance(s, Return) and isinstance(s.value, Action) and s.value.kind in ("close", "reset", "drop"):
            return True
    return False
