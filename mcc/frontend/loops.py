"""Loops: over range(n) with a bound, and over the packets of a batch.

A loop's body is analysed until what holds at its head is stable (silently, bounds that grow are moved out), then once
more for its result. Its variable lives in it only and is not assigned.
"""

from __future__ import annotations

import ast
from itertools import count

from mcc.diag import Report
from mcc.frontend.context import LITERAL, Loop, shown
from mcc.frontend.expressions import Expressions
from mcc.frontend.flow import Env, join_all, joined, widened
from mcc.frontend.intervals import Interval
from mcc.ir.func import U32, Const, Expr, ForPackets, ForRange, IntType, Stmt

MAX_TRIPS = 65536


class Loops(Expressions):
    def block(self, body: list[ast.stmt]) -> tuple[Stmt, ...]:
        """The statements of a body, each in the environment that the one before it leaves."""
        raise NotImplementedError

    def loop(self, s: ast.For) -> Stmt:
        if not isinstance(s.target, ast.Name):
            self.mistake(s.target, "a loop has one variable", "for i in range(n):")
        name = s.target.id
        self._loop_name(s, name)
        if isinstance(s.iter, ast.Name) and self.role_of(s.iter.id) == "batch":
            self.packets.add(name)
            self.env.layers.pop(name, None)
            body = self._loop(s, name, None)
            self.packets.discard(name)
            return ForPackets(self.span(s), name, body)
        call = s.iter
        is_range = isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and (
            call.func.id not in self.names and call.func.id not in self.args and self.lookup(call.func) is range)
        if not is_range or not isinstance(call, ast.Call):
            self.mistake(s.iter, f"cannot loop over {shown(s.iter)}", "loops are over range(n) or the batch")
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
        if name in self.types or name in self.loop_types or name in self.packets:
            self.mistake(s.target, f"{name!r} is in use: a loop's variable lives in its loop only",
                         "choose another name")

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

    def _loop(self, s: ast.For, name: str, values: Interval | None) -> tuple[Stmt, ...]:
        """The body, checked where everything that holds before holds after any number of rounds."""
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
        self.env = join_all([entry, again, *breaks])
        return body

    def _round(self, s: ast.For, name: str, values: Interval | None, entry: Env,
               ) -> tuple[tuple[Stmt, ...], Env, list[Env]]:
        self.env = entry.copy()
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
