"""Classes to decision diagrams, and diagrams combined.

    (or (atom net ip) (atom net ip6))  =>  0: net? 2-3 -> 1; else 2   1: leaf True   2: leaf False

Everything is a merge of sorted intervals, node by node, with equal nodes shared: a list of n prefixes takes
n log n steps. A diagram over many unrelated lists can grow with their product; beyond `limit` nodes it is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mcc.diag import NOWHERE, CompileError, Diagnostic
from mcc.ir.classify import DField, Fdd, Leaf, Switch, decide, meta_field, nodes_of
from mcc.lang.algebra import Cls
from mcc.lang.ranges import Ranges, intersect
from mcc.passes.feasible import learn
from mcc.passes.formula import FAnd, FAtom, FConst, FNeed, FNot, FOr, Formula, lower
from mcc.protocols.dissect import LINK_NEEDS, Dissected

NO_RULE = object()
"""The value of packets that no rule of a list has claimed."""


@dataclass(frozen=True)
class Shadowed:
    """A rule that can never match; `by`: the earlier rules that take its packets (empty: the class itself is empty)."""

    rule: int
    by: tuple[int, ...]


class Manager:
    """Makes diagrams; those of one manager share their nodes, and equal diagrams are the same object."""

    def __init__(self, limit: int = 2_000_000) -> None:
        self._leaves: dict[tuple[type, Hashable], Leaf] = {}
        self._switches: dict[tuple[Any, ...], Switch] = {}
        self._classes: dict[Cls, Fdd] = {}
        self._formulas: dict[int, tuple[Formula, Fdd]] = {}
        self._uid, self._limit = 0, limit
        self.true, self.false, self.short = self.leaf(True), self.leaf(False), self.leaf(None)

    # ------------------------------------------------------------ nodes

    def leaf(self, value: Hashable) -> Leaf:
        key = (type(value), value)
        found = self._leaves.get(key)
        if found is None:
            found = self._leaves[key] = Leaf(value, self._next())
        return found

    def switch(self, field: DField, starts: Sequence[int], children: Sequence[Fdd]) -> Fdd:
        """Values from starts[i] on go to children[i]; starts[0] is 0. Neighbours that are the same merge."""
        keep = [i for i in range(len(starts)) if i == 0 or children[i] is not children[i - 1]]
        if len(keep) == 1:
            return children[0]
        s, c = tuple(starts[i] for i in keep), tuple(children[i] for i in keep)
        key = (field.key, s, tuple(x.uid for x in c))
        found = self._switches.get(key)
        if found is None:
            found = self._switches[key] = Switch(field, s, c, self._next())
        return found

    def test(self, field: DField, ranges: Ranges, yes: Fdd, no: Fdd) -> Fdd:
        starts, children = [0], [no]
        for lo, hi in ranges:
            if lo > field.top:
                break
            if lo == starts[-1]:
                children[-1] = yes
            else:
                starts.append(lo)
                children.append(yes)
            if hi < field.top:
                starts.append(hi + 1)
                children.append(no)
        return self.switch(field, starts, children)

    def _next(self) -> int:
        self._uid += 1
        if self._uid > self._limit:
            raise CompileError(
                (
                    Diagnostic(
                        "error",
                        NOWHERE,
                        f"the classes of this stage need a decision diagram of more than {self._limit} nodes",
                        "long lists of addresses and ports multiply: test one list an element, or fewer fields a rule",
                    ),
                )
            )
        return self._uid

    # ------------------------------------------------------------ combination

    def combine(self, roots: Sequence[Fdd], done: Callable[[tuple[Fdd, ...]], Fdd | None]) -> Fdd:
        """Walk down the diagrams together. `done` gives the result for some nodes, or None while it depends on more;
        it must decide when all are leaves."""
        memo: dict[tuple[int, ...], Fdd] = {}

        def go(nodes: tuple[Fdd, ...]) -> Fdd:
            key = tuple(n.uid for n in nodes)
            found = memo.get(key)
            if found is None:
                found = done(nodes)
                if found is None:
                    field, starts, columns = _cut(nodes)
                    found = self.switch(field, starts, [go(c) for c in zip(*columns, strict=True)])
                memo[key] = found
            return found

        return go(tuple(roots))

    def ite(self, cond: Fdd, a: Fdd, b: Fdd) -> Fdd:
        """`a` where the boolean diagram `cond` is true, else `b`."""

        def done(n: tuple[Fdd, ...]) -> Fdd | None:
            if isinstance(n[0], Leaf):
                return n[1] if n[0].value is True else n[2]
            return n[1] if n[1] is n[2] else None

        return self.combine((cond, a, b), done)

    def product(self, diagrams: Sequence[Fdd], combine: Callable[[list[Any]], Hashable]) -> Fdd:
        """The diagram whose leaves are combine([value of each])."""
        if not diagrams:
            return self.leaf(combine([]))

        def done(n: tuple[Fdd, ...]) -> Fdd | None:
            if all(isinstance(x, Leaf) for x in n):
                return self.leaf(combine([x.value for x in n if isinstance(x, Leaf)]))
            return None

        return self.combine(diagrams, done)

    apply_n = product

    def map_leaves(self, fdd: Fdd, f: Callable[[Any], Hashable]) -> Fdd:
        return self.map_leaves_to(fdd, lambda v: self.leaf(f(v)))

    def map_leaves_to(self, fdd: Fdd, f: Callable[[Any], Fdd]) -> Fdd:
        """Each leaf is replaced by the diagram f(value). The result is in order, whatever f tests."""
        memo: dict[int, Fdd] = {}

        def go(n: Fdd) -> Fdd:
            found = memo.get(n.uid)
            if found is None:
                if isinstance(n, Leaf):
                    found = f(n.value)
                else:
                    found = self._ordered(n.field, n.starts, [go(c) for c in n.children])
                memo[n.uid] = found
            return found

        return go(fdd)

    def _ordered(self, field: DField, starts: Sequence[int], children: list[Fdd]) -> Fdd:
        """A switch whose children may test fields that come earlier, or the same one again."""
        if all(isinstance(c, Leaf) or c.field.rank > field.rank for c in children):
            return self.switch(field, starts, children)
        distinct = list(dict.fromkeys(children))
        result = distinct[0]
        for c in distinct[1:]:
            chosen = [self.true if x is c else self.false for x in children]
            result = self.ite(self.switch(field, starts, chosen), c, result)
        return result

    def restrict(self, fdd: Fdd, known: Mapping[str, Ranges] | None = None) -> Fdd:
        """The diagram for packets whose fields are known to lie in `known[key]`, and that a parser can have made
        (mcc.passes.feasible); other values do not matter and vanish."""
        facts: dict[str, Ranges] = {}
        for key, ranges in (known or {}).items():
            facts = learn(facts, key, ranges)
        once = self._restrict(fdd, facts)
        return once if once is fdd else self._restrict(once, facts)

    def _restrict(self, fdd: Fdd, known: dict[str, Ranges]) -> Fdd:
        memo: dict[tuple[int, tuple[tuple[str, Ranges], ...]], Fdd] = {}

        def go(n: Fdd, facts: dict[str, Ranges]) -> Fdd:
            if isinstance(n, Leaf):
                return n
            key = (n.uid, tuple(sorted(facts.items())))
            found = memo.get(key)
            if found is None:
                found = memo[key] = below(n, facts)
            return found

        def below(n: Switch, facts: dict[str, Ranges]) -> Fdd:
            starts, kept, values = _kept(n, facts.get(n.field.key))
            if n.field.load is not None:
                return self.switch(n.field, starts, [go(c, facts) for c in kept])
            children = [go(c, learn(facts, n.field.key, r)) for c, r in zip(kept, values, strict=True)]
            link = facts.get("link", ())
            if n.field.key == "avail.link" and len(kept) == 2 and link and link[0][0] == link[-1][1]:
                whole = self.test(
                    meta_field("avail.abs"), ((LINK_NEEDS[link[0][0]], (1 << 32) - 1),), self.true, self.false
                )
                return self.ite(whole, children[1], children[0])
            return self.switch(n.field, starts, children)

        return go(fdd, known)

    # ------------------------------------------------------------ questions

    def support(self, fdd: Fdd) -> frozenset[str]:
        """Keys of the fields that are tested."""
        return frozenset(n.field.key for n in nodes_of(fdd) if isinstance(n, Switch))

    def leaves(self, fdd: Fdd) -> set[Any]:
        return {n.value for n in nodes_of(fdd) if isinstance(n, Leaf)}

    def count(self, fdd: Fdd) -> int:
        return len(nodes_of(fdd))

    def evaluate(self, fdd: Fdd, packet: Dissected) -> Any:
        return decide(fdd, packet)

    # ------------------------------------------------------------ classes

    def from_class(self, c: Cls) -> Fdd:
        """The boolean diagram of a class: True for the packets in it, False for the others and where it is short."""
        found = self._classes.get(c)
        if found is None:
            found = self._classes[c] = self.map_leaves(self._three(lower(c)), lambda v: v is True)
        return found

    def _three(self, f: Formula) -> Fdd:
        """The diagram of a formula with leaves True, False and None (short)."""
        match f:
            case FConst(value=v):
                return self.leaf(v)
            case FAtom(field=field, ranges=r):
                return self.test(field, r, self.true, self.false)
            case FNeed(field=field, ranges=r):
                return self.test(field, r, self.true, self.short)
            case FNot(part=p):
                return self.map_leaves(self._three(p), lambda v: None if v is None else not v)
            case FAnd(parts=ps):
                return self._balanced([self._three(p) for p in ps], self._first_unless(self.true))
            case FOr(parts=ps):
                return self._balanced([self._three(p) for p in ps], self._first_unless(self.false))

    def _first_unless(self, neutral: Leaf) -> Callable[[tuple[Fdd, ...]], Fdd | None]:
        def done(n: tuple[Fdd, ...]) -> Fdd | None:
            a, b = n
            if isinstance(a, Leaf):
                return b if a is neutral else a
            return a if b is neutral or a is b else None

        return done

    def _balanced(self, items: list[Fdd], done: Callable[[tuple[Fdd, ...]], Fdd | None]) -> Fdd:
        """Combine neighbours pairwise until one is left: each interval is merged log n times."""
        while len(items) > 1:
            pairs = [items[i : i + 2] for i in range(0, len(items), 2)]
            items = [self.combine(p, done) if len(p) == 2 else p[0] for p in pairs]
        return items[0]

    def first_of(self, items: Sequence[Fdd]) -> Fdd:
        """What the first of the diagrams says whose leaf is not NO_RULE; NO_RULE where all say so."""
        nothing = self.leaf(NO_RULE)
        return self._balanced(list(items) or [nothing], self._first_unless(nothing))

    def first_match(self, rules: Sequence[tuple[Cls, Hashable]], default: Hashable) -> tuple[Fdd, list[Shadowed]]:
        """The diagram of an ordered list: the value of the first rule whose class holds, else `default`.

        Also the rules that can never match, as far as the parser's promises and the tests before them tell.
        """
        nothing = self.leaf(NO_RULE)
        own = [self.ite(self.from_class(c), self.leaf(i), nothing) for i, (c, _) in enumerate(rules)]
        merged = self.restrict(self.first_of(own))
        reached = self.leaves(merged)
        shadowed = []
        for i, one in enumerate(own):
            if i not in reached:
                mine = self.map_leaves(self.restrict(one), lambda v: v is not NO_RULE)
                taken = self.leaves(self.restrict(self.ite(mine, merged, nothing)))
                shadowed.append(Shadowed(i, tuple(sorted(taken - {NO_RULE}))))
        values = [v for _, v in rules]
        return self.map_leaves(merged, lambda i: default if i is NO_RULE else values[i]), shadowed


def _cut(nodes: Sequence[Fdd]) -> tuple[DField, list[int], list[list[Fdd]]]:
    """The first field that any node tests, the common refinement of its intervals, and each node's child there."""
    field = min((n.field for n in nodes if isinstance(n, Switch)), key=lambda f: f.rank)
    testing = [n for n in nodes if isinstance(n, Switch) and n.field is field]
    starts = list(testing[0].starts) if len(testing) == 1 else sorted({s for n in testing for s in n.starts})
    columns = []
    for n in nodes:
        if not (isinstance(n, Switch) and n.field is field):
            columns.append([n] * len(starts))
        elif len(n.starts) == len(starts):
            columns.append(list(n.children))
        else:
            column, at, last = [], 0, len(n.starts) - 1
            for s in starts:
                while at < last and n.starts[at + 1] <= s:
                    at += 1
                column.append(n.children[at])
            columns.append(column)
    return field, starts, columns


def _kept(n: Switch, known: Ranges | None) -> tuple[list[int], list[Fdd], list[Ranges]]:
    """The intervals that meet `known`, stretched over those that do not, their children, the values left to each."""
    starts: list[int] = []
    children: list[Fdd] = []
    values: list[Ranges] = []
    at = 0
    for i, start in enumerate(n.starts):
        end = n.starts[i + 1] - 1 if i + 1 < len(n.starts) else n.field.top
        if known is None:
            left: Ranges = ((start, end),)
        else:
            while at < len(known) and known[at][1] < start:
                at += 1
            left = intersect(known[at:], ((start, end),)) if at < len(known) and known[at][0] <= end else ()
        if left:
            starts.append(start if starts else 0)
            children.append(n.children[i])
            values.append(left)
    if not starts:
        return [0], [n.children[0]], [((n.starts[0], n.field.top),)]
    return starts, children, values
