"""Plain tables and bars that fit a given width. All widths are in characters."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

GAP = 2
_LEAST = 6


def table(columns: Sequence[str], rows: Sequence[Sequence[str]], width: int, indent: int = 2) -> list[str]:
    """Lines of a table with a head; cells of the widest columns are wrapped until it fits."""
    if not rows:
        return []
    room = width - indent - GAP * (len(columns) - 1)
    cells = [columns, *rows]
    sizes = [max(len(r[i]) for r in cells) for i in range(len(columns))]
    least = [max(len(word) for r in cells for word in (r[i] or " ").split(" ")) for i in range(len(columns))]
    sizes = _fitted(_fitted(sizes, least, room), [_LEAST] * len(least), room)
    numbers = [all(r[i].isdigit() or r[i] == "" for r in rows) for i in range(len(columns))]
    out = _row(columns, sizes, numbers, indent)
    out.append(" " * indent + (" " * GAP).join("─" * s for s in sizes))
    for r in rows:
        out += _row(r, sizes, numbers, indent)
    return out


def natural_width(columns: Sequence[str], rows: Sequence[Sequence[str]], indent: int = 2) -> int:
    """Of the table without any wrapping."""
    return indent + sum(max(len(c), *(len(r[i]) for r in rows)) + GAP for i, c in enumerate(columns)) - GAP


def _fitted(sizes: list[int], least: list[int], room: int) -> list[int]:
    """The widest columns are made narrower, none below its `least`, until all fit."""
    sizes = list(sizes)
    while sum(sizes) > room:
        able = [i for i in range(len(sizes)) if sizes[i] > least[i]]
        if not able:
            break
        sizes[max(able, key=lambda i: sizes[i])] -= 1
    return sizes


def _row(cells: Sequence[str], sizes: Sequence[int], numbers: Sequence[bool], indent: int) -> list[str]:
    wrapped = [wrap(c, s) for c, s in zip(cells, sizes, strict=True)]
    out = []
    for i in range(max(len(w) for w in wrapped)):
        line = [(w[i] if i < len(w) else "").rjust(s) if n else (w[i] if i < len(w) else "").ljust(s)
                for w, s, n in zip(wrapped, sizes, numbers, strict=True)]
        out.append((" " * indent + (" " * GAP).join(line)).rstrip())
    return out


def wrap(text: str, width: int) -> list[str]:
    """At words where that is possible."""
    return textwrap.wrap(text, max(1, width), break_on_hyphens=False) or [""]


def paragraph(text: str, width: int, indent: int = 2) -> list[str]:
    return textwrap.wrap(text, width, initial_indent=" " * indent, subsequent_indent=" " * indent,
                         break_on_hyphens=False)


# ---------------------------------------------------------------- bars


class Ruler:
    """Columns shared by bars of several blocks: byte offsets to characters. `spans`: (from, to, text) that must hold
    its text; wider things get more room, in proportion while there is room."""

    def __init__(self, spans: Sequence[tuple[int, int, str]], room: int) -> None:
        self.offsets = sorted({o for a, b, _ in spans for o in (a, b)} | {0})
        sizes = [b - a for a, b in zip(self.offsets, self.offsets[1:], strict=False)]
        need = [3] * len(sizes)
        for a, b, text in sorted(spans, key=lambda s: s[1] - s[0]):
            lo, hi = self.offsets.index(a), self.offsets.index(b)
            lack = len(text) + 2 - (sum(need[lo:hi]) + hi - lo - 1)
            for k in range(max(0, lack)):
                need[lo + k % max(1, hi - lo)] += 1
        spare = room - sum(need) - len(need)
        total = sum(sizes) or 1
        most = max(need, default=0)
        self.widths = [n + max(0, min(spare * s // total, 2 * most)) for n, s in zip(need, sizes, strict=True)]

    def width(self, start: int, end: int) -> int:
        """Characters of [start, end), without the borders at its ends."""
        lo, hi = self.offsets.index(start), self.offsets.index(end)
        return sum(self.widths[lo:hi]) + hi - lo - 1


def bar(cells: Sequence[tuple[str, int, bool]], indent: int) -> list[str]:
    """A bar of (text, width, filled) cells with box characters: three lines. What is not filled is dotted."""
    top = "┬".join("─" * w for _, w, _ in cells)
    bottom = "┴".join("─" * w for _, w, _ in cells)
    middle = "│".join((text if filled or text else "·" * w).center(w)[:w] for text, w, filled in cells)
    pad = " " * indent
    return [f"{pad}┌{top}┐", f"{pad}│{middle}│", f"{pad}└{bottom}┘"]
