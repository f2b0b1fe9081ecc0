"""Where libpcap's compiler reads: one view of a frame for each link type and number of VLAN tags before it.

The keyword `vlan` moves every later read behind one more tag, for the rest of the text, whatever `or` says. A view of
depth k is a frame behind k tags. Where the frame is known to have k tags (or so few bytes that the read is short) the
view asks the parser (`vlans`, `etype`, l3, l4); else it also reads at the absolute place, as libpcap does, and what
it finds there need not be a header.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mcc.lang.algebra import ANY, NONE, Cls, Load, Need, Test, conj, disj, meta
from mcc.lang.ranges import Ranges, complement, contains, intersect, of
from mcc.protocols.dissect import ETHERNET, LINK_NEEDS, LINK_OF_DLT, MAX_TAGS, NULL, RAW, SLL, SLL2, TAGS

IP, IP6, ARP, RARP = 0x0800, 0x86DD, 0x0806, 0x8035
_TAG_SET = of(TAGS)
_TYPE_AT = {ETHERNET: 12, SLL: 14, SLL2: 0}
_FAMILIES = {IP: (2,), IP6: (24, 28, 30)}
"""Address families of loopback frames in captures (BSD's numbers); DLT_NULL has them in the writer's byte order."""


@dataclass(frozen=True)
class View:
    """`dlt`: the capture's link type, None for any link the parser knows; `depth`: VLAN tags before the header."""

    dlt: int | None
    depth: int

    def linktype(self, etypes: Ranges) -> Cls:
        """The EtherType is one of these."""
        raise NotImplementedError

    def l3(self, bit: int, width: int, mask: int = 0) -> Load:
        raise NotImplementedError

    def l4(self, version: int, bit: int, width: int, mask: int = 0) -> Load:
        """Behind the IP header: for version 4 by its length field, for 6 behind 40 bytes."""
        raise NotImplementedError

    def etype(self, value: int) -> Cls:
        return self.linktype(of([value]))


class Parsed(View):
    """Reads relative to what the parser found."""

    def linktype(self, etypes: Ranges) -> Cls:
        kind = None if self.dlt is None else LINK_OF_DLT[self.dlt]
        if self.dlt in (228, 229):
            return ANY if contains(etypes, IP if self.dlt == 228 else IP6) else NONE
        if kind == RAW:
            nibbles = of(n for n, t in ((4, IP), (6, IP6)) if contains(etypes, t))
            return Test(Load("abs", 0, 4), nibbles) if nibbles else NONE
        if kind == NULL:
            families = [f for t in (IP, IP6) if contains(etypes, t) for f in _FAMILIES[t]]
            words = of([*families, *(f << 24 for f in families if self.dlt == 0)])
            return Test(Load("abs", 0, 32), words) if words else NONE
        tags = intersect(etypes, _TAG_SET)
        plain = conj((meta("vlans", (self.depth, self.depth)), meta("etype", *etypes)))
        return conj((self._link_header(kind), disj((plain, self._behind_more(tags, kind)))))

    def _link_header(self, kind: int | None) -> Cls:
        if self.depth:
            return Need("abs", 14 + 4 * self.depth)
        return Need("link", 1) if kind is None else Need("abs", LINK_NEEDS[kind])

    def _behind_more(self, tags: Ranges, kind: int | None) -> Cls:
        """There are more tags than `depth`, and the next TPID is one of these."""
        if not tags or self.depth >= MAX_TAGS:
            return NONE
        more = meta("vlans", (self.depth + 1, MAX_TAGS))
        if tags == _TAG_SET:
            return more
        where = [(k, 8 * at + 32 * self.depth) for k, at in _TYPE_AT.items() if kind in (None, k)]
        return conj((more, disj(conj((meta("link", (k, k)), Test(Load("abs", bit, 16), tags))) for k, bit in where)))

    def l3(self, bit: int, width: int, mask: int = 0) -> Load:
        return Load("l3", bit, width, mask)

    def l4(self, version: int, bit: int, width: int, mask: int = 0) -> Load:
        if self.dlt == 228 and version == 4:
            return Load("x4@0", bit, width, mask)
        if self.dlt in (0, 108, 229) and version == 6:
            return Load("l3", 320 + bit, width, mask)
        return Load("l4", bit, width, mask)


class Absolute(View):
    """Reads where a frame with `depth` tags would have its header, whatever is there. Ethernet only."""

    @property
    def _start(self) -> int:
        return 14 + 4 * self.depth

    def linktype(self, etypes: Ranges) -> Cls:
        return Test(Load("abs", 8 * (self._start - 2), 16), etypes)

    def l3(self, bit: int, width: int, mask: int = 0) -> Load:
        return Load("abs", 8 * self._start + bit, width, mask)

    def l4(self, version: int, bit: int, width: int, mask: int = 0) -> Load:
        if version == 4:
            return Load(f"x4@{self._start}", bit, width, mask)
        return Load("abs", 8 * (self._start + 40) + bit, width, mask)


def at_depth(dlt: int | None, depth: int, sure: int, primitive: Callable[[View], Cls]) -> Cls:
    """The primitive behind `depth` tags, where at least `sure` tags are known to be there, or cut."""
    parsed, absolute = Parsed(dlt, depth), Absolute(dlt, depth)
    if depth == 0:
        return primitive(parsed)
    if depth > MAX_TAGS:
        found = primitive(absolute)
    elif sure >= depth:
        found = primitive(parsed)
    else:
        found = disj((conj((meta("vlans", (depth, MAX_TAGS)), primitive(parsed))),
                      conj((meta("vlans", (0, depth - 1)), primitive(absolute)))))
    return conj((meta("link", (ETHERNET, ETHERNET)), found)) if dlt is None else found


def wide(load: Load, ranges: Ranges, words: list[tuple[Load, Ranges]]) -> Cls:
    """A value that libpcap compares in several words, in this order: a cut frame can be false before it is short."""
    end = meta("avail.abs" if load.base == "abs" else "avail.l3", (load.end, (1 << 32) - 1))
    inside = meta(end.subject.name, *complement(end.ranges, 32))  # type: ignore[union-attr]
    return disj((conj((end, Test(load, ranges))), conj((inside, *(Test(w, r) for w, r in words)))))
