"""Session state in the reference: instances whose setters check what the compiler proves."""

from __future__ import annotations

import typing
from typing import Any

from mcc.lang.ints import FixedInt, fits, u64
from mcc.lang.native import HsStream
from mcc.lang.stream import Mark
from mcc.lang.types import MISSING, Array, Below, IndexOf, Len, StructMember, struct_fields
from mcc.reference.natives import HsPlace
from mcc.reference.values import Fault, coerce


class ArrayState:
    """An array field. An index outside it is a fault."""

    def __init__(self, item: type[FixedInt], length: int, start: int) -> None:
        self.item, self.values = item, [item(start)] * length

    def _at(self, i: Any) -> int:
        if not 0 <= int(i) < len(self.values):
            raise Fault(f"index {int(i)} of an array of {len(self.values)}")
        return int(i)

    def __getitem__(self, i: Any) -> FixedInt:
        return self.values[self._at(i)]

    def __setitem__(self, i: Any, v: Any) -> None:
        self.values[self._at(i)] = coerce(self.item, v)

    def __len__(self) -> int:
        return len(self.values)


class StructState:
    """One instance of a @struct. Reads give values of the declared types; a store outside the declared type or
    invariant is an AssertionError (a wrong proof of the compiler, never the user's mistake)."""

    _members: dict[str, StructMember]
    _owner: Any

    def __init__(self, members: dict[str, StructMember], owner: Any) -> None:
        object.__setattr__(self, "_members", members)
        object.__setattr__(self, "_owner", owner)
        for m in members.values():
            self.__dict__[m.name] = _start(m)

    def __setattr__(self, name: str, value: Any) -> None:
        m = self._members.get(name)
        assert m is not None, f"no field {name!r}"
        assert not isinstance(self.__dict__[name], ArrayState), f"array field {name!r} stored as a whole"
        stored = coerce(m.base, value)
        for e in m.extras:
            if isinstance(e, Below):
                assert int(stored) < e.n, f"{name} = {int(stored)} is not below {e.n}"
            elif isinstance(e, IndexOf):
                rows = len(getattr(self._owner, e.attr))
                assert int(stored) < rows, f"{name} = {int(stored)} is no row of {e.attr} ({rows} rows)"
        self.__dict__[name] = stored

    def values(self) -> dict[str, Any]:
        """Field values as plain ints, bools and lists of ints."""
        return {m.name: _plain(self.__dict__[m.name]) for m in self._members.values() if m.base is not HsStream}

    def load(self, values: dict[str, Any]) -> None:
        """Set fields from plain values, checked as stores are."""
        for name, value in values.items():
            field = self.__dict__[name]
            if isinstance(field, ArrayState):
                for i, v in enumerate(value):
                    field[i] = int(v)
            else:
                setattr(self, name, value)


def _plain(value: Any) -> Any:
    if isinstance(value, ArrayState):
        return [int(v) for v in value.values]
    return value if isinstance(value, bool) else int(value)


def _start(m: StructMember) -> Any:
    value = 0 if m.default is MISSING else m.default
    if m.base is HsStream:
        return HsPlace()
    if m.base is Mark:
        return Mark(int(value))
    if typing.get_origin(m.base) is Array or m.base is Array:
        item = (typing.get_args(m.base) or (u64,))[0]
        return ArrayState(item, next(e.n for e in m.extras if isinstance(e, Len)), int(value))
    if m.base is bool:
        return bool(value)
    assert fits(int(value), m.base), f"{m.name} = {value} does not fit"
    return m.base(int(value))


def make_struct(c: type, owner: Any) -> StructState:
    """A fresh instance of the @struct class `c`; `owner`: the element whose tables IndexOf names."""
    return StructState({m.name: m for m in struct_fields(c)}, owner)
