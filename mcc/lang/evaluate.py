"""Is a packet in a class? The reference answer: no diagram, no lowering, left to right."""

from __future__ import annotations

from mcc.lang.algebra import And, Cls, Const, Header, Load, Need, Not, Or, Subject, Test
from mcc.lang.fields import header_load
from mcc.lang.ranges import contains
from mcc.protocols.dissect import Dissected


def evaluate(c: Cls, packet: Dissected) -> bool | None:
    """True, False, or None for short: a byte that the class must read is not captured (docs/semantics.md, 2)."""
    match c:
        case Const(value=v):
            return v
        case Need(base=base, bytes=n):
            return True if packet.captured(base) >= n else None
        case Test(subject=subject, ranges=ranges):
            value = _read(subject, packet)
            return value if isinstance(value, bool) or value is None else contains(ranges, value[0])
        case Not(part=part):
            inner = evaluate(part, packet)
            return None if inner is None else not inner
        case And(parts=parts):
            return next((v for v in (evaluate(p, packet) for p in parts) if v is not True), True)
        case Or(parts=parts):
            return next((v for v in (evaluate(p, packet) for p in parts) if v is not False), False)
    raise TypeError(c)


def matches(c: Cls, packet: Dissected) -> bool:
    """The packet is in the class."""
    return evaluate(c, packet) is True


def _read(subject: Subject, packet: Dissected) -> tuple[int] | bool | None:
    """The value in a tuple; False where a named field's layer is not there; None where bytes are not captured."""
    match subject:
        case Load(base=base, bit=bit, width=width, mask=mask):
            value = packet.bits(base, bit, width)
            return None if value is None else (value & mask if mask else value,)
        case Header(layer=layer, name=name):
            if subject.level or not packet.has(layer):
                return False
            if layer == "eth" and name == "type":
                return (packet.etype,)
            where = header_load(layer, name)
            found = packet.bits(where.base, where.bit, where.width)
            return False if found is None else (found,)
        case _:
            return (packet.meta(subject.name),)
