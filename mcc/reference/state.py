"""The state of an element in the reference: one copy a box, taken from what `setup` has put into the instance."""

from __future__ import annotations

import ast
import inspect
import textwrap
import typing
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mcc.lang.element import Element
from mcc.lang.ints import FixedInt, u16, u64
from mcc.lang.native import HsDatabase
from mcc.lang.state import Counter, HashMap, Live, PerCore, Ports, Table
from mcc.reference.natives import HsState
from mcc.reference.packet import PacketState, PacketView
from mcc.reference.values import PARKED, Fault, coerce

SECOND = 10**9
PARK_NS = SECOND
"""How long a packet is parked at most."""


@dataclass(frozen=True)
class World:
    """What state needs from outside: the time in ns, where given-up packets go, the input that is being served and the
    way of a duplex."""

    now: Callable[[], int]
    lost: Callable[[PacketState], None]
    where: Callable[[], tuple[int, int]]


class TableState:
    """A Table; an index outside it is a fault."""

    def __init__(self, t: Table[Any]) -> None:
        self.item, self.rows, self.columns = t.item, t.rows, t.columns

    def __getitem__(self, i: Any) -> Any:
        index = [int(k) for k in (i if isinstance(i, tuple) else (i,))]
        for k, size in zip(index, (len(self.rows), self.columns), strict=False):
            if not 0 <= k < size:
                raise Fault(f"row or column {k} of {size}")
        row = self.rows[index[0]]
        value = row[index[1]] if len(index) == 2 else row
        return self.item(value)

    def __len__(self) -> int:
        return len(self.rows)


class CellState:
    """PerCore and Live: one typed value."""

    def __init__(self, kind: type[FixedInt], value: int, writable: bool) -> None:
        self.__dict__.update(kind=kind, stored=kind(value), writable=writable)

    def __getattr__(self, name: str) -> Any:
        if name != "value":
            raise AttributeError(name)
        return self.__dict__["stored"]

    def __setattr__(self, name: str, value: Any) -> None:
        assert name == "value" and self.__dict__["writable"], f"{name} is not written by handlers"
        self.__dict__["stored"] = coerce(self.__dict__["kind"], value)

    def set(self, value: int) -> None:
        """From outside: what a user puts into a Live parameter."""
        self.__dict__["stored"] = self.__dict__["kind"](value)


class CounterValue(u64):
    """A counter as handlers read it."""

    @property
    def value(self) -> FixedInt:
        return u64(self)


class PortsState:
    """Ports lo..hi: the one free longest is taken first."""

    def __init__(self, p: Ports) -> None:
        self.free = deque(range(p.lo, p.hi + 1))
        self.taken: set[int] = set()

    def take(self) -> FixedInt:
        if not self.free:
            return u16(0)
        port = self.free.popleft()
        self.taken.add(port)
        return u16(port)

    def give(self, p: Any) -> None:
        if int(p) in self.taken:
            self.taken.remove(int(p))
            self.free.append(int(p))


class MapState:
    """A HashMap with its parked packets. `released`: packets that may go on, oldest first, with the input and the
    way they were parked at."""

    def __init__(self, m: HashMap[Any, Any], key: type[FixedInt], value: type[FixedInt], world: World) -> None:
        self.cap, self.timeout = m.cap, round(m.timeout * SECOND)
        self.limit, self.total = m.park_limit, m.park_total
        self.key, self.value = key, value
        self.now, self.lost, self.where = world.now, world.lost, world.where
        self.count = 0
        self.entries: dict[int, tuple[int, int]] = {}
        self.parked: dict[int, deque[tuple[int, int, PacketState, tuple[int, int]]]] = {}
        self.released: list[tuple[PacketState, tuple[int, int]]] = []
        for k, v in m.initial.items():
            self.put(k, v)

    def _fresh(self, put_at: int) -> bool:
        return not self.timeout or self.now() - put_at < self.timeout

    def get(self, k: Any) -> Any:
        found = self.entries.get(int(coerce(self.key, k)))
        return self.value(found[0]) if found is not None and self._fresh(found[1]) else None

    def put(self, k: Any, v: Any) -> None:
        k = int(coerce(self.key, k))
        v = int(coerce(self.value, v))
        self.entries.pop(k, None)
        if len(self.entries) >= self.cap:
            del self.entries[next(iter(self.entries))]
        self.entries[k] = (v, self.now())
        for _, _, packet, where in self.parked.pop(k, ()):
            self.released.append((packet, where))

    def delete(self, k: Any) -> None:
        self.entries.pop(int(coerce(self.key, k)), None)

    def park(self, k: Any, pkt: PacketView) -> int:
        """Keep the packet under a key. What is too much makes room: the oldest of its own key where the key is at its
        limit, else the oldest of all."""
        k = int(coerce(self.key, k))
        packet: PacketState = pkt._p
        if not self.limit or not self.total:
            self.lost(packet)
            return PARKED
        queue = self.parked.setdefault(k, deque())
        if len(queue) >= self.limit:
            self.lost(queue.popleft()[2])
        elif self.held() >= self.total:
            oldest = min((q for q in self.parked.values() if q), key=lambda q: q[0][:2])
            self.lost(oldest.popleft()[2])
        self.count += 1
        queue.append((self.now(), self.count, packet, self.where()))
        return PARKED

    def held(self) -> int:
        return sum(len(q) for q in self.parked.values())

    def next_expiry(self) -> int | None:
        """When the oldest parked packet is given up, in ns."""
        return min((q[0][0] + PARK_NS for q in self.parked.values() if q), default=None)

    def expired(self) -> list[PacketState]:
        """Take out what has been parked for too long, oldest first."""
        return self._taken(lambda at: at + PARK_NS <= self.now())

    def give_up(self) -> list[PacketState]:
        """Take out all that is parked, oldest first."""
        return self._taken(lambda at: True)

    def _taken(self, which: Callable[[int], bool]) -> list[PacketState]:
        found = sorted((x for q in self.parked.values() for x in q if which(x[0])), key=lambda x: x[1])
        gone = {x[1] for x in found}
        for k, q in list(self.parked.items()):
            self.parked[k] = deque(x for x in q if x[1] not in gone)
            if not self.parked[k]:
                del self.parked[k]
        return [x[2] for x in found]


class Owner:
    """`self` inside handlers: tables, maps, cells behave as above, counters read as u64, all else is constant."""

    def __init__(self, inst: Element, world: World) -> None:
        self.__dict__["_inst"] = inst
        self.__dict__["_state"] = _copies(inst, world)
        self.__dict__["_counters"] = {n: 0 for n, v in vars(inst).items() if isinstance(v, Counter)}
        self.__dict__["_methods"] = {}

    def __getattr__(self, name: str) -> Any:
        if name in self._state:
            return self._state[name]
        if name in self._counters:
            return CounterValue(self._counters[name])
        if name in self._methods:
            return self._methods[name]
        return getattr(self._inst, name)

    def __setattr__(self, name: str, value: Any) -> None:
        assert name in self._counters and isinstance(value, FixedInt) and not value.signed, f"self.{name} = {value!r}"
        self._counters[name] = int(value) & (1 << 64) - 1


def _copies(inst: Element, world: World) -> dict[str, Any]:
    hints = attribute_hints(inst)
    out: dict[str, Any] = {}
    for name, v in vars(inst).items():
        args = typing.get_args(getattr(v, "__orig_class__", None)) or typing.get_args(hints.get(name))
        kinds = [u64 if a is int else a for a in args]
        match v:
            case Table():
                out[name] = TableState(v)
            case HashMap():
                key, value = kinds if len(kinds) == 2 else (u64, u64)
                out[name] = MapState(v, key, value, world)
            case PerCore():
                kind = v.item if v.item is not None else kinds[0] if kinds else u64
                out[name] = CellState(u64 if kind is int else kind, int(v.value), True)
            case Live():
                out[name] = CellState(kinds[0] if kinds else u64, int(v.value), False)
            case Ports():
                out[name] = PortsState(v)
            case HsDatabase():
                out[name] = HsState(v)
    return out


def attribute_hints(inst: Element) -> dict[str, Any]:
    """Annotations of attributes: the class's parameters and `self.x: T = ...` in setup."""
    hints: dict[str, Any] = {p.name: p.annotation for p in inst.__mcc_elem__.params}
    for c in reversed(type(inst).__mro__):
        setup = vars(c).get("setup")
        if not inspect.isfunction(setup):
            continue
        try:
            tree = ast.parse(textwrap.dedent(inspect.getsource(setup)))
        except (OSError, TypeError, SyntaxError):
            continue
        scope = {**setup.__globals__, **inspect.getclosurevars(setup).nonlocals}
        for n in ast.walk(tree):
            if isinstance(n, ast.AnnAssign) and isinstance(n.target, ast.Attribute):
                try:
                    hints[n.target.attr] = eval(compile(ast.Expression(n.annotation), "<annotation>", "eval"), scope)
                except Exception:  # an annotation that only type checkers understand says nothing of widths
                    hints.setdefault(n.target.attr, None)
    return hints


