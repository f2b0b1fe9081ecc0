"""Relations of pcap-filter: `tcp[13] & 2 != 0`, `ip[2:2] > 100`, `len <= 200`.

One load at most: a relation then is a set of values of those bits. A load compared as it is, or behind a constant
mask, may have 4 bytes; any other arithmetic is worked out for each value of a load of 1 or 2 bytes.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, Union

from lark import Token, Tree

from mcc.lang.algebra import ANY, NONE, Cls, Load, Meta, Test, conj
from mcc.lang.pcapview import IP, IP6, View
from mcc.lang.pcapwords import ALONE, ETHER_NUMBERS, Refused, number, refuse
from mcc.lang.ranges import Ranges, complement, normal, of

_WORD = (1 << 32) - 1
_APPLY: dict[str, Callable[[int, int], int]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.floordiv,
    "%": operator.mod,
    "&": operator.and_,
    "|": operator.or_,
    "^": operator.xor,
    "<<": operator.lshift,
    ">>": operator.rshift,
}
_HOLDS: dict[str, Callable[[int, int], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_LEVELS = {"|": 1, "&": 2, "<<": 3, ">>": 3, "+": 4, "-": 4, "*": 5, "/": 5}


@dataclass(frozen=True)
class Num:
    value: int


@dataclass(frozen=True)
class Read:
    """proto[offset:size], or the length on the wire where proto is empty."""

    proto: str
    offset: int
    size: int


@dataclass(frozen=True)
class Op:
    sign: str
    a: "Arith"
    b: "Arith"


Arith = Union[Num, Read, Op]


def relation(tree: Tree[Any], at: Callable[[Callable[[View], Cls]], Cls]) -> Cls:
    """The class of a relation; `at` applies a primitive at the depth that the text has reached."""
    left, sign, right = tree.children
    a, b = _arith(left), _arith(right)
    whole = _whole(tree)
    reads = _reads(a) | _reads(b)
    if len(reads) > 1:
        raise Refused("a relation of two different reads is not supported", *whole, "compare one read with a number")
    holds = _compare(str(sign), a, b, reads, whole)
    if not reads:
        return ANY if holds else NONE
    read = next(iter(reads))
    if not read.proto:
        return Test(Meta("wire"), holds[1])
    mask, ranges = holds
    return at(lambda v: _guarded(read, v, mask, ranges))


def _whole(tree: Tree[Any]) -> tuple[int, int]:
    return tree.meta.start_pos, tree.meta.end_pos


def _compare(sign: str, a: Arith, b: Arith, reads: set[Read], whole: tuple[int, int]) -> Any:
    """Without a read whether it holds, else (mask, values that the masked read must have)."""
    flip = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}
    sign = {"==": "="}.get(sign, sign)
    if not reads:
        return _HOLDS[sign](_value(a, 0, whole), _value(b, 0, whole))
    if not _reads(a):
        a, b, sign = b, a, flip.get(sign, sign)
    width = 8 * next(iter(reads)).size
    if not _reads(b):
        limit = _value(b, 0, whole)
        if isinstance(a, Read):
            return 0, _satisfying(sign, limit, width)
        if isinstance(a, Op) and a.sign == "&" and isinstance(a.a, Read) and not _reads(a.b):
            mask = _value(a.b, 0, whole) & ((1 << width) - 1)
            if mask:
                return mask, _satisfying(sign, limit, width)
    if width > 16:
        raise Refused(
            "arithmetic on a read of 4 bytes is not supported", *whole, "compare it as it is, or with & and a mask"
        )
    _value(a, 0, whole), _value(b, 0, whole)
    return 0, _tried(sign, a, b, width)


@cache
def _tried(sign: str, a: Arith, b: Arith, width: int) -> Ranges:
    """The values of the read for which the relation holds, by trying each."""
    x, y, holds = _function(a), _function(b), _HOLDS[sign]
    return of(v for v in range(1 << width) if holds(x(v), y(v)))


def _function(a: Arith) -> Callable[[int], int]:
    match a:
        case Num(value=n):
            return lambda read: n
        case Read():
            return lambda read: read
        case Op(sign=sign):
            x, y, apply = _function(a.a), _function(a.b), _APPLY[sign]
            return lambda read: apply(x(read), y(read)) & _WORD


def _satisfying(sign: str, limit: int, width: int) -> Ranges:
    """{x of `width` bits: x sign limit}, unsigned."""
    top = (1 << width) - 1
    if sign in ("=", "!="):
        equal = normal([(limit, limit)]) if limit <= top else ()
        return equal if sign == "=" else complement(equal, width)
    lo, hi = {">": (limit + 1, top), ">=": (limit, top), "<": (0, limit - 1), "<=": (0, limit)}[sign]
    return normal([(lo, min(hi, top))])


def _guarded(read: Read, v: View, mask: int, ranges: Ranges) -> Cls:
    bit, width = 8 * read.offset, 8 * read.size
    if read.proto in ("ether", "link"):
        return Test(Load("abs", bit, width, mask), ranges)
    if read.proto in ETHER_NUMBERS:
        return conj((v.etype(ETHER_NUMBERS[read.proto]), Test(v.l3(bit, width, mask), ranges)))
    _, proto = ALONE[read.proto]
    if read.proto == "icmp6":
        return conj((v.etype(IP6), Test(v.l3(48, 8), of([proto])), Test(v.l4(6, bit, width, mask), ranges)))
    return conj(
        (v.etype(IP), Test(v.l3(72, 8), of([proto])), unfragmented(v), Test(v.l4(4, bit, width, mask), ranges))
    )


def unfragmented(v: View) -> Cls:
    """The fragment offset is 0, read as libpcap reads it: both bytes."""
    return Test(v.l3(51, 13), ((0, 0),))


def _reads(a: Arith) -> set[Read]:
    return {a} if isinstance(a, Read) else _reads(a.a) | _reads(a.b) if isinstance(a, Op) else set()


def _value(a: Arith, read: int, whole: tuple[int, int]) -> int:
    """The value of 32 bits, where the read has given `read`."""
    match a:
        case Num(value=n):
            return n
        case Read():
            return read
        case Op(sign=sign, a=x, b=y):
            p, q = _value(x, read, whole), _value(y, read, whole)
            if sign in ("/", "%", "<<", ">>") and _reads(y):
                raise Refused(f"{sign} by something that was read is not supported", *whole)
            if sign in ("/", "%") and q == 0:
                raise Refused("division by zero", *whole)
            if sign in ("<<", ">>") and q > 31:
                raise Refused("a shift by more than 31 is not supported", *whole)
            return _APPLY[sign](p, q) & _WORD


# ---------------------------------------------------------------- from the tree


def _arith(t: Any) -> Arith:
    """A flat chain of operands and operators, by precedence."""
    items: list[Any] = []
    while isinstance(t, Tree) and t.data in ("arith", "narith") and len(t.children) in (1, 3):
        if len(t.children) == 3:
            items += [_operand(t.children[2]), t.children[1]]
        t = t.children[0]
    items.append(_operand(t))
    items.reverse()
    signs = [str(s) for s in items[1::2]]
    if len(signs) > 1 and {"^", "%"} & set(signs):
        bad = items[1::2][next(i for i, s in enumerate(signs) if s in "^%")]
        raise refuse(bad, f"{str(bad)!r} beside other operators is not supported", "put brackets around it")
    values: list[Arith] = [items[0]]
    pending: list[str] = []
    for sign, value in zip(signs, items[2::2], strict=True):
        while pending and _LEVELS.get(pending[-1], 0) >= _LEVELS.get(sign, 0):
            _reduce(values, pending)
        pending.append(sign)
        values.append(value)
    while pending:
        _reduce(values, pending)
    return values[0]


def _reduce(values: list[Arith], pending: list[str]) -> None:
    b, a = values.pop(), values.pop()
    values.append(Op(pending.pop(), a, b))


def _operand(t: Any) -> Arith:
    if isinstance(t, Token):
        return Read("", 0, 4) if t.type == "LEN" else Num(number(t))
    if t.data == "access":
        return _access(t)
    return _operand(t.children[0]) if t.data in ("operand", "first") else _arith(t)


def _access(t: Any) -> Read:
    name, offset = t.children[0], _arith(t.children[1])
    if (
        str(name) not in ("ether", "link")
        and str(name) not in ALONE
        and str(name) not in ("ip", "ip6", "arp", "rarp")
    ):
        raise refuse(name, f"reading bytes of {str(name)!r} is not supported")
    if str(name) in ("ah", "esp"):
        raise refuse(name, f"reading bytes of {str(name)!r} is not supported")
    if _reads(offset):
        raise Refused("an offset that depends on the packet is not supported", *_whole(t), "a constant offset")
    size = number(t.children[2]) if len(t.children) > 2 else 1
    if size not in (1, 2, 4):
        raise refuse(t.children[2], f"{size} bytes cannot be read at once", "1, 2 or 4")
    at = _value(offset, 0, _whole(t))
    if at > 65535:
        raise Refused(f"offset {at} is behind any frame", *_whole(t))
    return Read(str(name), at, size)
