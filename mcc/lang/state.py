"""State that an element creates in `setup`: tables, maps, counters, port pools, parameters that may change.

These objects describe the state to the compiler (size, contents at start) and are the handles by which Python
reads it while a chain runs. The reference (mcc.reference) gives them their behaviour in CPython.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Generic, TypeVar

from mcc.lang.packet import Action, Packet

T = TypeVar("T")
K = TypeVar("K")
V = TypeVar("V")


class Table(Generic[T]):
    """A read-only table of integers: `Table(u32, [..])`, or rows of equal length for two dimensions.

    `self.t[i]`, `self.t[i, j]`, `len(self.t)` (rows) in handlers. Raises ValueError for an empty table, rows of
    different length, or a value that does not fit the type.
    """

    def __init__(self, t: type[T], rows: Sequence[Any]) -> None:
        if not rows:
            raise ValueError("a Table needs at least one row")
        self.item = t
        two = isinstance(rows[0], (list, tuple, bytes))
        self.columns = len(rows[0]) if two else 0
        self.rows: list[Any] = [list(r) if two else r for r in rows]
        if two and any(len(r) != self.columns for r in self.rows):
            raise ValueError("the rows of a Table must have the same length")
        for v in (x for r in self.rows for x in (r if two else [r])):
            if int(v) != int(t(v)):  # type: ignore[call-arg, call-overload]
                raise ValueError(f"{v} does not fit {t.__name__}")

    def __getitem__(self, i: int | tuple[int, int]) -> T:
        value = self.rows[i[0]][i[1]] if isinstance(i, tuple) else self.rows[i]
        return self.item(value)  # type: ignore[call-arg]

    def __len__(self) -> int:
        return len(self.rows)


class HashMap(Generic[K, V]):
    """A map of integers to integers with room for `cap` keys; a key not put again for `timeout` seconds goes
    (0: never). Full: the oldest key makes room. `park` keeps up to `park_limit` packets a key and `park_total`
    in all, the oldest of a key's is dropped first; `put` lets them go on from the element's input.
    `HashMap[u32, u64](4096)` or an annotation gives the widths; without them keys and values are u64.
    """

    def __init__(self, cap: int, timeout: float = 0, *, park_limit: int = 8, park_total: int = 1024) -> None:
        if not 1 <= cap <= 1 << 24:
            raise ValueError("a HashMap holds 1 to 16,777,216 keys")
        self.cap, self.timeout, self.park_limit, self.park_total = cap, timeout, park_limit, park_total
        self.initial: dict[int, int] = {}

    def put(self, k: K, v: V) -> None:
        self.initial[int(k)] = int(v)  # type: ignore[call-overload]

    def get(self, k: K) -> V | None:
        return self.initial.get(int(k))  # type: ignore[call-overload, return-value]

    def delete(self, k: K) -> None:
        self.initial.pop(int(k), None)  # type: ignore[call-overload]

    def park(self, k: K, pkt: Packet) -> Action:
        raise RuntimeError("park() is for handlers")


class PerCore(Generic[T]):
    """One value a core, `self.turn.value`: `PerCore(u32, 0)`, or `self.turn: PerCore[u32] = PerCore()`."""

    def __init__(self, t: type[T] | None = None, start: int = 0) -> None:
        self.item = t
        self.value: T = start  # type: ignore[assignment]


class Live(Generic[T]):
    """A constructor parameter that may be changed while the chain runs: `limit: Live[u32]`, `Firewall(Live(10))`."""

    def __init__(self, value: T) -> None:
        self.value = value


class Counter:
    """Counts (u64, wraps), one copy a core, summed when read: `self.hits += 1` in handlers."""

    def __init__(self) -> None:
        self.value = 0

    def __iadd__(self, n: int) -> "Counter":
        self.value = (self.value + int(n)) & 0xFFFF_FFFF_FFFF_FFFF
        return self

    def __int__(self) -> int:
        return self.value


class Ports:
    """Transport ports lo..hi, split between cores. `take()` gives the one free longest (0: none), `give(p)` returns it.

    At the start they are taken in increasing order; giving a port that is not taken does nothing.
    """

    def __init__(self, lo: int, hi: int) -> None:
        if not 1 <= lo <= hi <= 65535:
            raise ValueError("Ports(lo, hi) needs 1 <= lo <= hi <= 65535")
        self.lo, self.hi = lo, hi

    def take(self) -> int:
        raise RuntimeError("take() is for handlers")

    def give(self, p: int) -> None:
        raise RuntimeError("give() is for handlers")
