"""What is known at a point of a handler: ranges of places, which locals have a value, which headers are there.

An `Env` is a value: branches copy it, joins keep what holds on every way. `narrow` adds what a condition says.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from mcc.frontend.intervals import FAR, NEGATED, SWAPPED, Interval, join, meet, narrowed
from mcc.frontend.marks import Marks, joined_marks
from mcc.ir.func import (
    U32,
    Attr,
    Base,
    Bin,
    BoolOp,
    Cast,
    ChunkLen,
    Cmp,
    Const,
    Expr,
    Field,
    Header,
    IntType,
    IsNone,
    Local,
    Not,
    StateRead,
    StreamAttr,
    StreamNeed,
)

Place = tuple[str, ...]
"""("local", name), ("field", base, name), ("header", packet, layer, name), ("attr", base, name), ("state", name),
("stream", name), ("chunk", name)."""

UNREAD: Place = ("stream", "available")
"""How many unread bytes there are."""
REWOUND, READ, SEARCHED = "stream", "stream read", "stream searched"
"""In `Env.gone`: on some path the cursor was moved back; it was moved on; a loop over matches began."""

GUARDS: dict[str, frozenset[str]] = {
    "is_vlan": frozenset({"vlan"}), "is_arp": frozenset({"arp"}), "is_ip": frozenset({"ip"}),
    "is_ip6": frozenset({"ip6"}), "is_tcp": frozenset({"tcp", "l4"}), "is_udp": frozenset({"udp", "l4"}),
    "is_icmp": frozenset({"icmp"}), "is_icmp6": frozenset({"icmp6"}),
}
"""What `pkt.is_x` says of the headers that are there. "l4": TCP or UDP."""


@dataclass
class Env:
    """alive: whether this point can be reached. A place without a range may have any value of its type. gone: chunks
    whose bytes may have been moved by an edit; REWOUND, READ, SEARCHED. marks: which an edit has passed."""

    alive: bool = True
    ranges: dict[Place, Interval] = field(default_factory=dict)
    assigned: set[str] = field(default_factory=set)
    optional: dict[str, bool] = field(default_factory=dict)
    layers: dict[str, frozenset[str]] = field(default_factory=dict)
    gone: frozenset[str] = frozenset()
    marks: Marks = field(default_factory=Marks)

    def copy(self) -> Env:
        return replace(self, ranges=dict(self.ranges), assigned=set(self.assigned), optional=dict(self.optional),
                       layers=dict(self.layers))

    def become(self, other: Env) -> None:
        """Take over everything that `other` knows."""
        self.alive, self.ranges, self.assigned = other.alive, other.ranges, other.assigned
        self.optional, self.layers, self.gone, self.marks = other.optional, other.layers, other.gone, other.marks

    def forget(self, kind: str, *prefix: str) -> None:
        """Drop the ranges of the places of a kind (that begin with `prefix`)."""
        start = (kind, *prefix)
        for p in [p for p in self.ranges if p[: len(start)] == start]:
            del self.ranges[p]


def joined(a: Env, b: Env) -> Env:
    if not a.alive:
        return b.copy()
    if not b.alive:
        return a.copy()
    return Env(
        True,
        {p: join(r, b.ranges[p]) for p, r in a.ranges.items() if p in b.ranges},
        a.assigned & b.assigned,
        {n: v for n, v in a.optional.items() if b.optional.get(n) == v},
        {p: both for p, have in a.layers.items() if (both := have & b.layers.get(p, frozenset()))},
        a.gone | b.gone,
        joined_marks(a.marks, b.marks),
    )


def join_all(envs: Iterable[Env]) -> Env:
    out = Env(alive=False)
    for e in envs:
        out = joined(out, e)
    return out


def widened(old: Env, new: Env, thresholds: list[int], far: bool) -> Env:
    """`new`, with every bound that grew since `old` moved out to the next threshold (or away, where `far`)."""
    out = new.copy()
    for p, (lo, hi) in new.ranges.items():
        if p not in old.ranges:
            continue
        was = old.ranges[p]
        if lo < was[0]:
            i = bisect_left(thresholds, lo + 1) - 1
            lo = thresholds[i] if i >= 0 and not far else -FAR
        if hi > was[1]:
            i = bisect_left(thresholds, hi)
            hi = thresholds[i] if i < len(thresholds) and not far else FAR
        out.ranges[p] = (lo, hi)
    return out


def place_of(e: Expr) -> Place | None:
    """The key of an expression that names a place, if its value stays while nothing is written to it."""
    match e:
        case Local(name=n):
            return "local", n
        case Field(base=b, name=n, index=None):
            return "field", b.value, n
        case Header(packet=p, layer=layer, name=n):
            return "header", p, layer, n
        case Attr(base=b, name=n):
            return "attr", b, n
        case StateRead(name=n):
            return "state", n
        case StreamAttr(name=n):
            return "stream", n
        case ChunkLen(chunk=n):
            return "chunk", n
    return None


def _value_kept(e: Expr) -> Expr:
    """Look through casts that cannot change the value."""
    while isinstance(e, Cast) and isinstance(e.type, IntType) and isinstance(e.a.type, IntType) and (
            e.type.min <= e.a.lo and e.a.hi <= e.type.max):
        e = e.a
    return e


def narrow(env: Env, cond: Expr, truth: bool, live: frozenset[str]) -> Env:
    """What is known where `cond` has come out as `truth`. `live`: state that may change between two reads."""
    out = env.copy()
    match cond:
        case Const():
            out.alive = env.alive and bool(cond.value) == truth
        case Not(a=a):
            return narrow(env, a, not truth, live)
        case BoolOp(op=op, parts=parts):
            if (op == "and") == truth:
                for p in parts:
                    out = narrow(out, p, truth, live)
                return out
            ways, so_far = [], env
            for p in parts:
                ways.append(narrow(so_far, p, truth, live))
                so_far = narrow(so_far, p, not truth, live)
            return join_all(ways)
        case Cmp(op=op, a=a, b=b):
            if isinstance(a.type, IntType):
                op = op if truth else NEGATED[op]
                _narrow_place(out, a, op, (b.lo, b.hi), live)
                _narrow_place(out, b, SWAPPED[op], (a.lo, a.hi), live)
        case Attr(base=packet, name=name) if name in GUARDS:
            if truth:
                out.layers[packet] = out.layers.get(packet, frozenset()) | GUARDS[name]
        case IsNone(a=Local(name=name), negated=negated):
            out.optional[name] = truth == negated
        case StreamNeed(n=n) if truth:
            known = out.ranges.get(UNREAD, (0, U32.max))
            out.ranges[UNREAD] = max(known[0], n.lo), known[1]
    return out


def _narrow_place(env: Env, e: Expr, op: str, other: Interval, live: frozenset[str]) -> None:
    e = _value_kept(e)
    while isinstance(e, Bin) and e.op in ("+", "-") and isinstance(e.b, Const) and isinstance(e.type, IntType):
        by = e.b.value if e.op == "+" else -e.b.value  # place + 1 < n says place < n - 1, where nothing wraps
        if not (e.type.min <= e.a.lo + by and e.a.hi + by <= e.type.max):
            return
        e, other = _value_kept(e.a), (other[0] - by, other[1] - by)
    place = place_of(e)
    if place is None or (place[0] == "state" and place[1] in live):
        return
    r = narrowed(op, (e.lo, e.hi), other)
    if r is not None:
        env.ranges[place] = meet(env.ranges.get(place, r), r) or r


def overlapping_headers(layer: str) -> tuple[str, ...]:
    """Layers whose fields may share bytes with those of `layer`."""
    return ("tcp", "udp", "l4") if layer in ("tcp", "udp", "l4") else (layer,)


def written(env: Env, e: Expr, value: Interval | None) -> None:
    """A place was written: what was known of it, and of what may be the same bytes, is no longer."""
    match e:
        case Header(layer=layer):
            for p in [p for p in env.ranges if p[0] == "header" and p[2] in overlapping_headers(layer)]:
                del env.ranges[p]
        case Field(base=base, name=name):
            for other in ((Base.SCRATCH, Base.PEER) if base is not Base.CONN else (Base.CONN,)):
                env.ranges.pop(("field", other.value, name), None)
        case Attr(name=name):
            for p in [p for p in env.ranges if p[0] == "attr" and p[2] == name]:
                del env.ranges[p]
    place = place_of(e)
    if place is not None:
        env.ranges.pop(place, None)
        if value is not None:
            env.ranges[place] = value
