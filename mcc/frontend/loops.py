"""Loops: over range(n) with a bound, over the packets of a batch, over the bytes, chunks and matches of a stream.

A loop's body is analysed until what holds at its head is stable (silently, bounds that grow are moved out), then once
more for its result. Its variable lives in it only and is not assigned.
"""

from __future__ import annotations

import ast
from abc import abstractmethod
from dataclasses import replace
from itertools import count

from mcc.diag import Report
from mcc.frontend.context import LITERAL, Loop, shown
from mcc.frontend.expressions import Expressions
from mcc.frontend.flow import READ, REWOUND, SEARCHED, Env, join_all, joined, widened
from mcc.frontend.intervals import Interval
from mcc.ir.func import U8, U32, Const, Expr, ForBytes, ForChunks, ForMatches, ForPackets, ForRange, IntType, Stmt
from mcc.ir.walkers import matches_hold

MAX_TRIPS = 65536


class Loops(Expressions):
    @abstractmethod
    def block(self, body: list[ast.stmt]) -> tuple[Stmt, ...]:
        """The statements of a body, each in the environment that the one before it leaves."""

    def loop(self, s: ast.For) -> Stmt:
        if not isinstance(s.target, ast.Name):
            self.mistake(s.target, "a loop has one variable", "for i in range(n):")
        name = s.target.id
        self._loop_name(s, name)
        role = self.role_of(s.iter.id) if isinstance(s.iter, ast.Name) else None
        if role == "batch":
            self.env.layers.pop(name, None)
            return ForPackets(self.span(s), name, self._things(s, name, "packet"))
        if isinstance(s.iter, ast.Name) and role in ("stream", "chunk"):
            return self._bytes(s, name, s.iter.id if role == "chunk" else "")
        call = s.iter
        method = self._method(call) if isinstance(call, ast.Call) else None
        if isinstance(call, ast.Call) and method is not None and method[0] == "stream":
            return self._stream_loop(s, name, call, method[2])
        is_range = isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and (
            call.func.id not in self.names and call.func.id not in self.args and self.lookup(call.func) is range)
        if not is_range or not isinstance(call, ast.Call):
            self.mistake(s.iter, f"cannot loop over {shown(s.iter)}",
                         "loops are over range(n), the batch, the stream, its chunks and matches")
        start, stop, step, t = self._range(call)
        self._trips(call, start, stop, step)
        values = self._loop_values(start, stop, step, t)
        self.loop_types[name] = t
        body = self._loop(s, name, values)
        self.env.ranges.pop(("local", name), None)
        self.finished.add(name)
        del self.loop_types[name]
        return ForRange(self.span(s), name, t, start, stop, step, body)

    def _loop_name(self, s: ast.For, name: str) -> None:
        if name in self.args or name == "self":
            self.mistake(s.target, f"the argument {name!r} cannot be a loop's variable", "choose another name")
        if name in self.types or name in self.loop_types or name in self.things:
            self.mistake(s.target, f"{name!r} is in use: a loop's variable lives in its loop only",
                         "choose another name")

    # ---------------------------------------------------------- streams

    def _things(self, s: ast.For, name: str, kind: str) -> tuple[Stmt, ...]:
        """The body of a loop whose variable is no value."""
        self.things[name] = kind
        self.env.gone -= {name}
        try:
            return self._loop(s, name, None)
        finally:
            del self.things[name]
            self.finished.add(name)

    def _bytes(self, s: ast.For, name: str, chunk: str) -> Stmt:
        """`for b in stream` (chunk ""), `for b in chunk`."""
        if chunk:
            self.chunk_there(s.iter, chunk)
        else:
            self.refuse_in_matches(s.iter, "reading on")
        self.loop_types[name] = U8
        try:
            body = self._loop(s, name, (0, U8.max)) if chunk else self._reading(s, name, (0, U8.max))
        finally:
            self.env.ranges.pop(("local", name), None)
            self.finished.add(name)
            del self.loop_types[name]
        return ForBytes(self.span(s), name, chunk, body)

    def _stream_loop(self, s: ast.For, name: str, call: ast.Call, method: str) -> Stmt:
        if method not in ("chunks", "matches"):
            self.not_iterable(call, method)
        self.refuse_in_matches(s.iter, f"{method}()")
        if method == "chunks":
            self.arguments(call, [])
            self.things[name] = "chunk"
            return ForChunks(self.span(s), name, self._reading(s, name, None))
        words = self.word_list(self.arguments(call, ["words"])["words"])
        if self.loops:
            self.mistake(s.iter, "matches() inside a loop: a call may begin the search once",
                         "put the loop over matches outside, or search with a Table")
        self._search_once(s)
        self.things[name], self.words[name] = "match", len(words)
        body = self._reading(s, name, None)
        holds = matches_hold(body)
        longest, most = max(words, key=len), self.unit.elem.max_hold
        if holds and len(longest) > most:
            self.mistake(call, f"a word of {len(longest)} bytes cannot be held: max_hold is {most}",
                         f"@element(.., max_hold={len(longest)})")
        return ForMatches(self.span(s.iter), name, words, self.slots.setdefault(s, len(self.slots)), holds, body)

    def _search_once(self, s: ast.For) -> None:
        """A search goes on from call to call: another one behind it would begin where the first has read to."""
        if SEARCHED in self.env.gone:
            self.mistake(s.iter, "a second search in one call: the one in front of it has read on",
                         "look for all words at once (m.index says which was found), or two elements: tcp([a, b])",
                         tuple((span, "the first search") for span in self.searches[-1:]))
        self.env.gone |= {SEARCHED}
        self.searches.append(self.span(s.iter))

    def _reading(self, s: ast.For, name: str, values: Interval | None) -> tuple[Stmt, ...]:
        """The body of a loop that moves the cursor; it must not go back and round again."""
        rewound = self.env.gone & {REWOUND}
        self.env.gone -= {REWOUND, name}
        self.env.gone |= {READ}
        self.env.forget("stream")
        self.env.marks = self.env.marks.moved()
        try:
            body = self._loop(s, name, values, reads=True)
        finally:
            self.things.pop(name, None)
            self.finished.add(name)
        self.env.gone |= rewound
        return body

    # ---------------------------------------------------------- range

    def _range(self, call: ast.Call) -> tuple[Expr, Expr, int, IntType]:
        """The bounds at their common type, the constant step."""
        if not 1 <= len(call.args) <= 3 or call.keywords:
            self.mistake(call, "range() takes 1 to 3 integers",
                         "range(stop), range(start, stop), range(start, stop, step)")
        values = [self.number(a) for a in call.args]
        step = 1
        if len(values) == 3:
            third = values.pop()
            if not isinstance(third, Const) or third.value == 0:
                self.mistake(call.args[2], f"the step {shown(call.args[2])} must be a constant other than 0")
            step = third.value
        nodes = list(call.args[:2])
        if len(values) == 1:
            values.insert(0, self.const(0, LITERAL, call))
            nodes.insert(0, call)
        if all(v.type == LITERAL for v in values):
            negative = next((i for i, v in enumerate(values) if v.lo < 0), None)
            if negative is not None:
                self.mistake(nodes[negative], "a loop over literals counts in u32", f"i32({shown(nodes[negative])})")
            start, stop = (self.fit(v, U32, n, "a loop over literals") for v, n in zip(values, nodes, strict=True))
        else:
            start, stop = self.common(values[0], values[1], call, nodes[0], nodes[1], "range")
        assert isinstance(start.type, IntType)
        return start, stop, step, start.type

    def _trips(self, call: ast.Call, start: Expr, stop: Expr, step: int) -> None:
        far = stop.hi - start.lo if step > 0 else start.hi - stop.lo
        trips = -(-far // abs(step))
        if trips > MAX_TRIPS:
            bound = call.args[0] if len(call.args) == 1 else call.args[1] if step > 0 else call.args[0]
            self.mistake(call, f"this loop may run {trips:,} times, more than {MAX_TRIPS:,}",
                         f"bound it: range(min({shown(bound)}, 64))")

    @staticmethod
    def _loop_values(start: Expr, stop: Expr, step: int, t: IntType) -> Interval:
        lo, hi = (start.lo, max(start.lo, stop.hi - 1)) if step > 0 else (min(start.hi, stop.lo + 1), start.hi)
        return max(lo, t.min), min(hi, t.max)

    def _loop(self, s: ast.For, name: str, values: Interval | None, reads: bool = False) -> tuple[Stmt, ...]:
        """The body, checked where everything that holds before holds after any number of rounds. `reads`: each round
        moves the cursor forward."""
        entry = self.env.copy()
        quiet, loud = Report(), self.report
        failed, poison = self.failed, set(self.poison)
        self.report = quiet
        for n in count():
            _, again, _ = self._round(s, name, values, entry)
            grown = joined(entry, again)
            if grown == entry:
                break
            entry = widened(entry, grown, self.thresholds, n >= 4)
            if n >= 16:
                entry.ranges.clear()
        self.report, self.failed, self.poison = loud, failed, poison
        body, again, breaks = self._round(s, name, values, entry)
        self._another_round(s, again, reads)
        if reads:
            entry, again = (replace(e, marks=e.marks.at_end()) for e in (entry, again))
        self.env = join_all([entry, again, *breaks])
        return body

    def _another_round(self, s: ast.For, again: Env, reads: bool) -> None:
        """What must not be so where the body begins anew."""
        if reads and REWOUND in again.gone:
            self.mistake(s.iter, "rewind() in a loop over the stream: the loop would not end",
                         "`break` or `return` behind rewind()")
        if isinstance(s.iter, ast.Name) and s.iter.id in again.gone and again.alive:
            self.mistake(s.iter, f"an edit in a loop over {s.iter.id}: it moves the bytes that are read",
                         "keep a mark and edit behind the loop, or `for b in stream`, which edits do not disturb")

    def _round(self, s: ast.For, name: str, values: Interval | None, entry: Env,
               ) -> tuple[tuple[Stmt, ...], Env, list[Env]]:
        self.env = entry.copy()
        self.env.gone -= {name}
        if self.things.get(name) == "match":
            self.env.marks = self.env.marks.matched(name)
        if values is not None:
            self.env.ranges[("local", name)] = values
        self.loops.append(Loop())
        body = self.block(s.body)
        loop = self.loops.pop()
        ends = [self.env, *loop.continues]
        for e in [*ends, *loop.breaks]:
            e.ranges.pop(("local", name), None)
            e.layers.pop(name, None)
            e.forget("header", name)
            e.forget("attr", name)
        return body, join_all(ends), loop.breaks
