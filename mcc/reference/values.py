"""What handlers compute with in the reference: verdicts, faults, and the built-ins that keep integer types."""

from __future__ import annotations

import typing
from collections.abc import Iterator
from typing import Any

from mcc.lang.ints import CLASSES, FixedInt, common, fits, u32
from mcc.lang.types import Below, split_annotation

PASS, DROP, CLOSE, RESET, PARKED, FAULT, AGAIN = 0, -1, -2, -3, -4, -5, -20
"""What a handler decides, as numbers; n >= 0: leave by output n. AGAIN: a packet that begins another connection."""


class Fault(Exception):
    """A table or array index outside its range: the element's fault path."""


def kind_of(x: FixedInt) -> type[FixedInt]:
    """The fixed type of a value, whatever subclass carries it."""
    return CLASSES[x.bits, x.signed]


def coerce(annotation: Any, value: Any) -> Any:
    """`value` stored into a place declared as `annotation`. Only what the language allows gets by: a literal that
    fits, a narrower or equal integer of the same signedness, a bool into a bool. AssertionError is our own bug."""
    kind, extras = split_annotation(annotation)
    if value is None:  # the result of a look-up in a HashMap
        return None
    if kind is bool:
        assert isinstance(value, bool), f"{value!r} stored into a bool"
        return value
    if not (isinstance(kind, type) and issubclass(kind, FixedInt)):
        return value
    assert isinstance(value, int) and not isinstance(value, bool), f"{value!r} stored into {kind.__name__}"
    if isinstance(value, FixedInt):
        same = value.signed == kind.signed and value.bits <= kind.bits
        assert same, f"{value!r} stored into {kind.__name__} without a cast"
    assert fits(value, kind), f"{int(value)} does not fit {kind.__name__}"
    for e in extras:
        assert not isinstance(e, Below) or int(value) < e.n, f"{int(value)} is not below {e.n}"
    return kind(value)


def _widest(values: tuple[Any, ...]) -> type[FixedInt] | None:
    kind: type[FixedInt] | None = None
    for v in values:
        if isinstance(v, FixedInt):
            kind = kind_of(v) if kind is None else common(kind, kind_of(v))
    return kind


def _typed(value: int, kind: type[FixedInt] | None) -> Any:
    if kind is None:
        return value
    assert fits(value, kind), f"{int(value)} does not fit {kind.__name__}"
    return kind(value)


def keep_min(*values: Any) -> Any:
    """min() whose result has the common type of its arguments."""
    return _typed(min(int(v) for v in values), _widest(values))


def keep_max(*values: Any) -> Any:
    """max() whose result has the common type of its arguments."""
    return _typed(max(int(v) for v in values), _widest(values))


def keep_len(x: Any) -> Any:
    """len() as u32; of what is constant at build time (bytes, str, list, tuple) an untyped literal."""
    return len(x) if isinstance(x, (bytes, str, list, tuple, dict)) else u32(len(x))


def keep_range(*bounds: Any) -> Iterator[Any]:
    """range() whose items have the common type of its bounds; u32 where all of them are literals."""
    kind = _widest(bounds) or (u32 if all(int(b) >= 0 for b in bounds[:2]) else typing.cast(Any, int))
    for i in range(*(int(b) for b in bounds)):
        yield kind(i)
