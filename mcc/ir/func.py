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

from mcc.diag import Span
from mcc.ir.streams import *  # noqa: F403  one vocabulary: h.Let, h.ForBytes, h.U8
from mcc.ir.types import *  # noqa: F403
from mcc.ir.types import Base, Expr, IntType, Stmt, Type

# ---------------------------------------------------------------- expressions


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


# ---------------------------------------------------------------- statements


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
    """flow.reply_key(src=, sport=, dst=, dport=): the tuple that replies will carry, host order; None: as it was."""

    src: Expr | None
    sport: Expr | None
    dst: Expr | None
    dport: Expr | None


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
