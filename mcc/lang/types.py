"""Fixed-width integers, invariants and structs as users write them.

To type checkers `u8 .. i64` are plain `int`; at run time they are classes that wrap (see mcc.reference for the
arithmetic). `struct` turns an annotated class into a dataclass whose layout `struct_type` reads.
"""

from __future__ import annotations

import dataclasses
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
    """A fixed array in a struct: `last: Annotated[Array[u32], Len(8)]`. Items start at 0."""

    if TYPE_CHECKING:

        def __getitem__(self, i: int) -> T: ...
        def __setitem__(self, i: int, v: T) -> None: ...
        def __len__(self) -> int: ...


@dataclass_transform()
def struct(c: type[C]) -> type[C]:
    """Session state: a class of annotated integer fields with defaults. Read by the compiler by `struct_type`."""
    c.__mcc_struct__ = True  # type: ignore[attr-defined]
    return c


def is_struct(c: Any) -> bool:
    return isinstance(c, type) and "__mcc_struct__" in vars(c)
