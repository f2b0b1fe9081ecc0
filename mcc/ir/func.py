"""Typed HIR: the bodies of handlers and @inline helpers, as the frontend hands them on.

    func  := (func NAME params stmt*)
    stmt  := (let NAME expr) | (store place expr) | (if expr stmt* stmt*) | (for-range NAME lo hi step stmt*)
           | (for-packets NAME stmt*) | (switch expr (case const* stmt*)* default) | (return expr)
           | (break) | (continue) | (effect ...) | (assert expr)
    place := (local NAME) | (field BASE NAME [index]) | (header PKT LAYER NAME) | (attr PKT NAME) | (state NAME)
    expr  := (const N) | (local NAME) | (field BASE NAME [index]) | (header PKT LAYER NAME) | (attr PKT NAME)
           | (bin OP a b) | (cmp OP a b) | (and e*) | (or e*) | (not e) | (unary OP e) | (select c a b)
           | (cast T e) | (table NAME index*) | (len-table NAME) | (state NAME) | (call NAME e*)
           | (param NAME) | (map-get NAME key) | (is-none e) | (take NAME) | (park NAME key pkt) | (action ...)

Every expression has a type and an interval [lo, hi] (for ints and bools), every node a span, last.
Everything is evaluated left to right, once; a node that may fault (table or field index not proven) has
`checked=True` and takes the element's fault path when the index is out of range.
Integer semantics: LANGUAGE rules: operands of a Bin already have one common type (the frontend inserts Cast for
widening and for literals); arithmetic wraps at that type; shifts by >= width give 0 (or -1 for negative signed).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Union

from mcc.diag import Span

# ---------------------------------------------------------------- types


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


# ---------------------------------------------------------------- expressions


@dataclass(frozen=True)
class Expr:
    type: Type
    lo: int
    hi: int
    span: Span


@dataclass(frozen=True)
class Const(Expr):
    value: int


@dataclass(frozen=True)
class Local(Expr):
    name: str


@dataclass(frozen=True)
class Param(Expr):
    """A constructor parameter of the element; specialisation turns it into Const."""

    name: str


@dataclass(frozen=True)
class Field(Expr):
    """A field of session state; `index` for an item of an array field."""

    base: Base
    name: str
    index: Expr | None = None
    checked: bool = False


@dataclass(frozen=True)
class Header(Expr):
    """A header field of packet variable `packet`, host order."""

    packet: str
    layer: str
    name: str


@dataclass(frozen=True)
class Attr(Expr):
    """`packet.length`, `.in_port`, `.next_hop`, `.at` (ns, u64), `.is_vlan` .. `.is_icmp6` (bool);
    `flow.to_server`, `.to_client`, `.is_new`; `batch.bytes`, `len(batch)` as name "count"."""

    base: str
    name: str


@dataclass(frozen=True)
class Unary(Expr):
    """op: "-" or "~", wrapping at the type."""

    op: str
    a: Expr


@dataclass(frozen=True)
class Bin(Expr):
    """op: + - * & | ^ << >> // % ; and "min", "max". Shifts: type of `a`, `b` any unsigned type."""

    op: str
    a: Expr
    b: Expr


@dataclass(frozen=True)
class Cmp(Expr):
    """op: == != < <= > >= on two operands of one type."""

    op: str
    a: Expr
    b: Expr


@dataclass(frozen=True)
class BoolOp(Expr):
    """op: "and" or "or", short-circuit, left to right."""

    op: str
    parts: tuple[Expr, ...]


@dataclass(frozen=True)
class Not(Expr):
    a: Expr


@dataclass(frozen=True)
class Select(Expr):
    cond: Expr
    a: Expr
    b: Expr


@dataclass(frozen=True)
class Cast(Expr):
    """To an integer type: keep the low bits (two's complement). From bool: 0 or 1. To bool: != 0."""

    a: Expr


@dataclass(frozen=True)
class TableLoad(Expr):
    """self.NAME[i] or self.NAME[i, j]; one `checked` an index."""

    table: str
    index: tuple[Expr, ...]
    checked: tuple[bool, ...]


@dataclass(frozen=True)
class TableLen(Expr):
    """len(self.NAME): rows. A constant of the instance."""

    table: str


@dataclass(frozen=True)
class StateRead(Expr):
    """PerCore.value, Live.value, or a Counter read."""

    name: str


@dataclass(frozen=True)
class MapGet(Expr):
    """self.NAME.get(key): OptType."""

    map: str
    key: Expr


@dataclass(frozen=True)
class IsNone(Expr):
    """`local is None` / `is not None` (negated) on a local of OptType."""

    a: Expr
    negated: bool


@dataclass(frozen=True)
class OptValue(Expr):
    """The value of an OptType local where the flow analysis knows that it is there."""

    a: Expr


@dataclass(frozen=True)
class PortsTake(Expr):
    """self.NAME.take(): u16, 0 when empty."""

    name: str


@dataclass(frozen=True)
class Park(Expr):
    """self.NAME.park(key, pkt): an action."""

    map: str
    key: Expr
    packet: str


@dataclass(frozen=True)
class InlineCall(Expr):
    """A call of an @inline function; its Func is in Handler.inlines under `name`."""

    name: str
    args: tuple[Expr, ...]


@dataclass(frozen=True)
class Action(Expr):
    """PASS, DROP, CLOSE, RESET or to(port). kind: "pass" "drop" "close" "reset" "to"."""

    kind: str
    port: int = 0


# ---------------------------------------------------------------- streams (docs/streams.md)


@dataclass(frozen=True)
class StreamAttr(Expr):
    """stream.start (Mark), .position (u64), .available (u32), .is_last, .to_server, .to_client (bool)."""

    name: str


@dataclass(frozen=True)
class StreamMark(Expr):
    """stream.mark(): the cursor."""


@dataclass(frozen=True)
class StreamNeed(Expr):
    """stream.need(n): bool; where it is False the unread bytes are held: an effect."""

    n: Expr


@dataclass(frozen=True)
class StreamAt(Expr):
    """stream.at(i): u8."""

    index: Expr
    checked: bool


@dataclass(frozen=True)
class ChunkLen(Expr):
    """len(CHUNK): u32."""

    chunk: str


@dataclass(frozen=True)
class ChunkAt(Expr):
    """CHUNK[i]: u8."""

    chunk: str
    index: Expr
    checked: bool


@dataclass(frozen=True)
class ChunkDigest(Expr):
    """CHUNK.crc32(seed), .crc32c(seed), .sum16(seed): u32. kind: "crc32" "crc32c" "sum16". The crcs take and give
    the value as zlib.crc32 does (0 begins; crc32c: polynomial 0x1EDC6F41, RFC 3720). sum16: the sum of big-endian
    16-bit words as RFC 1071 adds them, folded to 16 bits in bits 0..15, not inverted; bit 16 says that the number of
    bytes so far is odd."""

    kind: str
    chunk: str
    seed: Expr


@dataclass(frozen=True)
class HsCall(Expr):
    """self.DB.scan(BASE.FIELD, CHUNK), .finish(BASE.FIELD), .first(): u32. An effect. `base` None, "" where there is
    no such argument. One field of a struct is of one database only."""

    method: str
    db: str
    base: Base | None
    field: str
    chunk: str


@dataclass(frozen=True)
class MatchAttr(Expr):
    """MATCH.start, .end (Mark), .index (u16)."""

    match: str
    name: str


@dataclass(frozen=True)
class StreamEdit(Expr):
    """stream.insert(a, data), remove(a, b), replace(a .. b, data): the range a .. b (insert: b is a) gives way to
    `data`. Its value is the mark behind (b). May fault; an effect."""

    a: Expr
    b: Expr
    data: bytes


# ---------------------------------------------------------------- statements


@dataclass(frozen=True)
class Stmt:
    span: Span


@dataclass(frozen=True)
class Let(Stmt):
    """First or later assignment of a local; its type is in Func.locals."""

    name: str
    value: Expr


@dataclass(frozen=True)
class Store(Stmt):
    """To a Field, Header, Attr(next_hop) or StateRead(PerCore)."""

    place: Expr
    value: Expr


@dataclass(frozen=True)
class If(Stmt):
    cond: Expr
    then: tuple[Stmt, ...]
    orelse: tuple[Stmt, ...]


@dataclass(frozen=True)
class ForRange(Stmt):
    """`for NAME in range(lo, hi, step)`; trip count proven <= 65536. Bounds are evaluated once. `step` != 0."""

    name: str
    type: IntType
    start: Expr
    stop: Expr
    step: int
    body: tuple[Stmt, ...]


@dataclass(frozen=True)
class ForPackets(Stmt):
    """`for NAME in batch`."""

    name: str
    body: tuple[Stmt, ...]


@dataclass(frozen=True)
class ForBytes(Stmt):
    """`for NAME in stream` (chunk ""), `for NAME in CHUNK`. NAME is a u8."""

    name: str
    chunk: str
    body: tuple[Stmt, ...]


@dataclass(frozen=True)
class ForChunks(Stmt):
    """`for NAME in stream.chunks()`."""

    name: str
    body: tuple[Stmt, ...]


@dataclass(frozen=True)
class ForMatches(Stmt):
    """`for NAME in stream.matches(words)`. `slot`: which of the handler's matchers, from 0; `holds`: bytes of a
    possible match are held (the body edits, masks, closes, resets or drops)."""

    name: str
    words: tuple[bytes, ...]
    slot: int
    holds: bool
    body: tuple[Stmt, ...]


@dataclass(frozen=True)
class StreamHold(Stmt):
    """stream.hold(mark)."""

    mark: Expr


@dataclass(frozen=True)
class StreamRewind(Stmt):
    """stream.rewind(mark)."""

    mark: Expr


@dataclass(frozen=True)
class StreamSkip(Stmt):
    """stream.skip(n)."""

    n: Expr


@dataclass(frozen=True)
class StreamSet(Stmt):
    """stream.set(value): the byte before the cursor. May fault."""

    value: Expr


@dataclass(frozen=True)
class StreamMask(Stmt):
    """stream.mask(match, value) or mask(a, b, value): every byte of a .. b. May fault."""

    a: Expr
    b: Expr
    value: Expr


@dataclass(frozen=True)
class Case:
    values: tuple[int, ...]
    body: tuple[Stmt, ...]


@dataclass(frozen=True)
class Switch(Stmt):
    subject: Expr
    cases: tuple[Case, ...]
    default: tuple[Stmt, ...]


@dataclass(frozen=True)
class Return(Stmt):
    """`value` is an ActionType expression in handlers that decide, an int or bool one in @inline, else None."""

    value: Expr | None


@dataclass(frozen=True)
class Break(Stmt):
    pass


@dataclass(frozen=True)
class Continue(Stmt):
    pass


@dataclass(frozen=True)
class Assert(Stmt):
    cond: Expr


@dataclass(frozen=True)
class Eval(Stmt):
    """An expression for its effect only (Park, InlineCall, PortsTake)."""

    value: Expr


@dataclass(frozen=True)
class CounterAdd(Stmt):
    """self.NAME += amount (u64, wraps)."""

    name: str
    amount: Expr


@dataclass(frozen=True)
class MapPut(Stmt):
    """self.NAME.put(key, value): inserts or replaces, and lets go what was parked under the key."""

    map: str
    key: Expr
    value: Expr


@dataclass(frozen=True)
class MapDelete(Stmt):
    map: str
    key: Expr


@dataclass(frozen=True)
class PortsGive(Stmt):
    name: str
    port: Expr


@dataclass(frozen=True)
class ReplyKey(Stmt):
    """flow.reply_key(src=, sport=, dst=, dport=): the tuple that replies will carry. All host order."""

    src: Expr
    sport: Expr
    dst: Expr
    dport: Expr


@dataclass(frozen=True)
class SetTimeout(Stmt):
    """flow.set_timeout(seconds)."""

    seconds: Expr


@dataclass(frozen=True)
class Alert(Stmt):
    """alert(id, text): `text` is constant bytes; or alert(id, TEXTS[index]), an item of constant `texts`."""

    id: Expr
    text: bytes
    index: Expr | None = None
    texts: tuple[bytes, ...] = ()


@dataclass(frozen=True)
class EmitArp(Stmt):
    """emit(arp_request(spa, sha, tpa), port): a made ARP request leaves by output `port` of the element."""

    spa: Expr
    sha: Expr
    tpa: Expr
    port: int


@dataclass(frozen=True)
class EmitCopy(Stmt):
    """emit(pkt, port): a copy of the packet, as it is now, leaves by output `port`."""

    packet: str
    port: int


@dataclass(frozen=True)
class VlanPush(Stmt):
    """pkt.push_vlan(vid): a new outermost 802.1Q tag, PCP 0."""

    packet: str
    vid: Expr


@dataclass(frozen=True)
class VlanPop(Stmt):
    """pkt.pop_vlan(): the outermost tag goes; nothing happens where there is none."""

    packet: str


# ---------------------------------------------------------------- functions


@dataclass(frozen=True)
class Arg:
    """An argument as the handler wrote it. `role`: scratch, conn, peer, packet, batch, flow, stream; or "value"
    (@inline)."""

    name: str
    role: str
    type: Type


@dataclass(frozen=True)
class Func:
    """One handler, or one @inline helper (`returns` is its type; None for handlers)."""

    name: str
    args: tuple[Arg, ...]
    locals: tuple[tuple[str, Type], ...]
    body: tuple[Stmt, ...]
    returns: Type | None
    span: Span
