"""Types of the typed HIR, structs, and what every expression and statement has (mcc.ir.func is the whole of it)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Union

from mcc.diag import Span


@dataclass(frozen=True)
class IntType:
    """u8, u16, u32, u64, u128, i32, i64."""

    bits: int
    signed: bool = False

    @property
    def name(self) -> str:
        return f"{'i' if self.signed else 'u'}{self.bits}"

    @property
    def min(self) -> int:
        return -(1 << (self.bits - 1)) if self.signed else 0

    @property
    def max(self) -> int:
        return (1 << (self.bits - self.signed)) - 1


@dataclass(frozen=True)
class BoolType:
    name: str = "bool"


@dataclass(frozen=True)
class ArrayType:
    elem: IntType
    length: int

    @property
    def name(self) -> str:
        return f"{self.elem.name}[{self.length}]"


@dataclass(frozen=True)
class OptType:
    """What HashMap.get returns: the value, or nothing. Only `is None` tests and, once narrowed, its value."""

    inner: IntType

    @property
    def name(self) -> str:
        return f"{self.inner.name} | None"


@dataclass(frozen=True)
class ActionType:
    name: str = "Action"


@dataclass(frozen=True)
class RefType:
    """A handler's argument that is not a number: packet, batch, flow, or a struct by its name."""

    name: str


@dataclass(frozen=True)
class MarkType:
    """A position in an element's input (docs/streams.md); a u64 in C, 0 by default in structs."""

    name: str = "Mark"


@dataclass(frozen=True)
class HandleType:
    """HsStream: what a native library keeps for a stream; a u64 in C, 0: nothing. Only fields have it, no
    expression."""

    name: str = "HsStream"


Type = Union[IntType, BoolType, ArrayType, OptType, ActionType, RefType, MarkType, HandleType]

U8, U16, U32, U64, U128 = (IntType(b) for b in (8, 16, 32, 64, 128))
I32, I64 = IntType(32, True), IntType(64, True)
BOOL = BoolType()
ACTION = ActionType()
MARK = MarkType()
HANDLE = HandleType()
PACKET, BATCH, FLOW = RefType("packet"), RefType("batch"), RefType("flow")
STREAM, CHUNK, MATCH = RefType("stream"), RefType("chunk"), RefType("match")
INT_TYPES: dict[str, IntType] = {t.name: t for t in (U8, U16, U32, U64, U128, I32, I64)}


@dataclass(frozen=True)
class StructField:
    """A field of a @struct. `below`: invariant value < below (0: none); `index_of`: below the rows of that Table
    attribute of the owning element (resolved per instance); `default` of an array fills every item."""

    name: str
    type: IntType | BoolType | ArrayType | MarkType | HandleType
    default: int = 0
    below: int = 0
    index_of: str = ""


@dataclass(frozen=True)
class StructType:
    name: str
    fields: tuple[StructField, ...]
    span: Span

    def field(self, name: str) -> StructField | None:
        return next((f for f in self.fields if f.name == name), None)


class Base(Enum):
    """Which copy of session state a field belongs to."""

    SCRATCH = "scratch"
    CONN = "conn"
    PEER = "peer"


@dataclass(frozen=True)
class Expr:
    type: Type
    lo: int
    hi: int
    span: Span


@dataclass(frozen=True)
class Stmt:
    span: Span
