"""C for session keys: building one from a packet, its mirror, a part of it."""

from __future__ import annotations

from collections.abc import Sequence

from mcc.ir.plan import KeyKind, KeyPart
from mcc.lang.tested import MIRROR
from mcc.protocols.headers import BY_KEY, LAYERS

_BASE = {"eth": "0", "vlan": "p->l3 - 4u * p->vlans - 2u", "arp": "p->l3", "ip": "p->l3", "ip6": "p->l3"}
_WIDE = {"tcp": ("tcp",), "l4": ("tcp", "udp"), "net": ("ip", "ip6")}


def guard(kind: KeyKind) -> str:
    """C condition: the packet `p` has the layers of the key."""
    tests = []
    for layer in sorted(kind.layers - {"in", "raw"}):
        names = _WIDE.get(layer, (layer,))
        bits = " | ".join(f"MCC_{n.upper()}" for n in names)
        tests.append(f"p->layers & ({bits})" if len(names) > 1 else f"p->layers & {bits}")
    return " && ".join(f"({t})" for t in tests) or "true"


def _offset(layer: str, byte: int) -> str:
    base = _BASE.get(layer, "p->l4")
    if base == "0":
        return str(byte)
    return f"{base} + {byte}" if byte else base


def _load(field: str, bit: int, width: int) -> str:
    """Bits of a header field in host order, at most 32 of them."""
    layer, _, _ = field.partition(".")
    first, last = bit // 8, (bit + width - 1) // 8
    size = next(n for n in (1, 2, 4) if last - first + 1 <= n)
    at = _offset(layer, first)
    value = {1: f"p->data[{at}]", 2: f"mcc_be16(p->data + {at})", 4: f"mcc_be32(p->data + {at})"}[size]
    shift = (first + size) * 8 - bit - width
    if shift:
        value = f"({value} >> {shift})"
    return value if width in (8, 16, 32) and not shift else f"({value} & {(1 << width) - 1:#x}u)"


def _word_parts(kind: KeyKind, word: int) -> list[KeyPart]:
    return [p for p in kind.parts if p.word <= word < p.word + (p.width + 31) // 32]


def bits_of(field: str) -> tuple[int, int]:
    """First bit and width of a key field in its layer."""
    if field.startswith("l4."):
        return (0 if field == "l4.sport" else 16), 16
    f = BY_KEY[field]
    return f.bit, f.width


def _part_value(part: KeyPart, word: int) -> str:
    if part.field == "proto":
        return "p->proto"
    if part.field == "in.port":
        return "p->in_port"
    if part.field == "tags":
        return "(p->vlans | (uint32_t)p->link << 4)"
    if part.field == "walk":
        return "walk"
    bit, width = bits_of(part.field)
    if width <= 32:
        return _load(part.field, bit, width)
    start = bit + 32 * (word - part.word)
    return _load(part.field, start, min(32, bit + width - start))


def build(kind: KeyKind) -> list[str]:
    """One C expression a word of the key of packet `p`."""
    out = []
    for w in range(kind.words):
        parts = _word_parts(kind, w)
        if [p.field for p in parts] == ["l4.sport", "l4.dport"]:
            out.append("mcc_be32(p->data + p->l4)")
            continue
        out.append(" | ".join(_shifted(_part_value(p, w), p.shift) for p in parts) or "0")
    return out


def _shifted(value: str, shift: int) -> str:
    return f"(uint32_t){value} << {shift}" if shift else value


def take(part: KeyPart, word: int, key: str) -> str:
    """The bits of one part in word `word` of `key` (a C pointer), shifted down."""
    value = f"{key}->word[{word}]"
    if part.width >= 32:
        return value
    value = f"{value} >> {part.shift}" if part.shift else value
    top = part.shift + part.width == 32
    return f"({value})" if top and part.shift else value if top else f"({value} & {(1 << part.width) - 1:#x}u)"


def mirror(kind: KeyKind) -> list[str]:
    """One C expression a word of the answer's key, from `key`; `port` is where answers come in."""
    out = []
    for w in range(kind.words):
        terms = []
        for p in _word_parts(kind, w):
            other = kind.part(MIRROR.get(p.field, p.field)) or p
            value = "port" if p.field == "in.port" else take(other, other.word + w - p.word, "key")
            terms.append(_shifted(value, p.shift))
        if [p.field for p in _word_parts(kind, w)] == ["l4.sport", "l4.dport"]:
            terms = [f"key->word[{w}] << 16 | key->word[{w}] >> 16"]
        out.append(" | ".join(terms) or "0")
    return out


def project(kind: KeyKind, coarse: KeyKind) -> list[str]:
    """One C expression a word of the coarser key, from `key` of the finer kind."""
    out = []
    for w in range(coarse.words):
        terms = []
        for p in _word_parts(coarse, w):
            fine = kind.part(p.field)
            assert fine is not None
            terms.append(_shifted(take(fine, fine.word + w - p.word, "key"), p.shift))
        out.append(" | ".join(terms) or "0")
    return out


def reply_mask(said: Sequence[object]) -> str:
    """Which of src, sport, dst, dport `flow.reply_key` says, in C; None stands for what it does not."""
    names = [f"MCC_REPLY_{n}" for n, x in zip(("SRC", "SPORT", "DST", "DPORT"), said, strict=True) if x is not None]
    return "MCC_REPLY_ALL" if len(names) == 4 else " | ".join(names)


def reply_words(kind: KeyKind) -> list[str] | None:
    """Words of the key that `flow.reply_key(src, sport, dst, dport)` names, from `key` (the answer's key so
    far) what is not `said`; None where the kind has no addresses and ports of IPv4."""
    names = {"ip.src": "src", "ip.dst": "dst", "l4.sport": "sport", "l4.dport": "dport"}

    def value(p: KeyPart, w: int) -> str:
        name, old = names.get(p.field), take(p, w, "key")
        return f"(said & MCC_REPLY_{name.upper()} ? {name} : {old})" if name else old

    if not all(kind.part(f) for f in names):
        return None
    out = []
    for w in range(kind.words):
        terms = [_shifted(value(p, w), p.shift) for p in _word_parts(kind, w)]
        out.append(" | ".join(terms) or "0")
    return out


assert set(_BASE) <= set(LAYERS)
