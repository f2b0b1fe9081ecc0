"""Shapes of printed lines that all statements share, and what is written before control leaves the function."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mcc.emit.folding import fits, fold_text, part_to_name, with_part
from mcc.emit.leaves import Scope
from mcc.emit.lines import WIDTH, Lines, wrap_list
from mcc.emit.names import c_name, c_type
from mcc.ir import func as h


@dataclass
class ByteLoop:
    """An open loop over a stream's bytes. While it runs the cursor is the C local `at`, the end of the packet's bytes
    `last`; `synced`: stream->at has been made equal to `at` since it last moved."""

    at: str
    last: str
    synced: bool = False


class Shapes:
    """Lines of one function. `cursors`: open loops that move the cursor, None for those that keep it in the struct;
    `dones`: for each open loop the flag that a break sets, or ""; `flags`: all such flags of the function;
    `kept`: rows that write cached fields back."""

    def __init__(self, scope: Scope, lines: Lines) -> None:
        self.s, self.p, self.out = scope, scope.printer, lines
        self.parts = 0
        self.cursors: list[ByteLoop | None] = []
        self.dones: list[str] = []
        self.kept: list[list[str]] = []
        self.flags: set[str] = set()

    def calls(self, head: str, args: list[str], tail: str = ";") -> None:
        """`head(args)tail`, folded where it is too long."""
        rows = wrap_list(f"{head}(", args, f"){tail}", 4 * self.out.depth)
        self.out.add(rows[0])
        for row in rows[1:]:
            self.out.add(row)

    def long(self, head: str, text: str, tail: str) -> None:
        """`head text tail` on one line, or broken behind the loosest operators of `text` as clang-format does."""
        rows = fold_text(head, text, tail, 4 * self.out.depth)
        for row in rows:
            self.out.add(row)

    def shorter(self, head: str, e: h.Expr, tail: str) -> h.Expr:
        """`e`, parts of it put into locals first where its line would be too long and has no good place to break."""
        column = 4 * self.out.depth
        while not fits(head, self.p.value(e), tail, column):
            part = part_to_name(e, self.p.value, WIDTH - column - len("uint16_t part12 = ;"))
            if part is None or part is e:
                return e
            self.parts += 1
            word = f"part{'' if self.parts == 1 else self.parts} of the line"  # no Python name has a space
            self.s.types[word] = part.type
            self.s.c[word] = c_name(word.split()[0], self.taken())
            self.out.add(f"{c_type(part.type)} {self.s.c[word]} = {self.p.value(part)};")
            e = with_part(e, part, h.Local(part.type, part.lo, part.hi, part.span, word))
        return e

    def taken(self) -> set[str]:
        """C names that a new local of an inner block must not hide."""
        s = self.s
        own = {s.count, s.result, s.words, *s.lens.values()}
        open_loops = {x for c in self.cursors if c for x in (c.at, c.last)}
        return {*s.c.values(), *s.found.values(), *s.names.taken, *own, *open_loops, *self.flags}

    # ------------------------------------------------------------ the cursor

    def sync(self) -> None:
        """stream->at is the cursor from here on."""
        loop = self.cursors[-1] if self.cursors else None
        if loop and not loop.synced:
            self.out.add(f"{self.s.role('stream')}->at = {loop.at};")
            loop.synced = True

    def reload(self) -> None:
        """The cursor has been moved by others."""
        loop = self.cursors[-1] if self.cursors else None
        if loop:
            self.out.add(f"{loop.at} = {self.s.role('stream')}->at;")
            self.out.add(f"{loop.last} = {self.s.role('stream')}->last;")
            loop.synced = True

    # ------------------------------------------------------------ leaving

    def leaving(self) -> list[str]:
        """What is written before control leaves the function from here."""
        loop = self.cursors[-1] if self.cursors else None
        at = [f"{self.s.role('stream')}->at = {loop.at};"] if loop and not loop.synced else []
        return [*at, *(row for rows in reversed(self.kept) for row in rows)]

    def fault(self) -> list[str]:
        return [*self.leaving(), "return false;" if self.s.inline else "return MCC_FAULT;"]

    def guard(self, opens: Callable[[str], None]) -> None:
        """The fault path under a condition; `opens(tail)` prints `if (..` and the tail, `)` or `) {`."""
        rows = self.fault()
        opens(")" if len(rows) == 1 else ") {")
        for row in rows:
            self.out.add(f"    {row}")
        if len(rows) > 1:
            self.out.add("}")

    def unless(self, call: str, args: list[str]) -> None:
        """The fault path where the call gives false."""
        self.guard(lambda tail: self.calls(f"if (!{call}", args, tail))
