"""Runs the handlers of one element instance in CPython: binds arguments by annotation, keeps the element's state.

    runner = Runner(inst, "nat")
    s = runner.scratch()                                  # a fresh @struct instance
    verdict = runner.call("process_packet", scratch=s, packet=p)
"""

from __future__ import annotations

import builtins
import inspect
import types
import typing
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from mcc.lang import packet as lang
from mcc.lang.element import Element, Handler
from mcc.lang.ints import bounds
from mcc.lang.parameter import Parameter
from mcc.lang.stream import Chunk, Match, Stream
from mcc.lang.types import is_struct
from mcc.reference.packet import BatchView, PacketState, PacketView
from mcc.reference.rewrite import compiled, hints_of, plain
from mcc.reference.state import CellState, MapState, Owner, World
from mcc.reference.structs import StructState, make_struct
from mcc.reference.values import CLOSE, DROP, FAULT, PASS, RESET, Fault, keep_len, keep_max, keep_min, keep_range

_THINGS = (lang.Packet, lang.Batch, lang.Flow, Stream, Chunk, Match)
_VERDICTS = {"pass": PASS, "drop": DROP, "close": CLOSE, "reset": RESET}


@dataclass
class Effects:
    """What handlers do besides returning: packets they emit as (made or copied packet, output) and alerts as
    (id, text, flow). `now`: ns; `lost`: parked packets that were given up."""

    now: int = 0
    emitted: list[tuple[lang.ArpRequest | PacketState, int]] = field(default_factory=list)
    alerts: list[tuple[int, str, Any]] = field(default_factory=list)
    lost: list[PacketState] = field(default_factory=list)


@dataclass(frozen=True)
class Bound:
    """A compiled handler and the role of each of its arguments behind self."""

    call: Callable[..., Any]
    roles: tuple[str, ...]


class Runner:
    """One instance: its state (a copy of what setup made) and its handlers. `effects` is shared with the box."""

    def __init__(self, inst: Element, name: str = "", effects: Effects | None = None) -> None:
        self.inst, self.elem = inst, inst.__mcc_elem__
        self.name = name or self.elem.name
        self.effects = effects if effects is not None else Effects()
        self.input = self.way = 0
        self.owner = Owner(inst, World(lambda: self.effects.now, self.effects.lost.append,
                                       lambda: (self.input, self.way)))
        self.faults = 0
        self.fault_text = ""
        self.flow: Any = None
        self._inlines: dict[Any, Callable[..., Any]] = {}
        self._own_methods()
        self.handlers = {(h.role, h.port): self._bind(h) for h in self.elem.handlers}

    # ---------------------------------------------------------- state

    def scratch(self) -> StructState | None:
        """A fresh scratch struct, None where the element declares none."""
        return make_struct(self.elem.scratch, self.owner) if self.elem.scratch else None

    def conn(self) -> StructState | None:
        """A fresh conn struct, None where the element declares none."""
        return make_struct(self.elem.conn, self.owner) if self.elem.conn else None

    def counters(self) -> dict[str, int]:
        return dict(self.owner._counters)

    def cell(self, name: str) -> CellState:
        """The PerCore or Live value called `name`."""
        found = self.owner._state[name]
        assert isinstance(found, CellState)
        return found

    def parameters(self) -> list[Parameter]:
        """The Live parameters."""
        live = {n: c for n, c in self.owner._state.items() if isinstance(c, CellState) and not c.writable}
        return [Parameter(self.name, n, c.kind.__name__, *bounds(c.kind), int(c.value)) for n, c in live.items()]

    def maps(self) -> list[MapState]:
        return [m for m in self.owner._state.values() if isinstance(m, MapState)]

    def state(self) -> dict[str, Any]:
        """Counters and PerCore values as plain integers, by name."""
        cells = {n: int(c.value) for n, c in self.owner._state.items() if isinstance(c, CellState)}
        return {**self.counters(), **cells}

    # ---------------------------------------------------------- calls

    def has(self, role: str, port: int = 0) -> bool:
        return (role, port) in self.handlers

    def call(self, role: str, port: int = 0, *, scratch: StructState | None = None, conn: StructState | None = None,
             peer: StructState | None = None, packet: PacketState | None = None,
             batch: list[PacketState] | None = None, stream: Any = None, flow: Any = None) -> int:
        """Run a handler; its verdict as a number (mcc.reference.values), FAULT where an index was out of range.
        Handlers that decide nothing give PASS. Raises KeyError where there is no such handler."""
        bound = self.handlers[role, port]
        given = {"scratch": scratch, "conn": conn, "peer": peer, "flow": flow, "stream": stream,
                 "packet": PacketView(packet) if packet is not None else None,
                 "batch": BatchView(batch) if batch is not None else None}
        self.flow, self.input = flow, port
        try:
            result = bound.call(self.owner, *(given[r] for r in bound.roles))
        except Fault as e:
            self.faults += 1
            self.fault_text = str(e)
            return FAULT
        finally:
            self.flow, self.input = None, 0
        return _number(result)

    # ---------------------------------------------------------- binding

    def _bind(self, h: Handler) -> Bound:
        names = self._names(h.func)
        hints = hints_of(h.func, names)
        args = list(inspect.signature(h.func).parameters)[1:]
        roles = tuple(self._role(plain(hints[a])) for a in args)
        structs = {a: self._struct(r) for a, r in zip(args, roles, strict=True) if r in ("scratch", "peer", "conn")}
        call = compiled(h.func, self.inst, names, structs, {})
        return Bound(call, roles)

    def _role(self, hint: Any) -> str:
        for kind, role in ((lang.Packet, "packet"), (lang.Batch, "batch"), (lang.Flow, "flow"),
                           (Stream, "stream")):
            if hint is kind:
                return role
        if typing.get_origin(hint) is lang.Peer:
            return "peer"
        if hint is self.elem.scratch and is_struct(hint):
            return "scratch"
        if hint is self.elem.conn and is_struct(hint):
            return "conn"
        raise TypeError(f"{self.name}: nothing to bind to {hint!r}")

    def _struct(self, role: str) -> type:
        found = self.elem.conn if role == "conn" else self.elem.scratch
        assert found is not None
        return found

    def _names(self, func: Callable[..., Any]) -> dict[str, Any]:
        """The function's globals and closure, with what the reference replaces."""
        out: dict[str, Any] = {k: v for k, v in vars(builtins).items() if not k.startswith("_")}
        out |= getattr(func, "__globals__", {})
        code = getattr(func, "__code__", None)
        for name, cell in zip(code.co_freevars if code else (), getattr(func, "__closure__", None) or (), strict=True):
            out[name] = cell.cell_contents
        return {k: self._replaced(v) for k, v in out.items()}

    def _replaced(self, v: Any) -> Any:
        special: list[tuple[Any, Any]] = [
            (min, keep_min), (max, keep_max), (len, keep_len), (range, keep_range), (lang.to, lambda port: int(port)),
            (lang.emit, self._emit), (lang.alert, self._alert)]
        for original, mine in special:
            if v is original:
                return mine
        if isinstance(v, lang.Action):
            return _number(v)
        if isinstance(v, types.FunctionType) and getattr(v, "__mcc_inline__", False):
            return self._inline(v)
        if isinstance(v, types.ModuleType) and v.__name__.partition(".")[0] == "mcc":
            return _ModuleView(v, self._replaced)
        return v

    def _inline(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """An @inline helper, compiled when first called."""
        def run(*args: Any, **named: Any) -> Any:
            if func not in self._inlines:
                self._inlines[func] = self._compile_inline(func)
            return self._inlines[func](*args, **named)
        run.__annotations__ = func.__annotations__
        run.__mcc_original__ = func  # type: ignore[attr-defined]
        return run

    def _compile_inline(self, func: Callable[..., Any]) -> Callable[..., Any]:
        names = self._names(func)
        hints = hints_of(func, names)
        result = hints.pop("return", None)
        structs = {n: h for n, h in hints.items() if is_struct(h)}
        values = {n: h for n, h in hints.items() if n not in structs and h not in _THINGS
                  and typing.get_origin(h) is not lang.Peer}
        return compiled(func, self.inst, names, structs, values, None if result is lang.Action else result)

    def _own_methods(self) -> None:
        """@inline methods of the element, bound to the owner."""
        for name, f in inspect.getmembers(type(self.inst), inspect.isfunction):
            if getattr(f, "__mcc_inline__", False):
                run = self._inline(f)
                self.owner._methods[name] = lambda *a, run=run, **k: run(self.owner, *a, **k)

    # ---------------------------------------------------------- services

    def _emit(self, what: Any, port: Any = 0) -> None:
        made = what._p.copy() if isinstance(what, PacketView) else lang.ArpRequest(
            int(what.spa) & 0xFFFFFFFF, int(what.sha) & (1 << 48) - 1, int(what.tpa) & 0xFFFFFFFF)
        self.effects.emitted.append((made, int(port)))

    def _alert(self, number: Any, text: Any = "") -> None:
        shown = bytes(text).decode("latin-1") if isinstance(text, bytes) else str(text)
        self.effects.alerts.append((int(number), shown, self.flow))


class _ModuleView:
    """`import mcc; mcc.emit(..)` in handlers: the module with what the reference replaces."""

    def __init__(self, module: types.ModuleType, replaced: Callable[[Any], Any]) -> None:
        self._module, self._replaced = module, replaced

    def __getattr__(self, name: str) -> Any:
        return self._replaced(getattr(self._module, name))


def _number(result: Any) -> int:
    if result is None:
        return PASS
    if isinstance(result, lang.Action):
        return result.port if result.kind == "to" else _VERDICTS[result.kind]
    return int(result)
