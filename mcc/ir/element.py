"""An element instance after the frontend: its typed handlers, session structs and state, nothing of Python's ast."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Union

from mcc.diag import Span
from mcc.ir.func import Func, IntType, StructType


@dataclass(frozen=True)
class TableDecl:
    """Read-only data. `columns` 0: one dimension. `data` row by row."""

    name: str
    type: IntType
    rows: int
    columns: int
    data: tuple[int, ...]


@dataclass(frozen=True)
class MapDecl:
    """timeout in seconds, 0: never. `initial`: entries put in setup, in order."""

    name: str
    key: IntType
    value: IntType
    cap: int
    timeout: float
    park_limit: int
    park_total: int
    initial: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class PerCoreDecl:
    name: str
    type: IntType
    start: int


@dataclass(frozen=True)
class LiveDecl:
    name: str
    type: IntType
    start: int


@dataclass(frozen=True)
class CounterDecl:
    name: str


@dataclass(frozen=True)
class PortsDecl:
    name: str
    lo: int
    hi: int


@dataclass(frozen=True)
class HsDecl:
    """A Hyperscan database. `flags`: HS_FLAG_.. of every pattern; `streams`: open at once, 0: two a session."""

    name: str
    patterns: tuple[bytes, ...]
    flags: int
    streams: int


StateDecl = Union[TableDecl, MapDecl, PerCoreDecl, LiveDecl, CounterDecl, PortsDecl, HsDecl]


@dataclass(frozen=True)
class HandlerCode:
    """role: new_session, process_packet, process_batch, process_data, release_stream, release, on_timer; `port`: input
    served."""

    role: str
    port: int
    func: Func


@dataclass(frozen=True)
class StreamShape:
    """What an instance asks of its context after folding; `matchers`: loops over matches, each with hidden state.

    An element that neither stalls nor resizes is a reader: every packet it has seen goes on at once.
    """

    writes: bool
    resizes: bool
    stalls: bool
    closes: bool
    matchers: int

    @property
    def reader(self) -> bool:
        return not (self.resizes or self.stalls)

    @property
    def size(self) -> int:
        """Bytes of its hidden state (runtime_c/mcc_stream.h, mcc_words.h), asserted in the printed C."""
        return (16 if self.reader else 56 + 32 * self.resizes) + 24 * self.matchers


@dataclass(frozen=True)
class Code:
    """Everything the later passes know of one instance.

    needs: layers whose headers its packet handlers touch without asking first (`pkt.is_tcp`): packets without
    them are outside the element's class. "l4" stands for TCP or UDP. One set an input port.
    """

    name: str
    type_name: str
    handlers: tuple[HandlerCode, ...]
    inlines: tuple[Func, ...]
    scratch: StructType | None
    conn: StructType | None
    state: tuple[StateDecl, ...]
    needs: tuple[frozenset[str], ...]
    writes: frozenset[str]
    """Keys "layer.field" of header fields that some handler writes; "vlan" for push and pop."""
    span: Span
    max_hold: int = 65536
    """Bytes that may be held, and what happens beyond: "release" or "close"."""
    on_overflow: str = "release"
    stream: StreamShape | None = None
    """Of elements with process_data."""
    context: str = ""
    """The protocol of a context's end, which is no element: nothing else is set."""

    def handler(self, role: str, port: int = 0) -> Func | None:
        return next((h.func for h in self.handlers if h.role == role and h.port == port), None)
