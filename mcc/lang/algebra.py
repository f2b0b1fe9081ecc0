"""The algebra of traffic classes: what a class is, apart from how users write it.

    cls     := (const BOOL) | (and cls*) | (or cls*) | (not cls) | (test subject ranges) | (need BASE BYTES)
    subject := (header LAYER NAME LEVEL) | (load BASE BIT WIDTH MASK) | (meta NAME)

A class has one of three values for a packet: true, false, or short. `and` and `or` evaluate left to right and stop
early; short ends the class (docs/semantics.md, 2).
* A header test is false where its layer is not there, whatever the ranges; it is never short.
* A load reads WIDTH bits at BIT behind BASE ("abs": the frame, "l3", "l4", or "x4@N": behind the IPv4 header that
  starts at N, whatever its version says) and is short where a byte that it reads is not captured.
* A need is true where BYTES bytes behind BASE are captured, else short.
* A meta test asks what the parser knows and is never short: METAS.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any, NoReturn, Union

from mcc.diag import CompileError, Diagnostic
from mcc.lang.ranges import Ranges, full
from mcc.lang.where import caller_span
from mcc.protocols.headers import BY_LAYER

METAS = {"in.port": 8, "link": 3, "avail.link": 1, "avail.abs": 32, "vlans": 4, "etype": 16, "avail.l3": 32,
         "avail.l4": 32, "wire": 32, **{f"layer.{name}": 1 for name in BY_LAYER}}
"""Name to width in bits. link: enum mcc_link; avail.link: 1 where the link header's type field is captured;
avail.BASE: captured bytes from BASE on; vlans: tags found; etype: behind the tags, 0 where there is none;
wire: the frame's length on the wire; layer.NAME: 1 where the layer is there (layer.l4: TCP or UDP)."""


@dataclass(frozen=True)
class Header:
    """A named header field; `level`: encapsulations out (0: the context's own)."""

    layer: str
    name: str
    level: int = 0

    @property
    def width(self) -> int:
        return BY_LAYER[self.layer][self.name].width

    def __str__(self) -> str:
        shown = f"{self.layer.capitalize()}.{self.name}"
        return f"outer({shown}, {self.level})" if self.level else shown


@dataclass(frozen=True)
class Load:
    """Bits of the frame; `mask` (0: none) is applied to the value that was read."""

    base: str
    bit: int
    width: int
    mask: int = 0

    @property
    def end(self) -> int:
        """Bytes behind the base that must be captured."""
        return (self.bit + self.width + 7) // 8

    def __str__(self) -> str:
        where = f"{self.base}[{self.bit // 8}:{self.end - self.bit // 8}]"
        if self.bit % 8 or self.width % 8:
            where += f".bits({self.bit % 8}, {self.width})"
        return f"{where} & {self.mask:#x}" if self.mask else where


@dataclass(frozen=True)
class Meta:
    """Something that the parser knows about the packet."""

    name: str

    @property
    def width(self) -> int:
        return METAS[self.name]

    def __str__(self) -> str:
        return self.name


Subject = Union[Header, Load, Meta]


def _refuse(message: str, hint: str) -> NoReturn:
    raise CompileError((Diagnostic("error", caller_span(3), message, hint),))


@dataclass(frozen=True, eq=False)
class Cls:
    """A traffic class. Immutable; equal and hashed by structure; `text` is a name for people and does not count."""

    text: str = field(default="", kw_only=True)

    def _key(self) -> tuple[Any, ...]:
        raise NotImplementedError

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        return type(self) is type(other) and hash(self) == hash(other) and self._key() == other._key()

    def __hash__(self) -> int:
        known: int | None = self.__dict__.get("_hash")
        if known is None:
            known = hash((type(self).__name__, self._key()))
            object.__setattr__(self, "_hash", known)
        return known

    def __and__(self, other: "Cls") -> "Cls":
        return conj((self, _class(other, "&")))

    def __or__(self, other: "Cls") -> "Cls":
        return disj((self, _class(other, "|")))

    def __rand__(self, other: object) -> NoReturn:
        _class(other, "&")
        raise TypeError(other)

    def __ror__(self, other: object) -> NoReturn:
        _class(other, "|")
        raise TypeError(other)

    def __invert__(self) -> "Cls":
        return negate(self)

    def __bool__(self) -> bool:
        raise TypeError("a traffic class has no truth value before there is a packet: combine classes with &, | and ~ "
                        "in parentheses, not with and, or, not, or a chained comparison")

    def named(self, text: str) -> "Cls":
        """The same class, shown as `text`."""
        return replace(self, text=text)

    def __repr__(self) -> str:
        return f"<class {self}>"

    def __str__(self) -> str:
        return self.text or show(self)


def _class(other: object, sign: str) -> Cls:
    if isinstance(other, Cls):
        return other
    _refuse(f"a class can be combined with {sign} only with another class, not with {other!r}",
            "comparisons bind weaker than & and |: write (Tcp.dport == 80) & (Ip.ttl == 1)")


@dataclass(frozen=True, eq=False)
class Const(Cls):
    value: bool

    def _key(self) -> tuple[Any, ...]:
        return (self.value,)


@dataclass(frozen=True, eq=False)
class Test(Cls):
    __test__ = False  # not for pytest
    subject: Subject
    ranges: Ranges

    def _key(self) -> tuple[Any, ...]:
        return (self.subject, self.ranges)


@dataclass(frozen=True, eq=False)
class Need(Cls):
    base: str
    bytes: int

    def _key(self) -> tuple[Any, ...]:
        return (self.base, self.bytes)


@dataclass(frozen=True, eq=False)
class And(Cls):
    parts: tuple[Cls, ...]

    def _key(self) -> tuple[Any, ...]:
        return self.parts


@dataclass(frozen=True, eq=False)
class Or(Cls):
    parts: tuple[Cls, ...]

    def _key(self) -> tuple[Any, ...]:
        return self.parts


@dataclass(frozen=True, eq=False)
class Not(Cls):
    part: Cls

    def _key(self) -> tuple[Any, ...]:
        return (self.part,)


ANY = Const(True, text="ANY")
NONE = Const(False, text="NONE")


def conj(parts: Iterable[Cls]) -> Cls:
    """All of them, left to right. Nothing is dropped that could be short."""
    return _join(And, parts, absorbing=False)


def disj(parts: Iterable[Cls]) -> Cls:
    """Any of them, left to right."""
    return _join(Or, parts, absorbing=True)


def _join(kind: type[And] | type[Or], parts: Iterable[Cls], absorbing: bool) -> Cls:
    out: list[Cls] = []
    for p in parts:
        if isinstance(p, Const):
            if p.value is absorbing and not out:
                return p
            if p.value is not absorbing:
                continue
        out += p.parts if isinstance(p, kind) and not p.text else (p,)
    if not out:
        return NONE if absorbing else ANY
    return out[0] if len(out) == 1 else kind(tuple(out))


def negate(c: Cls) -> Cls:
    if isinstance(c, Const):
        return NONE if c.value else ANY
    return c.part if isinstance(c, Not) else Not(c)


def meta(name: str, *ranges: tuple[int, int]) -> Test:
    return Test(Meta(name), ranges)


def has(layer: str) -> Test:
    """The layer is there (docs/semantics.md, 1)."""
    return meta(f"layer.{layer}", (1, 1))


def show(c: Cls) -> str:
    """The class as an expression of the algebra, for messages and `mcc explain`."""
    match c:
        case Const(value=v):
            return "ANY" if v else "NONE"
        case Test(subject=s, ranges=r):
            return _show_test(s, r)
        case Need(base=b, bytes=n):
            return f"need({b}, {n})"
        case Not(part=p):
            return f"~({p})" if isinstance(p, Test) and not p.text or isinstance(p, (And, Or)) else f"~{p}"
        case And(parts=ps):
            return " & ".join(f"({p})" if not p.text and isinstance(p, (Or, Test)) else str(p) for p in ps)
        case Or(parts=ps):
            return " | ".join(f"({p})" if not p.text and isinstance(p, (And, Test)) else str(p) for p in ps)
    raise TypeError(c)


def _show_test(s: Subject, ranges: Ranges) -> str:
    if isinstance(s, Meta) and s.name.startswith("layer.") and ranges == ((1, 1),):
        return s.name.removeprefix("layer.").upper()
    if not ranges:
        return f"{s} in nothing"
    if ranges == full(s.width):
        return f"{s} is there"
    one = [show_value(s, lo) if lo == hi else f"{show_value(s, lo)}-{show_value(s, hi)}" for lo, hi in ranges[:6]]
    if len(ranges) == 1 and ranges[0][0] == ranges[0][1]:
        return f"{s} == {one[0]}"
    return f"{s} in {', '.join(one)}{f', .. ({len(ranges)} ranges)' if len(ranges) > 6 else ''}"


def show_value(s: Subject, v: int) -> str:
    """A value in the way people write it: addresses, MACs, EtherTypes in hex, the rest decimal."""
    key = f"{s.layer}.{s.name}" if isinstance(s, Header) else ""
    if key in ("ip.src", "ip.dst", "arp.spa", "arp.tpa"):
        return ".".join(str(v >> i & 255) for i in (24, 16, 8, 0))
    if s.width == 48:
        return ":".join(f"{v >> i & 255:02x}" for i in range(40, -1, -8))
    if s.width == 128:
        return str(ipaddress.IPv6Address(v))
    return f"{v:#06x}" if key == "eth.type" or str(s) == "etype" else str(v)
