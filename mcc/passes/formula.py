"""A class as a formula over the fields of the decision diagram.

    (test (header tcp dport) r)  =>  (and (atom net ip,ip6) (atom transport tcp) (atom l4.dport r))
    (test (load l3 96 32) r)     =>  (and (need avail.l3 16-) (atom ip.src r))

    formula := (const BOOL) | (atom field ranges) | (need field ranges) | (and f*) | (or f*) | (not f)

An atom is true or false; a need is true or short; the rest is evaluated left to right in three values as
mcc.lang.algebra says. So a length check is a test of an ordinary field, ordered before the fields of its layer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Union

from mcc.diag import NOWHERE, CompileError, Diagnostic
from mcc.ir.classify import NET, TRANSPORT, DField, load_field, meta_field
from mcc.lang.algebra import And, Cls, Const, Header, Load, Need, Not, Or, Test
from mcc.lang.fields import header_load
from mcc.lang.ranges import Ranges, full, masked, normal, of

_INFINITE = (1 << 32) - 1


@dataclass(frozen=True)
class FConst:
    value: bool


@dataclass(frozen=True)
class FAtom:
    field: DField
    ranges: Ranges


@dataclass(frozen=True)
class FNeed:
    field: DField
    ranges: Ranges


@dataclass(frozen=True)
class FAnd:
    parts: tuple["Formula", ...]


@dataclass(frozen=True)
class FOr:
    parts: tuple["Formula", ...]


@dataclass(frozen=True)
class FNot:
    part: "Formula"


Formula = Union[FConst, FAtom, FNeed, FAnd, FOr, FNot]


def lower(c: Cls) -> Formula:
    """Raises CompileError for fields of an outer encapsulation that the context does not have."""
    match c:
        case Const(value=v):
            return FConst(v)
        case Need(base=base, bytes=n):
            return _need(base, n)
        case Not(part=p):
            return FNot(lower(p))
        case And(parts=ps):
            return FAnd(tuple(lower(p) for p in ps))
        case Or(parts=ps):
            return FOr(tuple(lower(p) for p in _merged(ps)))
        case Test(subject=Load() as load, ranges=r):
            return FAnd((_need(load.base, load.end), _load(load, r)))
        case Test(subject=Header() as h, ranges=r):
            return _header(h, r)
        case Test(subject=s, ranges=r):
            name = str(s)
            return _layer(name[6:], r) if name.startswith("layer.") else FAtom(meta_field(name), r)
    raise TypeError(c)


def _merged(parts: tuple[Cls, ...]) -> list[Cls]:
    """Neighbours that test the same subject become one test: a list of prefixes is one set of intervals."""
    out: list[Cls] = []
    run: list[Test] = []
    for p in (*parts, None):
        if run and not (isinstance(p, Test) and p.subject == run[0].subject):
            ranges = run[0].ranges if len(run) == 1 else normal(i for t in run for i in t.ranges)
            out.append(Test(run[0].subject, ranges))
            run = []
        if isinstance(p, Test):
            run.append(p)
        elif p is not None:
            out.append(p)
    return out


def _need(base: str, n: int) -> FNeed:
    return FNeed(meta_field(f"avail.{base}"), ((n, 1 if base == "link" else _INFINITE),))


def _load(load: Load, ranges: Ranges) -> Formula:
    """A test of bits that are known to be captured. A mask of neighbouring bits is a narrower load."""
    if not load.mask:
        return FAtom(load_field(load), ranges)
    shift = (load.mask & -load.mask).bit_length() - 1
    narrow = load.mask >> shift
    if narrow & (narrow + 1) == 0:
        width = narrow.bit_length()
        part = Load(load.base, load.bit + load.width - shift - width, width)
        step = 1 << shift
        shifted = normal(((lo + step - 1) // step, min(hi // step, narrow)) for lo, hi in ranges)
        return FAtom(load_field(part), shifted)
    if load.width <= 8:
        values = of(v for v in range(1 << load.width) if any(lo <= v & load.mask <= hi for lo, hi in ranges))
        return FAtom(load_field(Load(load.base, load.bit, load.width)), values)
    one = ranges[0][0] if len(ranges) == 1 and ranges[0][0] == ranges[0][1] else None
    found = None if one is None else masked(load.mask, one, load.width)
    plain = Load(load.base, load.bit, load.width)
    return FAtom(load_field(plain), found) if found is not None else FAtom(load_field(load), ranges)


def _layer(name: str, ranges: Ranges = ((1, 1),)) -> Formula:
    """The layer is there, in terms of fields that exclude each other."""
    there = _there(name)
    has_0, has_1 = (any(lo <= v <= hi for lo, hi in ranges) for v in (0, 1))
    if has_0 == has_1:
        return FConst(has_1)
    return there if has_1 else FNot(there)


def _there(name: str) -> Formula:
    if name == "eth":
        return FAnd((FAtom(meta_field("link"), ((0, 0),)), FAtom(meta_field("avail.abs"), ((14, _INFINITE),))))
    if name == "vlan":
        return FAnd((FAtom(meta_field("link"), ((0, 0),)), FAtom(meta_field("vlans"), ((1, 8),))))
    if name in NET:
        return _one_of("net", NET, name)
    over = {"icmp": ("ip",), "icmp6": ("ip6",)}.get(name, ("ip", "ip6"))
    return FAnd(
        (_one_of("net", NET, *over), _one_of("transport", TRANSPORT, *(("tcp", "udp") if name == "l4" else (name,))))
    )


def _one_of(key: str, names: tuple[str, ...], *wanted: str) -> FAtom:
    return FAtom(meta_field(key), of(names.index(w) for w in wanted))


def _header(h: Header, ranges: Ranges) -> Formula:
    if h.level:
        raise CompileError(
            (
                Diagnostic(
                    "error",
                    NOWHERE,
                    f"{h} is used where there is no encapsulation around the packet",
                    "outer() is for elements behind a decapsulation",
                ),
            )
        )
    guard = _there(h.layer)
    if ranges == full(h.width):
        return guard
    if (h.layer, h.name) == ("eth", "type"):
        return FAnd((guard, FAtom(meta_field("etype"), ranges)))
    return FAnd((guard, FAtom(load_field(header_load(h.layer, h.name)), ranges)))
