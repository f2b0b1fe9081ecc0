"""Warnings about session state: fields that nothing writes, or that nothing reads."""

from __future__ import annotations

from mcc.frontend.context import Unit
from mcc.frontend.source import member_spans
from mcc.ir.func import BOOL, MARK, Base, StructType


def check_fields(unit: Unit) -> None:
    """A field that is read and never written is a warning; one that is written and never read is a note (what is
    kept shows in `--sessions`). `s.n += 1` counts as both."""
    elem = unit.elem
    _check(unit, unit.scratch, elem.scratch, (Base.SCRATCH, Base.PEER))
    _check(unit, unit.conn, elem.conn, (Base.CONN,))


def _check(unit: Unit, struct: StructType | None, python: type | None, bases: tuple[Base, ...]) -> None:
    if struct is None or python is None:
        return
    if python.__module__.startswith("mcc."):  # of the library: what an instance has no use for is not the user's affair
        return
    head, spans = member_spans(python)
    for f in struct.fields:
        read = any((b, f.name) in unit.read_fields for b in bases)
        written = any((b, f.name) in unit.written_fields for b in bases)
        span = spans.get(f.name, head)
        start = bool(f.default) if f.type == BOOL else "the start" if f.type == MARK else f.default
        if not written and read:
            unit.report.warning(span, f"field {f.name!r} of {struct.name} is never written: it is always {start}")
        elif not written:
            unit.report.warning(span, f"field {f.name!r} of {struct.name} is never used by {unit.elem.name}")
        elif not read:
            unit.report.note(span, f"field {f.name!r} of {struct.name} is written and never read by {unit.elem.name}",
                             "it still shows in --sessions")
