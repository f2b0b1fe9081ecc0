"""Which packets of one capture belong to sessions of a chain: what runtime_c/mcc_sides.h must tell apart."""

from __future__ import annotations

from collections.abc import Iterable

from mcc.lang.algebra import And, Cls, Const, Header, Meta, Not, Or, Test
from mcc.lang.ranges import contains
from mcc.lang.session import Session, l4_name

NONE, ADDRESSES, PORTS = range(3)
"""enum mcc_side_key: packets in no session, in one of two addresses, in one of two addresses and ports."""

_THERE = {"tcp": {"tcp", "l4"}, "udp": {"udp", "l4"}, "other": {"icmp", "icmp6"}}
_KNOWN = {"tcp", "udp", "l4", "arp", "icmp", "icmp6"}


def sides(sessions: Iterable[Session]) -> tuple[int, int, int, float]:
    """For TCP, UDP and other IP packets the key of their sessions; and the shortest timeout in seconds, 0: none.

    Only bidirectional sessions have a peer; a packet of another kind of session begins one, as its sender.
    """
    found = {"tcp": NONE, "udp": NONE, "other": NONE}
    timeouts = []
    for s in sessions:
        names = {l4_name(f.key) for f in s.fields}
        if not s.bidirectional or not any(n.startswith(("ip", "net.", "l4.", "icmp")) for n in names):
            continue
        ports = any(n.startswith("l4.") for n in names)
        for kind in found:
            if may_be(s.where, kind) and not (ports and kind == "other"):
                found[kind] = max(found[kind], PORTS if ports else ADDRESSES)
        timeouts += [s.timeout] if s.timeout else []
    return found["tcp"], found["udp"], found["other"], min(timeouts, default=0)


def may_be(c: Cls, kind: str) -> bool:
    """Whether some packet of the kind ("tcp", "udp", "other") may be in the class."""
    return _in(c, kind) is not False


def _in(c: Cls, kind: str) -> bool | None:
    """True: every packet of the kind; False: none; None: it depends on the packet."""
    match c:
        case Const(value=v):
            return v
        case Test(subject=Meta(name=name), ranges=ranges) if name.startswith("layer.") and name[6:] in _KNOWN:
            if kind == "other" and name[6:] in _THERE["other"]:
                return None
            return contains(ranges, int(name[6:] in _THERE[kind]))
        case Test(subject=Header(layer=layer)) if layer in _KNOWN and layer not in _THERE[kind]:
            return False
        case Not(part=part):
            inner = _in(part, kind)
            return None if inner is None else not inner
        case And(parts=parts):
            answers = [_in(p, kind) for p in parts]
            return False if False in answers else None if None in answers else True
        case Or(parts=parts):
            answers = [_in(p, kind) for p in parts]
            return True if True in answers else None if None in answers else False
        case _:
            return None
