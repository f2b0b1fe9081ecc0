"""How a field of the decision diagram is read and compared in C."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mcc.ir.classify import NET, TRANSPORT, DField
from mcc.lang.algebra import Header, Load, show_value
from mcc.lang.ranges import Ranges, complement
from mcc.protocols.dissect import LINK_NEEDS

_LINKS = ("MCC_LINK_ETHERNET", "MCC_LINK_RAW", "MCC_LINK_SLL", "MCC_LINK_SLL2", "MCC_LINK_NULL", "MCC_LINK_OPAQUE")
_ETYPES = {0x0800: "IPv4", 0x0806: "ARP", 0x86DD: "IPv6", 0x8035: "RARP", 0x8100: "802.1Q"}
_MEMBERS = {"in.port": "p->in_port", "link": "p->link", "vlans": "p->vlans", "etype": "p->etype", "wire": "p->wire_len"}


@dataclass(frozen=True)
class Value:
    """A field in C. `name`: an identifier or expression for its value; `setup`: what a variable of that name is
    initialised with, where it needs one; `kind`: "number", "layers", "captured" (a length) or "flag"."""

    field: DField
    name: str
    kind: str = "number"
    setup: str = ""
    type: str = ""
    start: str = ""

    @property
    def wide(self) -> bool:
        return self.field.top >= 1 << 64

    @property
    def comment(self) -> bool:
        return self.name != self.field.key.replace(".", "_")

    @property
    def element(self) -> str:
        """The type of a table of its values."""
        return "unsigned __int128" if self.wide else number_type(self.field.top)

    @property
    def switch(self) -> str:
        return f"p->layers & ({' | '.join(_bits(self)[1:])})" if self.kind == "layers" else self.name

    def at_least(self, n: int) -> str:
        """`n` bytes are captured behind the start."""
        return f"p->len >= {self.start} + {n}u" if self.start else f"p->len >= {n}"

    def below(self, n: int) -> str:
        return self.at_least(n).replace(">=", "<", 1)


def number_type(top: int) -> str:
    return next(f"uint{w}_t" for w in (8, 16, 32, 64) if top < 1 << w)


def value_of(field: DField) -> Value:
    if field.load is not None:
        return _load_value(field, field.load)
    if field.key in _MEMBERS:
        return Value(field, _MEMBERS[field.key])
    if field.key in ("net", "transport"):
        return Value(field, field.key, "layers")
    if field.key == "avail.link":
        return Value(field, "link_captured", "flag")
    return Value(field, re.sub(r"\W", "_", field.key), "captured", start=_base(field.key[6:]))


def _base(name: str) -> str:
    """The offset of a base from the start of the frame; empty for 0."""
    if name.startswith("x4@"):
        return f"{name[3:]}u + 4u * (p->data[{name[3:]}] & 15)"
    return {"abs": "", "l3": "p->l3", "l4": "p->l4"}[name]


def link_captured(name: str) -> str:
    """The function that says whether the link header's type field is captured."""
    cases = [f"    case {_LINKS[k]}:\n        return p->len >= {n};" for k, n in LINK_NEEDS.items()]
    return "\n".join([f"static inline bool {name}(const struct mcc_packet *p)", "{", "    switch (p->link) {", *cases,
                      "    default:", "        return false;", "    }", "}", ""])


def _load_value(field: DField, load: Load) -> Value:
    name = re.sub(r"\W+", "_", field.key)
    size = load.end - load.bit // 8
    shift = -(load.bit + load.width) % 8
    exact = load.bit % 8 == 0 and load.width % 8 == 0
    offset = load.bit // 8
    base = _base(load.base)
    at = f"{base} + {offset}" if base and offset else base or str(offset)
    text = _bytes(at, size)
    if not exact:
        mask = (1 << load.width) - 1
        text = f"({_unsigned(text)} >> {shift}) & {mask:#x}u" if shift else f"{_unsigned(text)} & {mask:#x}u"
    if load.mask:
        text = f"({text}) & {load.mask:#x}u"
    kind = "unsigned __int128" if size > 8 else "uint64_t" if size > 4 else "uint32_t"
    return Value(field, name, setup=text, type=f"const {kind}")


def _unsigned(text: str) -> str:
    return text if text.startswith("(") or "be32" in text else f"(uint32_t){text}"


def _bytes(at: str, size: int) -> str:
    """A big-endian read of `size` bytes at an offset of the frame."""
    if size == 1:
        return f"p->data[{at}]"
    if size in (2, 4, 6, 8, 16):
        return f"mcc_be{8 * size}(p->data + {at})"
    first = max(n for n in (1, 2, 4, 8) if n < size)
    kind = "unsigned __int128" if size > 8 else "uint64_t" if size > 4 else "uint32_t"
    high, low = _bytes(at, first), _bytes(_plus(at, first), size - first)
    return f"(({kind}){high} << {8 * (size - first)} | {low})"


def _plus(at: str, n: int) -> str:
    head, plus, last = at.rpartition(" + ")
    if last.isdigit():
        return f"{head}{plus}{int(last) + n}"
    return f"{at} + {n}"


def constant(v: Value, n: int) -> str:
    """A value as a C constant: hexadecimal for addresses and types, decimal for the rest."""
    if v.field.key == "link":
        return _LINKS[n]
    if v.wide:
        return f"MCC_128({n >> 64:#018x}, {n & (1 << 64) - 1:#018x})"
    if v.field.top > 0xFFFFFFFF:
        return f"{n:#014x}"
    if v.field.key == "etype":
        return f"{n:#06x}"
    return f"{n:#010x}" if v.field.key.endswith((".src", ".dst", ".spa", ".tpa")) else str(n) + ("u" if n >> 31 else "")


def _note(v: Value, lo: int, hi: int) -> str:
    """A comment that says an address or type as people write it."""
    if v.field.key == "etype":
        return f" /* {_ETYPES[lo]} */" if lo == hi and lo in _ETYPES else ""
    layer, _, name = v.field.key.partition(".")
    if v.field.top < 0xFFFFFFFF or name not in ("src", "dst", "spa", "tpa", "sha", "tha") or v.field.load is None \
            or v.field.load.mask:
        return ""

    def show(n: int) -> str:
        return show_value(Header(layer, name), n)
    if lo == hi:
        return f" /* {show(lo)} */"
    size = hi - lo + 1
    if size & (size - 1) == 0 and lo & (size - 1) == 0:
        return f" /* {show(lo)}/{v.field.top.bit_length() - size.bit_length() + 1} */"
    return f" /* {show(lo)} - {show(hi)} */"


def _bits(v: Value) -> list[str]:
    return ["0", *(f"MCC_{n.upper()}" for n in (NET if v.field.key == "net" else TRANSPORT)[1:])]


def condition(v: Value, ranges: Ranges, negated: bool = False) -> str:
    """An expression that is true where the value lies (does not lie) in the ranges."""
    if v.kind == "layers":
        inside = {i for lo, hi in ranges for i in range(lo, hi + 1)}
        if negated:
            inside = set(range(v.field.top + 1)) - inside
        bits = _bits(v)
        if 0 not in inside:
            return _any_bit([bits[i] for i in sorted(inside)])
        return "!(" + _any_bit([b for i, b in enumerate(bits) if i not in inside]) + ")"
    if len(ranges) == 1 and not negated:
        return _inside(v, *ranges[0]) + _note(v, *ranges[0])
    prefix = _is_prefix(v, *ranges[0]) if ranges else False
    if negated and len(ranges) == 1 and (prefix or ranges[0][0] == ranges[0][1]):
        return _negated(v, *ranges[0]) + _note(v, *ranges[0])
    if negated:
        ranges = complement(ranges, v.field.top.bit_length()) if v.field.top & (v.field.top + 1) == 0 else \
            tuple((lo, min(hi, v.field.top)) for lo, hi in complement(ranges, 64) if lo <= v.field.top)
    tests = [_inside(v, lo, hi) for lo, hi in ranges]
    return tests[0] if len(tests) == 1 else " || ".join(f"({t})" for t in tests)


def _negated(v: Value, lo: int, hi: int) -> str:
    if lo < hi and lo == 0:
        return f"{v.name} > {constant(v, hi)}"
    if lo < hi and hi == v.field.top:
        return f"{v.name} < {constant(v, lo)}"
    return _inside(v, lo, hi).replace("==", "!=")


def _is_prefix(v: Value, lo: int, hi: int) -> bool:
    """The values that share some first bits, of a field of 32 bits."""
    size = hi - lo + 1
    return v.field.top == 0xFFFFFFFF and 1 < size < 1 << 32 and size & (size - 1) == 0 and lo & (size - 1) == 0


def _any_bit(bits: list[str]) -> str:
    return f"p->layers & {bits[0]}" if len(bits) == 1 else f"p->layers & ({' | '.join(bits)})"


def _inside(v: Value, lo: int, hi: int) -> str:
    if lo == hi:
        return f"{v.name} == {constant(v, lo)}"
    if lo == 0:
        return f"{v.name} <= {constant(v, hi)}"
    if hi == v.field.top:
        return f"{v.name} >= {constant(v, lo)}"
    if _is_prefix(v, lo, hi):
        return f"({v.name} & {0xFFFFFFFF ^ (hi - lo):#010x}) == {constant(v, lo)}"
    return f"{v.name} >= {constant(v, lo)} && {v.name} <= {constant(v, hi)}"


def show_case(v: Value, ranges: Ranges) -> list[str]:
    """Case labels of a switch."""
    if v.kind == "layers":
        return [f"case {_bits(v)[i]}:" for lo, hi in ranges for i in range(lo, hi + 1)]
    out = []
    for lo, hi in ranges:
        first = f"case {constant(v, lo)}" if lo == hi else f"case {constant(v, lo)} ... {constant(v, hi)}"
        out.append(f"{first}:{_note(v, lo, hi)}")
    return out
