"""Patterns of Click's Classifier: `12/0806 20/0001`, offsets in bytes from the start of the frame, values in hex.

    pattern := "-" | clause clause*        all clauses hold; "-" is every packet
    clause  := ["!"] OFFSET "/" VALUE ["%" MASK]
    VALUE, MASK := an even number of hex digits; "?" in VALUE is a nibble that does not matter

A frame too short for a clause is not in the class. On Ethernet clauses are recognised by the header table, so that
they share their tests with named fields: 12/0806 is "no VLAN tag and EtherType 0x0806"; behind such a clause offsets
from 14 on are fields of that header, and behind `14/45` those from 34 on are of the transport header.
"""

from __future__ import annotations

import re

from mcc.diag import CompileError, Diagnostic, Span
from mcc.lang.algebra import ANY, Cls, Load, Need, Test, conj, disj, meta, negate
from mcc.lang.ranges import of, prefix
from mcc.protocols.dissect import ETHERNET
from mcc.protocols.headers import BY_LAYER

_CLAUSE = re.compile(r"(!*)(\d+)/([0-9a-fA-F?]+)(?:%([0-9a-fA-F?]+))?")
_LAYER = {0x0800: "ip", 0x0806: "arp", 0x86DD: "ip6"}
_TRANSPORT = {6: "tcp", 17: "udp", 1: "icmp"}


class _Clause:
    """`length` bytes at `offset` with `value` under `mask`."""

    def __init__(self, negated: bool, offset: int, value: bytes, mask: bytes) -> None:
        self.negated, self.offset = negated, offset
        self.value, self.mask = bytes(v & m for v, m in zip(value, mask, strict=True)), mask

    @property
    def end(self) -> int:
        return self.offset + len(self.value)

    @property
    def plain(self) -> bool:
        return not self.negated and set(self.mask) == {0xFF}

    def byte(self, at: int) -> int | None:
        """The byte that the clause demands at an offset of the frame."""
        return self.value[at - self.offset] if self.plain and self.offset <= at < self.end else None


def parse(text: str, where: Span | None = None) -> Cls:
    """The class of a pattern. Raises CompileError that points into the text."""
    found: list[_Clause] = []
    words = list(re.finditer(r"\S+", text))
    for m in words:
        if m.group() == "-" and len(words) == 1:
            return ANY.named("-")
        clause = _CLAUSE.fullmatch(m.group())
        if clause is None:
            raise _error(text, m.start(), m.end(), f"{m.group()!r} is not OFFSET/VALUE", where)
        try:
            found.append(_clause(*clause.groups()))
        except ValueError as e:
            raise _error(text, m.start(), m.end(), f"{m.group()!r}: {e}", where) from None
    if not found:
        raise _error(text, 0, max(1, len(text)), "the pattern is empty", where)
    plain = conj(_clause_class(c, Load("abs", 0, 0)) for c in found)
    known = _recognised(found)
    ethernet = meta("link", (ETHERNET, ETHERNET))
    both = plain if known is None else disj((conj((ethernet, known)), conj((negate(ethernet), plain))))
    return both.named(" ".join(text.split()))


def _error(text: str, start: int, end: int, message: str, where: Span | None) -> CompileError:
    hint = 'such as "12/0806 20/0001", "33/02%12", "!30/e0", "26/0a??", or "-" for everything'
    also = ((where, "in this call"),) if where else ()
    return CompileError((Diagnostic("error", Span("<pattern>", 1, start, 1, end), message, hint,
                                    text.replace("\n", " ") + " ", also),))


def _clause(bangs: str, offset: str, value: str, mask: str | None) -> _Clause:
    if len(value) % 2:
        raise ValueError("an odd number of digits")
    if mask is not None and len(mask) != len(value):
        raise ValueError("the mask is not as long as the value")
    if int(offset) + len(value) // 2 > 65535:
        raise ValueError("the offset is behind any frame")
    cares = "".join("0" if d == "?" else "f" for d in value)
    bits = bytes(a & b for a, b in zip(bytes.fromhex(cares), bytes.fromhex((mask or "ff" * (len(value) // 2))
                                                                          .replace("?", "0")), strict=True))
    return _Clause(len(bangs) % 2 == 1, int(offset), bytes.fromhex(value.replace("?", "0")), bits)


def _recognised(clauses: list[_Clause]) -> Cls | None:
    """The clauses with reads behind the headers that they themselves promise, for Ethernet."""
    at = {o: b for c in clauses for o in range(c.offset, c.end) if (b := c.byte(o)) is not None}
    etype = at.get(12, 0) << 8 | at.get(13, 0)
    if etype not in _LAYER:
        return None
    known = conj((Need("abs", 14), meta("vlans", (0, 0)), meta("etype", (etype, etype))))
    layer = _LAYER[etype]
    start, transport = 0, ""
    if layer == "ip" and at.get(14) == 0x45:
        start, transport = 34, _TRANSPORT.get(at.get(23, -1), "")
    elif layer == "ip6":
        start, transport = 54, _TRANSPORT.get(at.get(20, -1), "")
    parts = [known]
    for c in clauses:
        if c.end <= 14 and c.plain and c.offset == 12:
            continue
        base = Load("abs", 0, 0)
        if start and c.offset >= start:
            base = Load("l4", start, 0)
        elif c.offset >= 14:
            base = Load("l3", 14, 0)
        parts.append(_clause_class(c, base, transport if base.base == "l4" else layer if base.base == "l3" else "eth"))
    return conj(parts)


def _clause_class(c: _Clause, base: Load, layer: str = "eth") -> Cls:
    """All its bytes; `base`: the base to read behind, with the frame's offset of that base in `bit`."""
    need = Need(base.base, c.end - base.bit) if base.base != "abs" else Need("abs", c.end)
    tests = []
    at = c.offset
    while at < c.end:
        size = _size(layer, 8 * (at - base.bit), c.end - at)
        value = int.from_bytes(c.value[at - c.offset :][:size], "big")
        mask = int.from_bytes(c.mask[at - c.offset :][:size], "big")
        tests.append(_field(Load(base.base, 8 * (at - base.bit), 8 * size), mask, value))
        at += size
    return conj((need, negate(conj(tests)) if c.negated else conj(tests)))


def _size(layer: str, bit: int, left: int) -> int:
    """Bytes of the field that starts here and fits, else as many as make one read."""
    fits = [f.width // 8 for f in BY_LAYER.get(layer, {}).values()
            if f.bit == bit and f.width % 8 == 0 and f.width // 8 <= left]
    return max(fits) if fits else next(n for n in (4, 2, 1) if n <= left)


def _field(load: Load, mask: int, value: int) -> Cls:
    low = ~mask & ((1 << load.width) - 1)
    if low & (low + 1) == 0:
        return Test(load, prefix(value, load.width - low.bit_length(), load.width))
    return Test(Load(load.base, load.bit, load.width, mask), of([value]))
