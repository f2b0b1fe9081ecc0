"""Declarations: annotations -> types, @struct classes -> StructType, attributes set in `setup` -> StateDecl."""

from __future__ import annotations

import ast
import types
import typing
from dataclasses import dataclass
from typing import Any

from mcc.diag import Report, Span
from mcc.frontend.source import class_tree, member_spans, node_span
from mcc.ir.element import CounterDecl, HsDecl, LiveDecl, MapDecl, PerCoreDecl, PortsDecl, StateDecl, TableDecl
from mcc.ir.func import (
    BOOL,
    HANDLE,
    MARK,
    U64,
    ArrayType,
    BoolType,
    IntType,
    MarkType,
    OptType,
    StructField,
    StructType,
    Type,
)
from mcc.lang.element import Element
from mcc.lang.ints import FixedInt
from mcc.lang.native import HsDatabase, HsStream
from mcc.lang.state import Counter, HashMap, Live, PerCore, Ports, Table
from mcc.lang.stream import Mark
from mcc.lang.types import MISSING, Array, Below, IndexOf, Len, StructMember, split_annotation, struct_fields

WIDTHS = "u8, u16, u32, u64, u128, i32, i64"
STATE = (Table, HashMap, PerCore, Live, Counter, Ports, HsDatabase)


@dataclass(frozen=True)
class Declared:
    """A type with its invariant: value < below (0: none)."""

    type: Type
    below: int = 0


class BadAnnotation(Exception):
    """`args`: message, hint."""


def int_type(hint: Any) -> IntType | None:
    """u8 .. i64 -> IntType."""
    if isinstance(hint, type) and issubclass(hint, FixedInt) and hint is not FixedInt:
        return IntType(hint.bits, hint.signed)
    return None


def scalar(hint: Any) -> IntType | BoolType | OptType | MarkType:
    """The type of an integer, bool or Mark annotation. Raises BadAnnotation."""
    known = int_type(hint)
    if known:
        return known
    if hint is bool:
        return BOOL
    if hint is Mark:
        return MARK
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        inner = [a for a in typing.get_args(hint) if a is not type(None)]
        if len(inner) == 1 and len(typing.get_args(hint)) == 2:
            t = int_type(inner[0])
            if t:
                return OptType(t)
    if hint is int:
        raise BadAnnotation("`int` has no width", f"say which: {WIDTHS}")
    shown = getattr(hint, "__name__", None) or str(hint)
    raise BadAnnotation(f"`{shown}` is not a type that handlers know", f"use bool or one of {WIDTHS}")


def declared(hint: Any, inst: Element) -> Declared:
    """The type and invariant of the annotation of a local, of an @inline argument or result, or of a field."""
    base, extras = split_annotation(hint)
    t = scalar(base)
    below = 0
    for e in extras:
        if isinstance(e, (Below, IndexOf)):
            below = _below(e, inst)
            if not isinstance(t, IntType) or t.signed:
                raise BadAnnotation(f"{e} is for unsigned integers, not {t.name}", "")
        elif isinstance(e, Len):
            raise BadAnnotation(f"{e} is for Array[..] fields of a @struct", "")
    return Declared(t, below)


def _below(e: Below | IndexOf, inst: Element) -> int:
    if isinstance(e, Below):
        if not isinstance(e.n, int) or e.n < 1:
            raise BadAnnotation(f"Below({e.n!r}) wants a number of at least 1", "")
        return int(e.n)
    table = vars(inst).get(e.attr)
    if not isinstance(table, Table):
        raise BadAnnotation(f"IndexOf({e.attr!r}): {type(inst).__name__} has no Table `self.{e.attr}`",
                            f"create it in setup: self.{e.attr} = Table(u16, ...)")
    return len(table)


# ---------------------------------------------------------------- structs


def struct_type(c: type, inst: Element, report: Report) -> StructType:
    """The layout of a @struct class, IndexOf resolved for this instance. Errors go to the report, field by field."""
    head, spans = member_spans(c)
    try:
        members = struct_fields(c)
    except (NameError, TypeError, SyntaxError) as e:
        report.error(head, f"an annotation of {c.__name__} cannot be evaluated: {e}")
        return StructType(c.__name__, (), head)
    fields = []
    for m in members:
        try:
            fields.append(_field(m, inst))
        except BadAnnotation as e:
            report.error(spans.get(m.name, head), f"field {m.name!r}: {e.args[0]}", e.args[1])
    return StructType(c.__name__, tuple(fields), head)


def _field(m: StructMember, inst: Element) -> StructField:
    if typing.get_origin(m.base) is Array or m.base is Array:
        return _array_field(m)
    if m.base is HsStream:
        if m.default is not MISSING or m.extras:
            raise BadAnnotation("an HsStream begins by itself", f"{m.name}: HsStream")
        return StructField(m.name, HANDLE)
    d = declared(typing.Annotated[m.base, *m.extras] if m.extras else m.base, inst)
    if isinstance(d.type, MarkType):
        if m.default is not MISSING and m.default != Mark():
            raise BadAnnotation(f"default {m.default!r} is not the start of the stream", f"{m.name}: Mark = Mark()")
        return StructField(m.name, MARK)
    if isinstance(d.type, OptType) or not isinstance(d.type, (IntType, BoolType)):
        raise BadAnnotation(f"a field cannot be {d.type.name}", "keep a bool beside it")
    if m.default is MISSING:
        raise BadAnnotation("no default", f"say what a new session starts with: {m.name}: {d.type.name} = 0")
    value = _constant(m.default, d.type)
    if d.below and value >= d.below:
        raise BadAnnotation(f"default {value} is not below {d.below}", "")
    index_of = next((e.attr for e in m.extras if isinstance(e, IndexOf)), "")
    return StructField(m.name, d.type, value, d.below, index_of)


def _array_field(m: StructMember) -> StructField:
    hint = f"{m.name}: Annotated[Array[u32], Len(8)]"
    args = typing.get_args(m.base)
    item = int_type(args[0]) if args else None
    if item is None:
        raise BadAnnotation(f"the items of an Array are one of {WIDTHS}", hint)
    length = next((e.n for e in m.extras if isinstance(e, Len)), 0)
    if not isinstance(length, int) or not 1 <= length <= 65536:
        raise BadAnnotation("an Array needs its length, 1 to 65536", hint)
    if any(not isinstance(e, Len) for e in m.extras):
        raise BadAnnotation("only Len(n) goes with an Array", hint)
    value = _constant(0 if m.default is MISSING else m.default, item)
    return StructField(m.name, ArrayType(item, length), value)


def _constant(value: Any, t: IntType | BoolType) -> int:
    if not isinstance(value, int) or (isinstance(t, BoolType) and not isinstance(value, bool)):
        raise BadAnnotation(f"default {value!r} is not {'a bool' if isinstance(t, BoolType) else 'an integer'}", "")
    if isinstance(t, IntType) and not t.min <= value <= t.max:
        raise BadAnnotation(f"default {value} does not fit {t.name} ({t.min} to {t.max})", "")
    return int(value)


# ---------------------------------------------------------------- state


def state_decls(inst: Element, report: Report) -> tuple[tuple[StateDecl, ...], frozenset[str]]:
    """The state that setup has put into `self`, in order of first assignment; and the names that have errors."""
    hints = _attribute_hints(inst)
    out: list[StateDecl] = []
    seen: dict[int, str] = {}
    broken: set[str] = set()
    for name, value in vars(inst).items():
        if not isinstance(value, STATE):
            if not _check_param(inst, name, value, report):
                broken.add(name)
            continue
        if id(value) in seen and not isinstance(value, Table):
            report.error(_attribute_span(inst, name), f"self.{name} and self.{seen[id(value)]} are the same "
                         f"{type(value).__name__}", "create one for each")
            broken.add(name)
            continue
        seen[id(value)] = name
        args = typing.get_args(getattr(value, "__orig_class__", None)) or hints.get(name, ())
        try:
            out.append(_decl(name, value, args))
        except BadAnnotation as e:
            report.error(_attribute_span(inst, name), f"self.{name}: {e.args[0]}", e.args[1])
            broken.add(name)
    return tuple(out), frozenset(broken)


def _decl(name: str, value: Any, args: tuple[Any, ...]) -> StateDecl:
    match value:
        case Table():
            item = int_type(value.item)
            if item is None:
                raise BadAnnotation(f"a Table holds integers of one of {WIDTHS}", f"self.{name} = Table(u16, ...)")
            rows = [r if value.columns else [r] for r in value.rows]
            return TableDecl(name, item, len(rows), value.columns, tuple(int(v) for r in rows for v in r))
        case HashMap():
            key, val = (_width(a) for a in args) if len(args) == 2 else (U64, U64)
            for what, n, t in [p for k, v in value.initial.items() for p in (("key", k, key), ("value", v, val))]:
                _fits(n, t, what)
            return MapDecl(name, key, val, value.cap, float(value.timeout), value.park_limit, value.park_total,
                           tuple(value.initial.items()))
        case PerCore():
            t = _width(value.item if value.item is not None else args[0] if args else int)
            _fits(value.value, t, "start")
            return PerCoreDecl(name, t, int(value.value))
        case Live():
            t = _width(args[0] if args else int)
            if t.bits > 64:
                raise BadAnnotation(f"a Live parameter is changed at once, and {t.name} cannot be: 64 bits at most",
                                    "two parameters of u64")
            _fits(value.value, t, "value")
            return LiveDecl(name, t, int(value.value))
        case Ports():
            return PortsDecl(name, value.lo, value.hi)
        case HsDatabase():
            problem = value.problem()
            if problem is not None:
                raise BadAnnotation(*problem)
            return HsDecl(name, value.patterns, value.bits, value.streams)
    return CounterDecl(name)


def _width(hint: Any) -> IntType:
    """The width of a key or value; plain `int` is u64."""
    t = U64 if hint is int else int_type(hint)
    if t is None:
        raise BadAnnotation(f"`{getattr(hint, '__name__', hint)}` is not an integer type", f"use one of {WIDTHS}")
    return t


def _fits(n: Any, t: IntType, what: str) -> None:
    if not isinstance(n, int) or not t.min <= n <= t.max:
        raise BadAnnotation(f"{what} {n!r} does not fit {t.name}",
                            "give the width: HashMap[u32, u64](..), PerCore(u32)")


def _check_param(inst: Element, name: str, value: Any, report: Report) -> bool:
    """A parameter with an integer annotation must be a number of that width; one that is Live must be Live(..)."""
    param = next((p for p in inst.__mcc_elem__.params if p.name == name), None)
    if param is None:
        return True
    hint = split_annotation(param.annotation)[0]
    t = int_type(hint)
    if t is not None and (not isinstance(value, int) or not t.min <= value <= t.max):
        report.error(inst.span, f"{name}={value!r} does not fit {t.name} ({t.min} to {t.max})")
        return False
    if typing.get_origin(hint) is Live or hint is Live:
        report.error(inst.span, f"{name} may change while the chain runs, {value!r} cannot", f"{name}=Live({value!r})")
        return False
    return True


def _attribute_hints(inst: Element) -> dict[str, tuple[Any, ...]]:
    """Type arguments by attribute: `limit: Live[u32]` of the class, `self.turn: PerCore[u32] = ..` in setup."""
    hints = {p.name: typing.get_args(p.annotation) for p in inst.__mcc_elem__.params}
    for c in reversed(type(inst).__mro__):
        found = class_tree(c, 0) if "setup" in vars(c) else None
        scope = getattr(vars(c).get("setup"), "__globals__", {})
        for n in ast.walk(found[1]) if found else ():
            if isinstance(n, ast.AnnAssign) and isinstance(n.target, ast.Attribute):
                args = _evaluated(n.annotation, scope)
                if args:
                    hints[n.target.attr] = args
    return hints


def _evaluated(node: ast.expr, scope: dict[str, Any]) -> tuple[Any, ...]:
    try:
        hint = eval(compile(ast.Expression(node), "<annotation>", "eval"), scope)  # the user's own annotation
    except Exception:  # an annotation that only type checkers understand says nothing of widths
        return ()
    return typing.get_args(hint)


def _attribute_span(inst: Element, name: str) -> Span:
    """Where setup assigns self.NAME, else where the class is."""
    for c in type(inst).__mro__:
        found = class_tree(c, 0) if c is not object and "setup" in vars(c) else None
        for n in ast.walk(found[1]) if found else ():
            if isinstance(n, ast.Attribute) and n.attr == name and isinstance(n.ctx, ast.Store):
                return node_span(found[0], n) if found else inst.span
    return inst.__mcc_elem__.span
