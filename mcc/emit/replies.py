"""The key that `flow.reply_key` will name, foreseen from the first packet alone, so that its place in the table is
fetched before `new_session` runs.

A guess, never more: a wrong one costs a fetch. The statement's operands are followed back to what they are made of:

    (store (field conn port) (take ports))              (take ports) => the port that is next
    (reply-key (header pkt ip dst) .. (field conn port))  (header pkt ip dst) => itself
"""

from __future__ import annotations

from collections.abc import Sequence

from mcc.emit.handlers import printer
from mcc.emit.keys import reply_mask
from mcc.emit.names import Names, c_name
from mcc.ir import func as h
from mcc.ir.element import Code
from mcc.ir.lir import Define, rebuild, walk

KNOWN = (h.Const, h.StateRead, h.TableLen)
"""What can be read before the handler runs, beside the fields of the session's key."""
OPERATORS = (h.Bin, h.Unary, h.Cast, h.Select, h.Cmp, h.Not, h.BoolOp, h.TableLoad)


def says_reply_key(code: Code) -> bool:
    """Whether a handler gives answers a key of their own."""
    return any(isinstance(s, h.ReplyKey) for x in code.handlers for s in walk(x.func.body))


def foreseen(code: Code, names: Names) -> list[str] | None:
    """C of (what is said, src, sport, dst, dport) from `p` and `box`; None where the packet does
    not tell, or no key is named."""
    for x in code.handlers:
        said = [s for s in walk(x.func.body) if isinstance(s, h.ReplyKey)]
        if len(said) == 1:
            s = said[0]
            parts = (s.src, s.sport, s.dst, s.dport)
            made = [e if e is None else _made_of(e, x.func, 8) for e in parts]
            if any(m is None and e is not None for m, e in zip(made, parts, strict=True)):
                return None
            packet = next((a.name for a in x.func.args if a.role == "packet"), "")
            return [reply_mask(parts), *("0" if e is None else _text(e, code, names, x.func, packet) for e in made)]
    return None


def _made_of(e: h.Expr, func: h.Func, depth: int) -> h.Expr | None:
    """`e` without locals and session state; None where that cannot be."""
    if isinstance(e, (h.PortsTake, *KNOWN)):
        return e
    if isinstance(e, h.Header):
        return e if e.layer == "ip" or e.name in ("sport", "dport") else None
    if depth == 0:
        return None
    if isinstance(e, (h.Field, h.Local)):
        values = _values(e, func)
        return _made_of(values[0], func, depth - 1) if len(values) == 1 else None
    if not isinstance(e, OPERATORS):
        return None
    parts: list[h.Expr | None] = []

    def part(x: h.Expr) -> h.Expr:
        made = _made_of(x, func, depth - 1)
        parts.append(None if isinstance(made, h.PortsTake) else made)  # stands alone only
        return x if made is None else made

    new = rebuild(e, part)
    return None if None in parts else new


def _values(e: h.Field | h.Local, func: h.Func) -> Sequence[h.Expr]:
    """Everything that is stored where `e` is read."""
    nodes = list(walk(func.body))
    if isinstance(e, h.Local):
        return [s.value for s in nodes if isinstance(s, (h.Let, Define)) and s.name == e.name]
    return [s.value for s in nodes if isinstance(s, h.Store) and isinstance(s.place, h.Field)
            and (s.place.base, s.place.name) == (e.base, e.name) and e.index is None]


def _text(e: h.Expr, code: Code, names: Names, func: h.Func, packet: str) -> str:
    if isinstance(e, h.PortsTake):
        return f"mcc_ports_peek(&box->{names.node}.{c_name(e.name)}, box->ahead++)"
    return printer(func, code, names, {packet: "p"}).value(e)
