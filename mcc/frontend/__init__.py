"""The frontend: an element instance's handlers from Python source to typed HIR, with every error that users can make.

    source    file and function to syntax tree, spans          parse     which syntax is accepted
    declare   annotations, @struct, state of setup             context   what is known while a function is checked
    intervals ranges of operators                              flow      facts at a point: ranges, assignment, headers
    convert   integer rules    places  names, fields, headers  calls     known functions and methods
    streams   streams, chunks, matches                         loops     over ranges, batches and streams
    expressions   infer (statements)   checker (functions)     unused    warnings about fields
"""

from __future__ import annotations

from collections.abc import Callable

from mcc.diag import Report
from mcc.frontend.checker import compile_handler
from mcc.frontend.context import Unit
from mcc.frontend.declare import state_decls, struct_type
from mcc.frontend.intervals import Interval, join
from mcc.frontend.source import Source, read_function
from mcc.frontend.unused import check_fields
from mcc.ir.element import Code, HandlerCode, MapDecl, StateDecl
from mcc.lang.element import Element, Handler

__all__ = ["compile_instance"]


def compile_instance(inst: Element, name: str, report: Report, *, strict: bool = False) -> Code | None:
    """Compile the handlers of one element instance called `name`. None when an error was reported.

    `strict`: an index that cannot be proved is an error, not a check at run time with a note.
    """
    own = Report()
    code = _compile(inst, name, own, strict)
    for d in own.items:
        if d not in report.items:
            report.items.append(d)
    return None if own.failed else code


def _compile(inst: Element, name: str, report: Report, strict: bool) -> Code:
    elem = inst.__mcc_elem__
    scratch = struct_type(elem.scratch, inst, report) if elem.scratch else None
    conn = (scratch if elem.conn is elem.scratch else struct_type(elem.conn, inst, report)) if elem.conn else None
    decls, broken = state_decls(inst, report)
    sources = [(h, s) for h in elem.handlers if (s := read_function(h.func, h.name, report)) is not None]

    def unit(into: Report, assumed: dict[str, Interval]) -> Unit:
        return Unit(inst, into, strict, scratch, conn, {d.name: d for d in decls}, broken, assumed)

    last = unit(report, {})
    if any(isinstance(d, MapDecl) for d in decls):
        last = unit(report, _map_values(decls, sources, unit))
    handlers = tuple(HandlerCode(h.role, h.port, compile_handler(last, s, h.role, h.port)) for h, s in sources)
    if not report.failed:
        check_fields(last)
    needs = tuple(frozenset(last.needs.get(p, ())) for p in range(elem.ports[0]))
    return Code(name, elem.name, handlers, tuple(i.func for i in last.inlines.values()), scratch, conn,
                decls, needs, frozenset(last.writes), elem.span, elem.max_hold, elem.on_overflow)


def _map_values(decls: tuple[StateDecl, ...], sources: list[tuple[Handler, Source]],
                unit: Callable[[Report, dict[str, Interval]], Unit]) -> dict[str, Interval]:
    """The values that each HashMap can hold: those of setup, and those that handlers put, which may depend on them."""
    maps = {d.name: d for d in decls if isinstance(d, MapDecl)}
    whole = {n: (d.value.min, d.value.max) for n, d in maps.items()}
    assumed: dict[str, Interval] = {}
    for n, d in maps.items():
        values = [v for _, v in d.initial] or [0]
        assumed[n] = (min(values), max(values))
    for attempt in range(4):
        u = unit(Report(), dict(assumed))
        for h, s in sources:
            compile_handler(u, s, h.role, h.port)
        grown = {n: join(r, u.puts.get(n, r)) for n, r in assumed.items()}
        if grown == assumed:
            return assumed
        assumed = {n: r if r == assumed[n] or attempt < 2 else whole[n] for n, r in grown.items()}
    return whole
