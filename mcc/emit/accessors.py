"""Accessors of header fields: `pkt_ip_src(p)`, `pkt_set_ip_src(p, v)`, printed from the header table, only those used.

Each is one load, or one store with the checksum differences of RFC 1624, by the primitives of mcc_header.h. Fields
that do not fill whole bytes are changed inside the 16-bit word that holds them.
"""

from __future__ import annotations

from collections.abc import Iterable

from mcc.emit.lines import wrap_list
from mcc.ir import func as h
from mcc.ir.element import Code
from mcc.ir.lir import walk
from mcc.protocols.headers import BY_LAYER, HeaderField, int_width

BASE = {"eth": "", "vlan": "12", "arp": "p->l3", "ip": "p->l3", "ip6": "p->l3", "tcp": "p->l4", "udp": "p->l4",
        "icmp": "p->l4", "icmp6": "p->l4", "l4": "p->l4"}
"""Where layers start. Tags begin behind the two MACs (only Ethernet has them as a layer)."""

WHOLE = (16, 32, 48, 128)


def getter(layer: str, name: str) -> str:
    return f"pkt_{layer}_{name}"


def setter(layer: str, name: str) -> str:
    return f"pkt_set_{layer}_{name}"


def print_accessors(codes: Iterable[Code]) -> str:
    """Accessors for all header fields that the handlers of a module read or write, in the table's order."""
    reads: set[tuple[str, str]] = set()
    writes: set[tuple[str, str]] = set()
    for code in codes:
        for f in (*(x.func for x in code.handlers), *code.inlines):
            places = {id(s.place) for s in walk(f.body) if isinstance(s, h.Store)}
            for n in walk(f.body):
                if isinstance(n, h.Header):
                    (writes if id(n) in places else reads).add((n.layer, n.name))
    out = []
    for layer, named in BY_LAYER.items():
        for name, field in named.items():
            out += [_getter(field)] if (layer, name) in reads else []
            out += [_setter(field)] if (layer, name) in writes else []
    return "\n".join(out)


def _at(f: HeaderField, byte: int) -> str:
    terms = [x for x in (BASE[f.layer], str(byte) if byte else "") if x]
    if f.layer == "vlan":
        terms = [str(12 + byte)]
    return " + ".join(["p->data", *terms])


def _c_type(f: HeaderField) -> str:
    width = int_width(f)
    return "bool" if f.width == 1 else "mcc_u128" if width == 128 else f"uint{width}_t"


def _function(head: str, args: list[str], body: list[str]) -> str:
    return "\n".join([*wrap_list(f"{head}(", args, ")", 0), "{", *(f"    {row}" for row in body), "}", ""])


def _getter(f: HeaderField) -> str:
    head = f"static inline {_c_type(f)} {getter(f.layer, f.name)}"
    return _function(head, ["const struct mcc_packet *p"], [f"return {_load(f)};"])


def _load(f: HeaderField) -> str:
    if f.key == "eth.type":
        return "p->etype"
    byte, bit = divmod(f.bit, 8)
    if bit == 0 and f.width == 8:
        return f"*({_at(f, byte)})"
    if f.bit % 8 == 0 and f.width in WHOLE:
        return f"mcc_load{f.width}({_at(f, byte)})"
    mask = (1 << f.width) - 1
    size = _span(f)
    low = size * 8 - bit - f.width
    word = f"*({_at(f, byte)})" if size == 1 else f"mcc_load{size * 8}({_at(f, byte)})"
    moved = f"{word} >> {low}" if low else word
    if f.width == 1:
        return f"({moved} & 1) != 0" if low else f"({word} & 1) != 0"
    kind = int_width(f)
    if low + f.width < size * 8 and f.width < kind:
        moved = f"({moved}) & {mask:#x}" if low else f"{moved} & {mask:#x}"
        return f"(uint{kind}_t)({moved})" if size * 8 > kind else moved
    return f"(uint{kind}_t)({moved})"


def _span(f: HeaderField) -> int:
    """Bytes to load for a field of odd bits: 1, 2 or 4, from its first byte on."""
    last = (f.bit + f.width - 1) // 8
    return next(n for n in (1, 2, 4) if last - f.bit // 8 + 1 <= n)


def _cover(f: HeaderField) -> str:
    """The `cover` argument; addresses are in layer 4's checksum only where that has a pseudo header."""
    if f.layer in ("ip", "ip6"):
        own = "MCC_FIX_IP" if "ip" in f.cover else "0"
        return f"mcc_cover_address(p, {own})" if "l4" in f.cover else own
    return "MCC_FIX_L4" if "l4" in f.cover else "0"


def _setter(f: HeaderField) -> str:
    head = f"static inline void {setter(f.layer, f.name)}"
    return _function(head, ["struct mcc_packet *p", f"{_c_type(f)} v"], _store(f))


def _store(f: HeaderField) -> list[str]:
    byte, bit = divmod(f.bit, 8)
    if f.key == "eth.type":
        return ["mcc_write_etype(p, v);"]
    if bit == 0 and f.width in WHOLE:
        if f.cover:
            return [f"mcc_write{f.width}(p, {_at(f, byte)}, v, {_cover(f)});"]
        return [f"mcc_store{f.width}({_at(f, byte)}, v);"]
    if bit == 0 and f.width == 8 and not f.cover:
        return [f"*({_at(f, byte)}) = v;"]
    return _store_bits(f)


def _store_bits(f: HeaderField) -> list[str]:
    """Inside the 16-bit (or, for wider ones, 32-bit) word of the header that holds the field."""
    first = f.bit // 16 * 2
    bits = 16 if f.bit + f.width <= first * 8 + 16 else 32
    low = first * 8 + bits - f.bit - f.width
    mask = ((1 << f.width) - 1) << low
    keep = ~mask & ((1 << bits) - 1)
    t = f"uint{bits}_t"
    moved = f"({t})v << {low}" if low else f"({t})v"
    limit = "" if int_width(f) == f.width or f.width == 1 else f" & {mask:#x}"
    moved = f"({moved}{limit})" if limit or low else moved
    word = f"mcc_load{bits}({_at(f, first)}) & {keep:#x}"
    joined = f"({t})(({word}) | {moved})"
    if f.cover:
        return [f"{t} word = {joined};", f"mcc_write{bits}(p, {_at(f, first)}, word, {_cover(f)});"]
    return [f"{t} word = {joined};", f"mcc_store{bits}({_at(f, first)}, word);"]
