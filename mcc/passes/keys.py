"""Session keys: which fields a leaf's flows are looked up by, groups for coarser keys, hash-first (paper II-B).

    fields of the walk's sessions  =>  union, in table order  =>  kind (words of 32 bits)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mcc.ir.graph import Graph
from mcc.ir.plan import Arc, KeyKind, KeyPart, steps
from mcc.lang.classes import Cls
from mcc.lang.session import Session, l4_name
from mcc.lang.tested import is_hash_first, tests_tags
from mcc.protocols.headers import BY_KEY, FIELDS

_ORDER = {f.key: i for i, f in enumerate(FIELDS)}
_ORDER |= {"net.src": _ORDER["ip.src"], "net.dst": _ORDER["ip.dst"],
           "l4.sport": _ORDER["tcp.sport"], "l4.dport": _ORDER["tcp.dport"]}

def session_fields(s: Session, family: str) -> tuple[str, ...]:
    """Key fields of a session for packets of family "ip", "ip6" or "" (no network layer)."""
    out = [l4_name(f.key) for f in s.fields]
    return tuple(f"{family}.{k[4:]}" if k.startswith("net.") and family else k for k in out)


def union(sessions: Iterable[Session], family: str) -> tuple[str, ...]:
    """All fields of all sessions, in table order."""
    found = {f for s in sessions for f in session_fields(s, family)}
    return tuple(sorted(found, key=lambda k: (_ORDER.get(k, 999), k)))


def width(field: str) -> int:
    """Bits of a key field."""
    if field in ("l4.sport", "l4.dport"):
        return 16
    if field in BY_KEY:
        return BY_KEY[field].width
    raise KeyError(field)


def pack(fields: Sequence[str], more: Sequence[tuple[str, int]] = ()) -> tuple[tuple[KeyPart, ...], int]:
    """Places for the fields, and `more` (name, width), in 32-bit words: wide ones first, narrow ones share words.
    -> parts, number of words."""
    parts: list[KeyPart] = []
    word = 0
    for f in sorted(fields, key=lambda k: -width(k) if width(k) >= 32 else 0):
        if width(f) >= 32:
            parts.append(KeyPart(f, word, 0, width(f)))
            word += (width(f) + 31) // 32
    small = [(f, width(f)) for f in fields if width(f) < 32]
    small += more
    left = 0
    for f, w in small:
        if w > left:
            left, word = 32, word + 1
        left -= w
        parts.append(KeyPart(f, word - 1, left, w))
    return tuple(parts), max(1, word)


def key_layers(fields: Iterable[str]) -> frozenset[str]:
    """Layers that packets with this key must have; "l4" is TCP or UDP."""
    return frozenset(f.partition(".")[0] for f in fields)


def walk_sessions(graph: Graph, arc: Arc) -> tuple[int, ...]:
    """Session elements and contexts ("in" ends) of a walk, in walk order, each once."""
    out: list[int] = []
    for s in steps(arc.to):
        n = graph.nodes[s.node]
        if n.kind == "context":
            node = graph.context_of(n.id)
        elif s.inp == 0 and n.elem is not None and n.elem.__mcc_elem__.session is not None:
            node = n.id
        else:
            continue
        if node not in out:
            out.append(node)
    return tuple(out)


def make_kind(number: int, stage: int, fields: tuple[str, ...], with_port: bool, classes: Sequence[Cls],
              group: int = -1) -> KeyKind:
    """One kind of key. Ports are told apart by protocol, flows also by tags or by walk (docs/semantics.md 4)."""
    with_proto = any(f.startswith("l4.") for f in fields)
    first = group < 0 and is_hash_first(fields, classes)
    tags = first and tests_tags(classes)
    walk = group < 0 and not first
    more = [("proto", 8)] * with_proto + [("in.port", 8)] * with_port + [("tags", 8)] * tags + [("walk", 16)] * walk
    parts, words = pack(fields, more)
    return KeyKind(number, stage, parts, words, key_layers(fields), with_proto, with_port, first, group, tags, walk)
