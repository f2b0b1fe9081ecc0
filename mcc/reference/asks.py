"""What a process_data asks of its context, read off its source: overwriting, resizing, holding, closing.

Branches that build-time values decide are followed only where they are taken, as in mcc.reference.needs.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from mcc.lang import packet as lang
from mcc.lang.element import Element
from mcc.lang.stream import Stream
from mcc.reference.needs import Needs
from mcc.reference.rewrite import hints_of, slot_of, source_tree
from mcc.reference.values import CLOSE, DROP, RESET

WRITES, EDITS, STALLS = {"set", "mask"}, {"insert", "remove", "replace"}, {"hold", "need", "rewind"}
ENDINGS = {"drop": DROP, "close": CLOSE, "reset": RESET}


class Shape(Protocol):
    """What the compiler has found out about an instance (mcc explain shows it)."""

    @property
    def writes(self) -> bool: ...
    @property
    def resizes(self) -> bool: ...
    @property
    def stalls(self) -> bool: ...
    @property
    def closes(self) -> bool: ...


@dataclass(frozen=True)
class Asks:
    """`holding`: loops over matches that hold the bytes of a possible match."""

    writes: bool = False
    resizes: bool = False
    stalls: bool = False
    closes: bool = False
    holding: frozenset[int] = frozenset()

    @property
    def reader(self) -> bool:
        """Every packet it has seen goes on at once."""
        return not (self.resizes or self.stalls)


def asks(inst: Element, names_of: Callable[[Any], dict[str, Any]], known: Shape | None = None) -> Asks:
    """What an instance with process_data asks for. `known`: what is known of it beside its calls, such as that an
    index of a table may be outside (a fault takes the call's bytes out, where that can be)."""
    handler = inst.__mcc_elem__.handler("process_data")
    assert handler is not None
    reader = _Reader(inst, names_of)
    reader.function(handler.func)
    calls, ends, holding = reader.calls, reader.ends, frozenset(reader.holding)
    if known is not None:
        return Asks(known.writes, known.resizes, known.stalls, known.closes, holding)
    return Asks(bool(calls & WRITES), bool(calls & EDITS or DROP in ends), bool(calls & STALLS or holding),
                bool(ends & {CLOSE, RESET}), holding)


class _Reader:
    """Collects the calls on streams, the verdicts, and the loops that hold, of a function and its @inline helpers."""

    def __init__(self, inst: Element, names_of: Callable[[Any], dict[str, Any]]) -> None:
        self.inst, self.names_of = inst, names_of
        self.calls: set[str] = set()
        self.ends: set[int] = set()
        self.holding: set[int] = set()
        self.seen: set[Any] = set()

    def function(self, func: Any) -> None:
        if func in self.seen:
            return
        self.seen.add(func)
        tree, names = source_tree(func), self.names_of(func)
        hints = hints_of(func, names)
        streams = {n for n, hint in hints.items() if hint is Stream}
        stored = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
        own = {a.arg for a in tree.args.args} | stored
        self.block(tree.body, streams, names, Needs(self.inst, names, set(), own - {"self"}), func)

    def block(self, body: list[ast.stmt], streams: set[str], names: dict[str, Any], needs: Needs, func: Any) -> None:
        for n in _reached(body, needs):
            if isinstance(n, ast.Return):
                self.ends |= _verdicts(n, func)
            elif isinstance(n, ast.Call):
                self.call(n, streams, names)
            elif isinstance(n, ast.For) and _method(n.iter, streams) == "matches":
                inner = _Reader(self.inst, self.names_of)
                inner.block(n.body, streams, names, needs, func)
                if inner.calls & (WRITES | EDITS) or inner.ends:
                    self.holding.add(slot_of(n.iter))

    def call(self, n: ast.Call, streams: set[str], names: dict[str, Any]) -> None:
        method = _method(n, streams)
        if method:
            self.calls.add(method)
            return
        found = names.get(n.func.id) if isinstance(n.func, ast.Name) else None
        if isinstance(n.func, ast.Attribute) and isinstance(n.func.value, ast.Name) and n.func.value.id == "self":
            found = getattr(type(self.inst), n.func.attr, None)
        original = getattr(found, "__mcc_original__", found)
        if getattr(original, "__mcc_inline__", False):
            self.function(original)


def _reached(body: list[ast.stmt], needs: Needs) -> Iterator[ast.AST]:
    """Every node of a block that some packet may reach."""
    ahead: list[ast.AST] = list(body)
    while ahead:
        n = ahead.pop(0)
        yield n
        truth = needs.constant(n.test) if isinstance(n, (ast.If, ast.IfExp)) else None
        dead = [] if truth is None else n.orelse if truth else n.body  # type: ignore[attr-defined]
        gone = dead if isinstance(dead, list) else [dead]
        ahead += [c for c in ast.iter_child_nodes(n) if not any(c is g for g in gone)]


def _method(n: ast.AST, streams: set[str]) -> str:
    match n:
        case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr=method)) if name in streams:
            return method
    return ""


def _verdicts(n: ast.Return, func: Any) -> set[int]:
    space = {**func.__globals__}
    for name, cell in zip(func.__code__.co_freevars, func.__closure__ or (), strict=True):
        space[name] = cell.cell_contents
    found = set()
    for x in ast.walk(n):
        value = space.get(x.id) if isinstance(x, ast.Name) else None
        if isinstance(x, ast.Attribute) and isinstance(x.value, ast.Name):
            value = getattr(space.get(x.value.id), x.attr, None)
        if isinstance(value, lang.Action) and value.kind in ENDINGS:
            found.add(ENDINGS[value.kind])
    return found
