"""Fixed-width integers, invariants and structs as users write them.

To type checkers `u8 .. i64` are plain `int`; at run time they are classes that wrap (see mcc.reference for the
arithmetic). `struct` turns an annotated class into one whose instances start with the declared defaults;
`struct_fields` reads its layout.
"""

from __future__ import annotations

import dataclasses
import inspect
import typing
from typing import TYPE_CHECKING, Any, Generic, TypeVar, dataclass_transform

C = TypeVar("C")
T = TypeVar("T")

if TYPE_CHECKING:
    u8 = int
    u16 = int
    u32 = int
    u64 = int
    u128 = int
    i32 = int
    i64 = int
    Addr4 = int
    Addr6 = int
    Mac = int
else:
    from mcc.lang.ints import i32, i64, u8, u16, u32, u64, u128

    Addr4 = u32
    Addr6 = u128
    Mac = u64


@dataclasses.dataclass(frozen=True)
class Below:
    """`Annotated[u16, Below(n)]`: the field is always less than n; proved at each store, assumed at each load."""

    n: int


@dataclasses.dataclass(frozen=True)
class IndexOf:
    """`Annotated[u16, IndexOf("dfa")]`: a row number of the owning element's Table `self.dfa`."""

    attr: str


@dataclasses.dataclass(frozen=True)
class Len:
    """`Annotated[Array[u32], Len(8)]`: the number of items of an array field (1 to 65536)."""

    n: int


class Array(Generic[T]):
    """A fixed array in a struct: `last: Annotated[Array[u32], Len(8)]`. Items start at 0.

    An index outside 0 .. len - 1 (negative ones too) raises IndexError.
    """

    def __init__(self, items: list[T]) -> None:
        self.items = items

    def _at(self, i: int) -> int:
        if not 0 <= i < len(self.items):
            raise IndexError(i)
        return int(i)

    def __getitem__(self, i: int) -> T:
        return self.items[self._at(i)]

    def __setitem__(self, i: int, v: T) -> None:
        self.items[self._at(i)] = v

    def __len__(self) -> int:
        return len(self.items)


MISSING: Any = object()
"""`StructMember.default` of a field without a default."""


@dataclasses.dataclass(frozen=True)
class StructMember:
    """One annotated field of a @struct class. `base`: the annotation without Annotated; `extras`: its metadata."""

    name: str
    base: Any
    extras: tuple[Any, ...]
    default: Any


def split_annotation(hint: Any) -> tuple[Any, tuple[Any, ...]]:
    """Annotated[T, a, b] -> (T, (a, b)); anything else -> (hint, ())."""
    if typing.get_origin(hint) is typing.Annotated:
        return hint.__origin__, hint.__metadata__
    return hint, ()


def struct_fields(c: type) -> tuple[StructMember, ...]:
    """The fields of a @struct class, in order. Raises NameError where an annotation names nothing."""
    found: dict[str, StructMember] = {}
    hints = typing.get_type_hints(c, include_extras=True)
    for base in reversed(c.__mro__):
        for name in inspect.get_annotations(base):
            found[name] = StructMember(name, *split_annotation(hints[name]), getattr(c, name, MISSING))
    return tuple(found.values())


def _start(m: StructMember) -> Any:
    """The value a field starts with: its default in its own type; an array full of zeros (or of its default)."""
    value = 0 if m.default is MISSING else m.default
    if typing.get_origin(m.base) is Array or m.base is Array:
        item = (typing.get_args(m.base) or (u64,))[0]
        length = next((e.n for e in m.extras if isinstance(e, Len)), 0)
        return Array([item(value)] * length)
    return m.base(value) if isinstance(m.base, type) and not isinstance(value, m.base) else value


@dataclass_transform()
def struct(c: type[C]) -> type[C]:
    """Session state: a class of annotated integer fields with defaults. `C()` has them, `C(port=1)` says another."""

    def __init__(self: Any, **values: Any) -> None:
        for m in struct_fields(c):
            setattr(self, m.name, values.pop(m.name) if m.name in values else _start(m))
        if values:
            raise TypeError(f"{c.__name__} has no field {next(iter(values))!r}")

    def __repr__(self: Any) -> str:
        return f"{c.__name__}({', '.join(f'{m.name}={getattr(self, m.name)!r}' for m in struct_fields(c))})"

    c.__mcc_struct__ = True  # type: ignore[attr-defined]
    c.__init__ = __init__  # type: ignore[method-assign]
    c.__repr__ = __repr__  # type: ignore[method-assign]
    return c


def is_struct(c: Any) -> bool:
    return isinstance(c, type) and "__mcc_struct__" in vars(c)
