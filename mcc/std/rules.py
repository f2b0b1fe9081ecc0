"""Rules over streams, `Rule` and `Content`, and the tables that `IPS` follows them with.

A content is searched for from the stream's beginning, or, with distance or within, behind the one before it. So a rule
is a set of *chains*: a content that stands by itself, and those that follow it one behind the other. The rule holds
once every chain has an occurrence of each of its contents, in the right distances (as in Snort, which tries a content's
next occurrence if the first leads nowhere).

One automaton finds all occurrences of all contents, overlapping ones too. Each place of a content in a chain is a
*step*. What a step leaves for the one behind it, where occurrences that count have ended, is in `slots` of 64 bits a
direction:

    the next has no within    the first of these ends: whatever is far enough from a later one is from the first
    the next has a within     those of the last distance + within bytes: the newest, and a ring of bits by position
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from mcc.std.given import U32_MAX, called_right, is_list, is_whole, refuse, user_span

ACTIONS = ("alert", "drop", "close")
ALONE, BEHIND, NEAR = range(3)
"""How a step is tested: offset and depth; distance; distance and within."""

MAX_CONTENT, MAX_NEAR, MAX_STATES, MAX_SLOTS = 2048, 1 << 14, 1 << 16, 1 << 12
ENDLESS = (1 << 64) - 1


_PLACES = "offset and depth count from the beginning of the stream, distance and within from the content before"


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."


class RuleError(ValueError):
    """A rule that cannot be followed. `args`: message, hint."""


@dataclass(frozen=True)
class Content:
    """Bytes that a rule looks for.

    offset, depth: the occurrence begins at byte `offset` of the stream or later, and ends at `offset + depth` or
    before. distance, within: it begins `distance` bytes or more behind the end of the content before it, and ends at
    most `within` bytes behind that place. nocase: ASCII letters of either case.
    """

    data: bytes
    nocase: bool = False
    offset: int = 0
    depth: int | None = None
    distance: int | None = None
    within: int | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.data, bytes):
            refuse(user_span(), f"a Content is bytes, not {_shown(self.data)}", 'Content(b"GET /")')
        if not isinstance(self.nocase, bool):
            refuse(user_span(), f"nocase={_shown(self.nocase)} is neither True nor False")
        for name in ("offset", "depth", "distance", "within"):
            value = getattr(self, name)
            if not is_whole(value, -1 << 31, 1 << 48) and (value is not None or name == "offset"):
                refuse(user_span(), f"{name}={_shown(value)} is not a number of bytes", _PLACES)

    @property
    def relative(self) -> bool:
        return self.distance is not None or self.within is not None


@dataclass(frozen=True)
class Rule:
    """All contents must be there. action: "alert", "drop" or "close"; id and text are the alert's."""

    content: Sequence[Content]
    action: str = "alert"
    id: int = 1
    text: bytes = b""

    def __post_init__(self) -> None:
        if not is_list(self.content, Content):
            refuse(user_span(), f"the content of a Rule is a list of Content, not {_shown(self.content)}",
                   'Rule([Content(b"GET "), Content(b"passwd", distance=0)])')
        if self.action not in ACTIONS:
            refuse(user_span(), f"a Rule cannot {_shown(self.action)}", f"action= is one of {', '.join(ACTIONS)}")
        if not is_whole(self.id, 0, U32_MAX):
            refuse(user_span(), f"id={_shown(self.id)} of a Rule is not a number of an alert", f"from 0 to {U32_MAX}")
        if not isinstance(self.text, bytes):
            refuse(user_span(), f"the text of a Rule is bytes, not {_shown(self.text)}", 'text=b"seen"')


for _class in (Content, Rule):
    setattr(_class, "__init__", called_right(_class.__init__))  # noqa: B010 - mypy does not let a method be assigned


@dataclass(frozen=True)
class Step:
    """A content in a chain. low, high: begin and end of an occurrence are in there (ALONE); gap: from the end before to
    this end, at least; reach: at most (NEAR). source, slot: where the ends before it and its own are (-1: not kept);
    ring: words of its bits, 0: the first end alone; rule: by index; bit: of its chain, set by the last step."""

    pattern: int
    kind: int
    low: int
    high: int
    gap: int
    reach: int
    source: int
    source_ring: int
    slot: int
    ring: int
    rule: int
    bit: int


@dataclass
class Compiled:
    """What IPS makes its tables of. rows: the automaton; states from `hits` on have outs: the steps of each. depths:
    bytes of a possible occurrence that a drop or close rule wants. done: slot and mask of each rule's chains."""

    rules: tuple[Rule, ...]
    sizes: list[int] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    rows: list[list[int]] = field(default_factory=list)
    hits: int = 0
    outs: list[list[int]] = field(default_factory=list)
    depths: list[int] = field(default_factory=list)
    done: list[tuple[int, int]] = field(default_factory=list)
    slots: int = 0
    most_ring: int = 1


def compile_rules(rules: Sequence[Rule]) -> Compiled:
    """The automaton, the steps and their slots. Raises RuleError."""
    c = Compiled(tuple(rules))
    patterns: dict[tuple[bytes, bool], int] = {}
    guarded: set[int] = set()
    free = 64  # bits left in the newest slot of chains
    for number, rule in enumerate(c.rules):
        chains = _chains(rule, number)
        if len(chains) > 64:
            raise RuleError(f"rule {number} has {len(chains)} contents that stand by themselves", "at most 64")
        if len(chains) > free or not c.done:
            c.slots, free = c.slots + 1, 64
            chains_slot = c.slots - 1
        first = 64 - free
        free -= len(chains)
        c.done.append((chains_slot, ((1 << len(chains)) - 1) << first))
        for i, chain in enumerate(chains):
            found = [_pattern(x, patterns) for x in chain]
            if rule.action != "alert":
                guarded |= set(found)
            _add_chain(c, chain, found, number, first + i)
    if c.slots > MAX_SLOTS:
        raise RuleError(f"these rules need {8 * c.slots} bytes a direction",
                        f"at most {8 * MAX_SLOTS}: a smaller within")
    _automaton(c, [p for p, _ in sorted(patterns.items(), key=lambda kv: kv[1])], guarded)
    return c


def _chains(rule: Rule, number: int) -> list[list[Content]]:
    if not rule.content:
        raise RuleError(f"rule {number} has no content", "Rule([Content(b\"..\")])")
    out: list[list[Content]] = []
    for x in rule.content:
        _check(x, number)
        if x.relative and out:
            out[-1].append(x)
        else:
            out.append([x])
    return out


def _check(x: Content, number: int) -> None:
    size, where = len(x.data), f"{x.data!r} of rule {number}"
    if not 1 <= size <= MAX_CONTENT:
        raise RuleError(f"a content of rule {number} has {size} bytes", f"1 to {MAX_CONTENT}")
    if x.relative and (x.offset or x.depth is not None):
        raise RuleError(f"{where} is both in a place of its own and behind another",
                        "offset and depth, or distance and within")
    if x.offset < 0 or (x.depth is not None and x.depth < size):
        raise RuleError(f"{where} never is where offset={x.offset} and depth={x.depth} want it",
                        f"depth of {size} or more")
    if x.within is not None and x.within < size:
        raise RuleError(f"{where} does not fit within={x.within}", f"{size} or more")
    distance = x.distance or 0
    if distance <= -size:
        raise RuleError(f"{where} may end before the content that it follows", f"distance of {1 - size} or more")
    if x.within is not None and distance + x.within > MAX_NEAR:
        raise RuleError(f"{where} is sought too far: distance + within is {distance + x.within}", f"at most {MAX_NEAR}")


def _pattern(x: Content, patterns: dict[tuple[bytes, bool], int]) -> int:
    folded = x.data.lower() if x.nocase else x.data
    return patterns.setdefault((folded, x.nocase and folded != x.data.upper()), len(patterns))


def _add_chain(c: Compiled, chain: list[Content], found: list[int], rule: int, bit: int) -> None:
    source, source_ring = -1, 0
    for i, (x, pattern) in enumerate(zip(chain, found, strict=True)):
        size, after = len(x.data), chain[i + 1] if i + 1 < len(chain) else None
        slot, ring = -1, 0
        if after is not None:
            slot = c.slots
            if after.within is not None:
                ring = _ring((after.distance or 0) + after.within + 1)
            c.slots += 1 + ring
            c.most_ring = max(c.most_ring, ring)
        low, high, gap, reach, kind = 0, ENDLESS, 0, 0, ALONE
        if i > 0:
            distance = x.distance or 0
            gap, kind = size + distance, BEHIND if x.within is None else NEAR
            reach = 0 if x.within is None else distance + x.within
        elif x.relative:  # nothing before it: from the beginning of the stream
            low = max(0, x.distance or 0)
            high = ENDLESS if x.within is None else (x.distance or 0) + x.within
        else:
            low, high = x.offset, ENDLESS if x.depth is None else x.offset + x.depth
        c.steps.append(Step(pattern, kind, low, high, gap, reach, source, source_ring, slot, ring, rule,
                            bit if after is None else -1))
        source, source_ring = slot, ring


def _ring(positions: int) -> int:
    """Words of bits, a power of two, for so many positions; a range may begin inside a word."""
    words = -(-positions // 64) + 1
    return 1 << (words - 1).bit_length()


# ---------------------------------------------------------------- the automaton

Place = tuple[int, int]
"""A pattern, and how many of its bytes are there."""


def _automaton(c: Compiled, patterns: list[tuple[bytes, bool]], guarded: set[int]) -> None:
    """Subsets of places: with contents of either case in between, a trie with failure links would not do."""
    c.sizes = [len(data) for data, _ in patterns]
    steps: list[list[int]] = [[] for _ in patterns]
    for i, s in enumerate(c.steps):
        steps[s.pattern].append(i)
    firsts: dict[int, list[Place]] = {}
    for p in range(len(patterns)):
        for b in _bytes_at(patterns[p], 0):
            firsts.setdefault(b, []).append((p, 1))
    start = (frozenset[Place](), frozenset[int]())
    numbers, todo = {start: 0}, [start]
    rows: list[list[int]] = []
    while len(rows) < len(todo):
        live, _ = todo[len(rows)]
        moved = {b: list(places) for b, places in firsts.items()}
        for p, n in live:
            for b in _bytes_at(patterns[p], n):
                moved.setdefault(b, []).append((p, n + 1))
        row = [0] * 256
        for b, places in moved.items():
            ended = frozenset(p for p, n in places if n == len(patterns[p][0]))
            state = frozenset((p, n) for p, n in places if n < len(patterns[p][0])), ended
            if state not in numbers:
                if len(todo) == MAX_STATES:
                    raise RuleError(f"the contents need more than {MAX_STATES} states", "fewer or shorter contents")
                numbers[state] = len(todo)
                todo.append(state)
            row[b] = numbers[state]
        rows.append(row)
    order = sorted(range(len(todo)), key=lambda i: bool(todo[i][1]))
    new = {old: i for i, old in enumerate(order)}
    c.rows = [[new[to] for to in rows[old]] for old in order]
    c.hits = sum(not ended for _, ended in todo)
    c.outs = [sorted(i for p in todo[old][1] for i in steps[p]) for old in order[c.hits:]]
    c.depths = [max((n for p, n in todo[old][0] if p in guarded), default=0) for old in order]


def _bytes_at(pattern: tuple[bytes, bool], at: int) -> set[int]:
    data, nocase = pattern
    one = data[at:at + 1]
    return {one.lower()[0], one.upper()[0]} if nocase else {one[0]}
