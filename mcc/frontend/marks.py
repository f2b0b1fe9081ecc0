"""Which marks an edit has passed: a place in front of an edit's end is none to edit at any more (docs/streams.md).

    first = stream.mark()        behind(first) = {start}
    ...                          reads on
    end = stream.mark()          behind(end) = {start, first}
    stream.remove(first, end)    passed: first (removed), start; end stays

Marks are names: of locals, "m.start" and "m.end" of a match m, START (stream.start) and CURSOR. One that is not listed
(from a @struct, or by either branch of an `if`) may be anywhere, and is checked when the handler runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from mcc.diag import Span
from mcc.ir.func import Expr, Local, MatchAttr, StreamAttr, StreamEdit, StreamMark

CURSOR, START = "<cursor>", "<start>"


@dataclass(frozen=True)
class Passed:
    """An edit that ends, or may end, behind a mark. inside: the mark's place may be among what it took out,
    and is not known to be in front of it."""

    edit: Span
    inside: bool


@dataclass(frozen=True)
class Marks:
    """behind: the marks that each known mark is at or behind, on every way. passed: those that an edit has passed."""

    behind: Mapping[str, frozenset[str]] = field(
        default_factory=lambda: {START: frozenset(), CURSOR: frozenset({START})})
    passed: Mapping[str, Passed] = field(default_factory=dict)

    def moved(self) -> Marks:
        """The cursor went on: it is behind what it was at."""
        return replace(self, behind={m: low - {CURSOR} for m, low in self.behind.items()})

    def rewound(self, to: str | None) -> Marks:
        """The cursor went back to a mark, or (None) somewhere."""
        low = frozenset({START}) if to is None else self._up_to(to) | {START}
        return replace(self, behind={**self.moved().behind, CURSOR: low})

    def at_end(self) -> Marks:
        """The cursor is at the end of the window: behind every mark."""
        return replace(self, behind={**self.moved().behind, CURSOR: frozenset(self.behind) - {CURSOR}})

    def _up_to(self, mark: str) -> frozenset[str]:
        return self.behind.get(mark, frozenset()) | {mark}

    def forget(self, *names: str) -> Marks:
        """These names mean other marks from here on, or none."""
        gone = frozenset(names)
        return Marks({m: low - gone for m, low in self.behind.items() if m not in gone},
                     {m: p for m, p in self.passed.items() if m not in gone})

    def assigned(self, name: str, value: str | None) -> Marks:
        """The local `name` is the mark `value` now; None: one that is nowhere in particular."""
        if name == value:
            return self
        out = self.forget(name)
        if value is None or value not in out.behind:
            return out
        behind = {m: low | {name} if value in low or m == value else low for m, low in out.behind.items()}
        passed = {**out.passed, name: out.passed[value]} if value in out.passed else out.passed
        return Marks({**behind, name: out._up_to(value)}, passed)

    def matched(self, match: str) -> Marks:
        """A loop over matches goes to the next: nothing is known of its place but that earlier edits end before it."""
        start, end = f"{match}.start", f"{match}.end"
        out = self.forget(start, end)
        here = frozenset({START, start})
        return replace(out, behind={**out.moved().behind, start: here - {start}, end: here, CURSOR: here | {end}})

    def edited(self, a: str | None, b: str | None, span: Span) -> Marks:
        """Bytes from mark a to mark b gave way to others (b is a: nothing was taken out)."""
        if b is None or b not in self.behind:
            return self
        passed = dict(self.passed)
        for m, low in self.behind.items():
            if m not in (b, CURSOR) and b not in low and m not in passed:
                before = a is not None and m in self._up_to(a)
                passed[m] = Passed(span, a != b and not before)
        behind = self.behind if b in self.behind[CURSOR] or b == CURSOR else self.moved().behind
        return Marks({**behind, CURSOR: behind[CURSOR] | (self._up_to(b) - {CURSOR})}, passed)


def joined_marks(a: Marks, b: Marks) -> Marks:
    """What holds on both ways; passed on one is passed."""
    behind = {m: low & b.behind[m] for m, low in a.behind.items() if m in b.behind}
    both = {**b.passed, **a.passed}
    for m in a.passed.keys() & b.passed.keys():
        both[m] = a.passed[m] if a.passed[m].inside else b.passed[m]
    return Marks(behind, {m: p for m, p in both.items() if m in behind})


def mark_name(e: Expr) -> str | None:
    """The name of the mark that an expression gives; None: it has none."""
    match e:
        case StreamMark():
            return CURSOR
        case StreamAttr(name="start"):
            return START
        case Local(name=name):
            return name
        case MatchAttr(match=match, name=name):
            return f"{match}.{name}"
        case StreamEdit(b=b):
            return mark_name(b)
    return None
