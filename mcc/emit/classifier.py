"""The decision diagram as C: one function, a test a node, each field read at most once on a way.

A node that one other leads to stands where it is used; a node that several lead to stands once, behind a label.
Tests that keep reads inside the capture are nodes above the reads (mcc.passes.formula), so nothing is checked here.
A test of more than 64 intervals is a sorted table and a binary search. Reads only runtime_c/mcc_packet.h.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from typing import Any

from mcc.emit.cfields import Value, condition, constant, link_captured, number_type, show_case, value_of
from mcc.ir.classify import Fdd, Leaf, Switch, nodes_of

TABLE_FROM = 64
"""More intervals than this become a table."""


def print_classifier(
    fdd: Fdd, name: str, leaf_number: Callable[[Any], int], leaf_text: Callable[[Any], str] | None = None
) -> str:
    """`static unsigned NAME(const struct mcc_packet *p)` that returns leaf_number(value of the leaf reached), behind
    the tables that it needs. `leaf_text` gives the comment behind a return. The packet must have been parsed."""
    return _Printer(fdd, name, leaf_number, leaf_text).text()


class _Printer:
    def __init__(
        self, fdd: Fdd, name: str, leaf_number: Callable[[Any], int], leaf_text: Callable[[Any], str] | None
    ) -> None:
        self.root, self.name, self.number, self.leaf_text = fdd, name, leaf_number, leaf_text
        self.tables: list[str] = []
        self.body: list[str] = []
        self.names: dict[tuple[str, str, tuple[str, ...]], str] = {}
        every = nodes_of(fdd)
        parents = Counter(c.uid for n in every if isinstance(n, Switch) for c in set(n.children))
        shared = [n for n in every if isinstance(n, Switch) and parents[n.uid] > 1]
        self.labels = {n.uid: f"{re.sub(r'[^A-Za-z0-9]+', '_', n.field.key)}_{i}" for i, n in enumerate(shared, 1)}
        self.shared = shared

    def text(self) -> str:
        if self.labels:
            self._put(1, "{")
            self._node(self.root, 2)
            self._put(1, "}")
        else:
            self._node(self.root, 1)
        for n in self.shared:
            self.body.append(f"{self.labels[n.uid]}: {{")
            self._switch(n, 2)
            self._put(1, "}")
        unused = [] if isinstance(self.root, Switch) else ["    (void)p;"]
        return "\n".join(
            [
                *self.tables,
                f"static unsigned {self.name}(const struct mcc_packet *p)",
                "{",
                *unused,
                *self.body,
                "}",
                "",
            ]
        )

    def _put(self, depth: int, line: str) -> None:
        self.body.append("    " * depth + line)

    def _comment(self, value: Any) -> str:
        text = self.leaf_text(value).replace("*/", "* /") if self.leaf_text else ""
        return f" /* {text} */" if text else ""

    def _node(self, n: Fdd, depth: int) -> None:
        """Statements that never fall through."""
        if isinstance(n, Leaf):
            self._put(depth, f"return {self.number(n.value)};{self._comment(n.value)}")
        elif n.uid in self.labels:
            self._put(depth, f"goto {self.labels[n.uid]};")
        else:
            self._switch(n, depth)

    def _small(self, n: Fdd) -> bool:
        return isinstance(n, Leaf) or n.uid in self.labels

    def _switch(self, n: Switch, depth: int) -> None:
        v = value_of(n.field)
        if v.kind == "captured":
            self._captured(n, v, depth)
            return
        if v.kind == "flag":
            self._flag(n, depth)
            return
        if v.setup:
            self._put(depth, f"{v.type} {v.name} = {v.setup};{' /* ' + n.field.key + ' */' if v.comment else ''}")
        intervals = len(n.starts)
        if intervals > TABLE_FROM or (v.wide and intervals > 9):
            self._table(n, v, depth)
        elif len(n.cases) == 1 and len(n.cases[0][0]) <= 3 or v.wide:
            self._ifs(n, v, depth)
        else:
            self._cases(n, v, depth)

    def _captured(self, n: Switch, v: Value, depth: int) -> None:
        """Thresholds of a length, the greatest first."""
        for start, child in sorted(zip(n.starts, n.children, strict=True), key=lambda x: -x[0]):
            if not start:
                self._node(child, depth)
            elif self._small(n.children[0]) and len(n.starts) == 2:
                self._if(v.below(start), n.children[0], depth)
                self._node(child, depth)
                return
            else:
                self._if(v.at_least(start), child, depth)

    def _flag(self, n: Switch, depth: int) -> None:
        """Whether the link header is captured, for links of several kinds."""
        name = f"{self.name}_link_captured"
        function = link_captured(name)
        if function not in self.tables:
            self.tables.append(function)
        self._if(f"!{name}(p)", n.children[0], depth)
        self._node(n.children[1], depth)

    def _if(self, test: str, then: Fdd, depth: int) -> None:
        if self._small(then):
            self._put(depth, f"if ({test})")
            self._node(then, depth + 1)
            return
        self._put(depth, f"if ({test}) {{")
        self._node(then, depth + 1)
        self._put(depth, "}")

    def _ifs(self, n: Switch, v: Value, depth: int) -> None:
        if len(n.cases) == 1 and self._small(n.default) and not self._small(n.cases[0][1]):
            self._if(condition(v, n.cases[0][0], negated=True), n.default, depth)
            self._node(n.cases[0][1], depth)
            return
        for ranges, child in n.cases:
            self._if(condition(v, ranges), child, depth)
        self._node(n.default, depth)

    def _cases(self, n: Switch, v: Value, depth: int) -> None:
        self._put(depth, f"switch ({v.switch}) {{")
        for ranges, child in n.cases:
            for line in show_case(v, ranges):
                self._put(depth, line)
            self._case_body(child, depth)
        self._put(depth, "default:")
        self._case_body(n.default, depth)
        self._put(depth, "}")

    def _case_body(self, child: Fdd, depth: int) -> None:
        if not self._small(child):
            self.body[-1] += " {"
        self._node(child, depth + 1)
        if not self._small(child):
            self._put(depth, "}")

    def _table(self, n: Switch, v: Value, depth: int) -> None:
        children = list(dict.fromkeys(n.children))
        direct = all(isinstance(c, Leaf) for c in children)
        where = {c.uid: i for i, c in enumerate(children)}
        results = [self.number(c.value) if direct and isinstance(c, Leaf) else where[c.uid] for c in n.children]
        starts = self._shared_table(
            f"{self.name}_{v.name}_from",
            v.element,
            [constant(v, s) for s in n.starts],
            f"{n.field.key}: where intervals start",
        )
        ends = self._shared_table(
            f"{self.name}_{v.name}_to",
            number_type(max(results)),
            [str(r) for r in results],
            f"{n.field.key}: where intervals lead",
        )
        self._put(depth, f"unsigned low = 0, high = {len(n.starts)};")
        self._put(depth, "while (high - low > 1) {")
        self._put(depth + 1, "unsigned middle = (low + high) / 2;")
        self._put(depth + 1, f"if ({v.name} < {starts}[middle])")
        self._put(depth + 2, "high = middle;")
        self._put(depth + 1, "else")
        self._put(depth + 2, "low = middle;")
        self._put(depth, "}")
        if direct:
            self._put(depth, f"return {ends}[low];")
            return
        self._put(depth, f"switch ({ends}[low]) {{")
        for i, child in enumerate(children[1:], 1):
            self._put(depth, f"case {i}:")
            self._case_body(child, depth)
        self._put(depth, "default:")
        self._case_body(children[0], depth)
        self._put(depth, "}")

    def _shared_table(self, name: str, element: str, items: list[str], comment: str) -> str:
        """The name of a constant table with these numbers, printed once."""
        key = (name, element, tuple(items))
        if key not in self.names:
            self.names[key] = f"{name}{len(self.names) or ''}"
            self.tables.append(_array(self.names[key], element, items, comment))
        return self.names[key]


def _array(name: str, element: str, items: list[str], comment: str) -> str:
    """A constant table, as many numbers a line as fit."""
    lines, line = [], "   "
    for item in items:
        if len(line) + len(item) + 2 > 99:
            lines.append(line)
            line = "   "
        line += f" {item},"
    return "\n".join(
        [
            "/* clang-format off */",
            f"/* {comment} */",
            f"static const {element} {name}[] = {{",
            *lines,
            line,
            "};",
            "/* clang-format on */",
            "",
        ]
    )
