"""What an element does to its stream, and which calls are the reason: what a context must be able to do for it.

    IPS: write -, resize -, stall hold(), close CLOSE

Works on folded code, so that what an instance was told not to do (mode="alert") is not asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mcc.diag import Span
from mcc.ir import func as h
from mcc.ir.element import Code
from mcc.ir.walkers import expressions, statements
from mcc.passes.simplify import same


@dataclass(frozen=True)
class Reason:
    """A call that needs something of the context. `text`: the call as users know it, "stream.hold()"."""

    span: Span
    text: str


@dataclass(frozen=True)
class Caps:
    """Why a context must let bytes be overwritten, the stream change its length, bytes stay, the session end. Empty: it
    need not. In order of place, one a call."""

    write: tuple[Reason, ...] = ()
    resize: tuple[Reason, ...] = ()
    stall: tuple[Reason, ...] = ()
    close: tuple[Reason, ...] = ()

    @property
    def writes(self) -> bool:
        return bool(self.write)

    @property
    def resizes(self) -> bool:
        return bool(self.resize)

    @property
    def stalls(self) -> bool:
        return bool(self.stall)

    @property
    def closes(self) -> bool:
        return bool(self.close)

    @property
    def reads_only(self) -> bool:
        return not (self.write or self.resize or self.stall or self.close)


def caps(code: Code) -> Caps:
    """What the process_data of one folded instance asks of its context; nothing where it has none."""
    func = code.handler("process_data")
    found: dict[str, dict[Span, Reason]] = {"write": {}, "resize": {}, "stall": {}, "close": {}}
    for what, span, text in _needs(func.body if func else ()):
        found[what].setdefault(span, Reason(span, text))
    return Caps(*(tuple(sorted(r.values(), key=lambda x: x.span)) for r in found.values()))


def _needs(body: tuple[h.Stmt, ...]) -> Iterator[tuple[str, Span, str]]:
    for s in statements(body):
        match s:
            case h.StreamSet():
                yield "write", s.span, "stream.set()"
            case h.StreamMask():
                yield "write", s.span, "stream.mask()"
            case h.StreamHold():
                yield "stall", s.span, "stream.hold()"
            case h.StreamRewind():
                yield "stall", s.span, "stream.rewind()"
            case h.ForMatches(holds=True):
                yield "stall", s.span, "stream.matches()"
            case h.Return(value=h.Action(kind="drop")):
                yield "resize", s.span, "DROP"
            case h.Return(value=h.Action(kind="close" | "reset" as kind)):
                yield "close", s.span, kind.upper()
        for e in expressions(s):
            if isinstance(e, h.StreamNeed):
                yield "stall", e.span, "stream.need()"
            if isinstance(e, h.StreamEdit):
                yield "resize", e.span, f"stream.{_edit_name(e)}()"


def _edit_name(e: h.StreamEdit) -> str:
    if same(e.a, e.b):
        return "insert"
    return "replace" if e.data else "remove"
