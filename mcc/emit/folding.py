"""Long lines: broken behind operators as clang-format does, or shortened by naming parts of the expression."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from typing import Any

from mcc.emit.lines import WIDTH
from mcc.ir import func as h


def fold_text(head: str, text: str, tail: str, column: int) -> list[str]:
    """`head text tail` in lines of WIDTH columns, continued below the start of `text`, broken behind `||`, then `&&`,
    then other operators of the outermost level; as it is where it has none."""
    if column + len(head) + len(text) + len(tail) <= WIDTH:
        return [f"{head}{text}{tail}"]
    pieces = split_outer(text)
    pad = " " * len(head)
    rows, row = [], head
    for i, piece in enumerate(pieces):
        end = tail if i == len(pieces) - 1 else ""
        if row not in (head, pad) and column + len(row) + 1 + len(piece) + len(end) > WIDTH:
            rows.append(row)
            row = pad
        row += piece if row in (head, pad) else f" {piece}"
    return [*rows, row + tail]


def split_outer(text: str) -> list[str]:
    """`a && b && c` as ["a &&", "b &&", "c"]: the loosest binary operators outside parentheses."""
    words = text.split(" ")
    for signs in ({"||"}, {"&&"}, {"|"}, {"^"}, {"&"}, {"==", "!="}, {"<", ">", "<=", ">="}, {"+", "-"},
                  {"*", "/", "%"}):
        pieces: list[str] = []
        depth, now = 0, []
        for w in words:
            now.append(w)
            depth += w.count("(") + w.count("[") - w.count(")") - w.count("]")
            if depth == 0 and w in signs:
                pieces.append(" ".join(now))
                now = []
        if pieces:
            return [*pieces, " ".join(now)]
    return [text]


def fits(head: str, text: str, tail: str, column: int) -> bool:
    """The line needs no naming of parts: it fits, or breaks at `&&` or `||` into lines that do."""
    if column + len(head) + len(text) + len(tail) <= WIDTH:
        return True
    pieces = split_outer(text)
    return pieces[0].endswith(("&&", "||")) and all(
        column + len(head) + len(p) + len(tail) <= WIDTH for p in pieces)


def part_to_name(e: h.Expr, text: Callable[[h.Expr], str], room: int) -> h.Expr | None:
    """The longest operand of `e`, evaluated whatever happens, whose text fits `room`; None where there is none.

    Branches of a Select and later parts of and/or are left alone: what proves a divisor or an index may be the
    condition in front of them.
    """
    best, size = None, 12
    for part in _eager(e):
        n = len(text(part))
        if isinstance(part, (h.Bin, h.Unary, h.Select, h.Cmp, h.BoolOp)) and size < n <= room:
            best, size = part, n
    return best


def _eager(e: h.Expr) -> Iterator[h.Expr]:
    match e:
        case h.Select():
            inside: tuple[Any, ...] = (e.cond,)
        case h.BoolOp():
            inside = e.parts[:1]
        case h.InlineCall():
            inside = e.args
        case _:
            inside = tuple(x for f in fields(e) for x in (getattr(e, f.name),) if isinstance(x, h.Expr))
    for x in inside:
        yield x
        yield from _eager(x)


def with_part(e: Any, old: h.Expr, new: h.Expr) -> Any:
    """`e` with its part `old` (that very object) replaced by `new`."""
    if e is old:
        return new
    changed = {}
    for f in fields(e):
        v = getattr(e, f.name)
        if isinstance(v, h.Expr):
            changed[f.name] = with_part(v, old, new)
        elif isinstance(v, tuple) and v and isinstance(v[0], h.Expr):
            changed[f.name] = tuple(with_part(x, old, new) for x in v)
    return replace(e, **changed)
