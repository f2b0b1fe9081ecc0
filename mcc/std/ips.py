"""Intrusion prevention on streams: literals, and rules of several contents (paper, figure 11)."""

import functools
from collections.abc import Sequence
from typing import Annotated, Any

from mcc import (
    CLOSE,
    DROP,
    PASS,
    TCP4,
    UDP4,
    Action,
    Array,
    Counter,
    Element,
    IndexOf,
    Len,
    Mark,
    Stream,
    Table,
    alert,
    element,
    struct,
    u8,
    u16,
    u32,
    u64,
)
from mcc.diag import Span
from mcc.std.given import U32_MAX, called_right, is_list, is_whole, refuse, user_span
from mcc.std.rules import ACTIONS, ALONE, BEHIND, Compiled, Content, Rule, RuleError, compile_rules
from mcc.std.words import printable


@element(session=TCP4 | UDP4, name="IPS")
class Literals(Element):
    """`IPS` with words alone: the search of WordMatcher, with its fast engines."""

    words: list[bytes]
    action: str
    id: u32

    def setup(self) -> None:
        self.texts = [printable(w) for w in self.words]
        self.found = Counter()

    def process_data(self, stream: Stream) -> Action:
        bad = False
        for m in stream.matches(self.words):
            self.found += 1
            alert(self.id + u32(m.index), self.texts[m.index])
            if self.action == "close":
                return CLOSE
            if self.action == "drop":
                bad = True
        if self.action == "drop":
            if bad:
                return DROP
        return PASS


@functools.cache
def rule_element(size: int) -> type[Element]:
    """The element of rules that need `size` slots, a power of two."""

    @struct
    class Progress:
        """Where in its automaton a direction is; what rules have seen; what may have to be held."""

        slots: Annotated[Array[u64], Len(size)]
        state: Annotated[u16, IndexOf("dfa")] = 0
        safe: Mark = Mark()
        later: Mark = Mark()
        later_at: u64 = 0

    @element(session=TCP4 | UDP4, scratch=Progress, name="IPS")
    class Rules(Element):
        """`IPS` with rules. `holds`: a rule drops or closes, so the bytes of its contents wait until they are whole."""

        compiled: Compiled

        def setup(self) -> None:
            c = self.compiled
            self.holds = any(r.action != "alert" for r in c.rules)
            self.drops = any(r.action == "drop" for r in c.rules)
            self.mask = size - 1
            self.rings = c.most_ring + 1
            self.hits = c.hits
            self.dfa = Table(u16, c.rows)
            self.depth = Table(u16, c.depths)
            ends = [sum(map(len, c.outs[:i])) for i in range(len(c.outs) + 1)]
            self.begin = Table(u32, ends)
            self.out = Table(u32, [i for out in c.outs for i in out] or [0])
            self.kind = Table(u16, [s.kind for s in c.steps])
            self.ring = Table(u16, [s.ring for s in c.steps])
            self.source_ring = Table(u16, [s.source_ring for s in c.steps])
            self.low = Table(u64, [s.low for s in c.steps])
            self.high = Table(u64, [s.high for s in c.steps])
            self.gap = Table(u64, [s.gap for s in c.steps])
            self.reach = Table(u64, [s.reach for s in c.steps])
            self.size = Table(u64, [c.sizes[s.pattern] for s in c.steps])
            self.source = Table(u16, [max(0, s.source) for s in c.steps])
            self.keeps = Table(u8, [s.slot >= 0 for s in c.steps])
            self.slot = Table(u16, [max(0, s.slot) for s in c.steps])
            self.rule = Table(u16, [s.rule for s in c.steps])
            self.bit = Table(u64, [1 << s.bit if s.bit >= 0 else 0 for s in c.steps])
            self.done_slot = Table(u16, [slot for slot, _ in c.done])
            self.done = Table(u64, [mask for _, mask in c.done])
            self.act = Table(u8, [ACTIONS.index(r.action) for r in c.rules])
            self.ids = Table(u32, [r.id for r in c.rules])
            self.texts = [printable(r.text) for r in c.rules]
            self.found = Counter()

        def process_data(self, s: Progress, stream: Stream) -> Action:
            bad = False
            before = stream.mark()
            for b in stream:
                s.state = self.dfa[s.state, b]
                if self.holds:  # `safe`: before every possible occurrence, by at most as much as one may be long
                    depth = self.depth[s.state]
                    here = stream.mark()
                    if depth <= 1 or u64(depth) <= stream.position - s.later_at:
                        s.safe = here if depth == 0 else before if depth == 1 else s.later
                        s.later = here
                        s.later_at = stream.position
                    before = here
                if s.state < self.hits:
                    continue
                end = stream.position
                hit = u32(s.state) - u32(self.hits)
                for j in range(self.begin[hit], self.begin[hit + 1]):
                    i = self.out[j]
                    there = False
                    if self.kind[i] == ALONE:
                        there = end - self.size[i] >= self.low[i] and end <= self.high[i]
                    elif self.kind[i] == BEHIND:
                        ended = s.slots[self.source[i]]
                        there = ended != 0 and ended + self.gap[i] <= end
                    elif end > self.gap[i]:
                        newest = s.slots[self.source[i]]
                        first = end - self.reach[i] if end > self.reach[i] else u64(1)
                        last = min(newest, end - self.gap[i])
                        for k in range(self.rings):
                            word = (first >> 6) + u64(k)
                            if there or first > last or word > last >> 6:
                                break
                            slot = u32(self.source[i]) + 1 + (u32(word) & u32(self.source_ring[i] - 1))
                            bits = s.slots[slot & self.mask]
                            if word == first >> 6:
                                bits = bits >> (first & 63) << (first & 63)
                            if word == last >> 6:
                                bits = bits << (63 - (last & 63))
                            there = bits != 0
                    if not there:
                        continue
                    if self.keeps[i] != 0:
                        at = u32(self.slot[i])
                        newest_end = s.slots[at]
                        if self.ring[i] == 0:
                            if newest_end == 0:
                                s.slots[at] = end
                        else:
                            for k2 in range(self.rings):
                                fresh = (newest_end >> 6) + 1 + u64(k2)
                                if fresh > end >> 6:
                                    break
                                s.slots[(at + 1 + (u32(fresh) & u32(self.ring[i] - 1))) & self.mask] = 0
                            place = (at + 1 + (u32(end >> 6) & u32(self.ring[i] - 1))) & self.mask
                            s.slots[place] = s.slots[place] | u64(1) << (end & 63)
                            s.slots[at] = end
                    else:
                        rule = self.rule[i]
                        of = self.done_slot[rule]
                        was = s.slots[of] & self.done[rule]
                        s.slots[of] = s.slots[of] | self.bit[i]
                        if was != self.done[rule] and was | self.bit[i] == self.done[rule]:
                            self.found += 1
                            alert(self.ids[rule], self.texts[rule])
                            if self.act[rule] == 2:
                                return CLOSE
                            if self.act[rule] == 1:
                                bad = True
            if self.drops:
                if bad:
                    return DROP
            if self.holds:
                if self.depth[s.state] != 0:
                    stream.hold(s.safe)
            return PASS

    return Rules


def _made_at(span: Span, node: Element) -> Element:
    """The element with the user's place, not that of a call in here."""
    node.span = span
    return node


def _check(words: Any, rules: Any, action: Any, id: Any) -> None:
    """What an IPS is given, by type. Raises RuleError."""
    if not is_list(words, bytes):
        raise RuleError(f"the words of an IPS are a list of bytes, not {words!r}", 'IPS([b"ATTACK"])')
    if not is_list(rules, Rule):
        what = "" if is_list(rules, object) else f", not one {type(rules).__name__}"
        raise RuleError(f"the rules of an IPS are a list of Rule{what}", 'IPS(rules=[Rule([Content(b"ATTACK")])])')
    if action not in ACTIONS:
        raise RuleError(f"an IPS cannot {action!r}", f"one of {', '.join(ACTIONS)}")
    if not is_whole(id, 0, U32_MAX - len(words)):
        raise RuleError(f"id={id!r} is not a number of an alert", f"from 0 to {U32_MAX}, less the number of words")


@called_right
def IPS(words: Sequence[bytes] = (), rules: Sequence[Rule] = (), action: str = "close", id: int = 1) -> Element:
    """Reports, drops or closes what carries one of `words`, or fulfils one of `rules`, in either direction.

    words: word i has the alert id + i, and `action`: "alert", "drop" (the bytes of the packet that makes it whole are
    taken out of the stream) or "close" (nothing of that packet passes, the session ends).
    rules: each with its own action, id and text (docs/elements.md, Streams); one fires once a direction, where the
    shortest beginning of the stream fulfils it. With rules, words are rules of one content.
    Context: any; drop changes lengths, so TCP wants a duplex. Counter: `found`. Alerts: direction and offset.
    Raises CompileError for rules that cannot be followed, and arguments of other types.
    """
    span = user_span()
    try:
        _check(words, rules, action, id)
        if not rules:
            if not words:
                raise RuleError("an IPS without words and rules finds nothing", 'IPS([b"ATTACK"])')
            return _made_at(span, Literals(list(words), action, id))
        made = [Rule([Content(w)], action, id + i, w) for i, w in enumerate(words)]
        compiled = compile_rules([*made, *rules])
    except RuleError as e:
        refuse(span, str(e.args[0]), e.args[1])
    kind = rule_element(1 << max(0, compiled.slots - 1).bit_length())
    return _made_at(span, kind(compiled))  # type: ignore[call-arg]
