"""What `flow.reply_key(src=, sport=, dst=, dport=)` makes of the addresses and ports of a question.

    dst=pkt.ip.src, dport=pkt.l4.sport   the question's own: fields that an answer mirrors
    dst=self.public, dport=<taken>       a constant address and a port of a `Ports`: the answer tells the core itself
"""

from __future__ import annotations

from dataclasses import dataclass

from mcc.ir import func as h
from mcc.ir.element import Code, PortsDecl
from mcc.ir.plan import PortRange
from mcc.ir.walkers import statements
from mcc.lang.session import l4_name

Origin = tuple[str, object] | None
"""Where a value comes from: ("field", "ip.src"), ("const", 80), ("ports", name of a Ports); None: not known."""


@dataclass(frozen=True)
class Answer:
    """lost: fields of the question that the answer does not mirror. range: the answer comes to a port that was taken;
    then nothing else of it matters."""

    lost: frozenset[str]
    range: PortRange | None


def answer_of(said: h.ReplyKey, f: h.Func, code: Code) -> Answer:
    """What becomes of a question's fields, by this statement of handler `f`."""
    mirrored = ("ip.dst", "l4.dport", "ip.src", "l4.sport")
    src, sport, dst, dport = (("field", own) if e is None else origin(e, f) for e, own in zip(
        (said.src, said.sport, said.dst, said.dport), mirrored, strict=True))
    if dst is not None and dport is not None and dst[0] == "const" and dport[0] == "ports":
        pool = next(d for d in code.state if isinstance(d, PortsDecl) and d.name == dport[1])
        assert isinstance(dst[1], int)
        return Answer(frozenset(), PortRange(dst[1], pool.lo, pool.hi))
    lost: frozenset[str] = frozenset()
    if src != ("field", "ip.dst") or dst != ("field", "ip.src"):
        lost |= {"ip.src", "ip.dst"}
    if sport != ("field", "l4.dport") or dport != ("field", "l4.sport"):
        lost |= {"l4.sport", "l4.dport"}
    return Answer(lost, None)


def field_of(e: h.Expr, f: h.Func) -> str | None:
    """The header field of the packet that an expression is the value of, None: it is something else."""
    found = origin(e, f)
    return str(found[1]) if found is not None and found[0] == "field" else None


def origin(e: h.Expr, f: h.Func, depth: int = 8) -> Origin:
    """Where the value of an expression of `f` comes from; whatever way `f` is gone through."""
    match e:
        case h.Const():
            return "const", e.value
        case h.PortsTake():
            return "ports", e.name
        case h.Header():
            key = l4_name(f"{e.layer}.{e.name}")
            return ("field", key) if key not in _stored(f) else None
        case h.Cast(type=h.IntType() as t) if t.min <= e.a.lo and e.a.hi <= t.max:
            return origin(e.a, f, depth)
        case h.Local() if depth:
            values = [s.value for s in statements(f.body) if isinstance(s, h.Let) and s.name == e.name]
            return _one([origin(v, f, depth - 1) for v in values])
        case h.Field(index=None) if depth:
            values = [s.value for s in statements(f.body) if isinstance(s, h.Store) and isinstance(s.place, h.Field)
                      and (s.place.base, s.place.name) == (e.base, e.name)]
            return _one([origin(v, f, depth - 1) for v in values])
    return None


def _one(found: list[Origin]) -> Origin:
    return found[0] if found and all(x == found[0] for x in found) else None


def _stored(f: h.Func) -> set[str]:
    """Header fields that the handler writes itself."""
    return {l4_name(f"{s.place.layer}.{s.place.name}") for s in statements(f.body)
            if isinstance(s, h.Store) and isinstance(s.place, h.Header)}
