"""Nodes, paths and links: what `>>`, `~`, `[..]`, dictionaries and lists build (LANGUAGE 2.3).

    target := node | path | ~node | ~path | {class: target} | [target, ..]

A path remembers its links; `@chain` turns the paths that a generator yields into one graph (mcc.lang.chain).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Union

from mcc.diag import CompileError, Diagnostic, Span
from mcc.lang.classes import Cls
from mcc.lang.where import caller_span


@dataclass(frozen=True)
class Link:
    """One link as written. `context`: the link carries what the destination's class says; `cls`: an explicit one."""

    src: "Node"
    out: int
    dst: "Node"
    inp: int
    context: bool
    cls: Cls | None
    span: Span


class Node:
    """Something that can be linked: an element, a port, a drop."""

    def __init__(self, span: Span) -> None:
        self.span = span

    def __rshift__(self, other: "Target") -> "Path":
        return Path(self) >> other

    def __invert__(self) -> "Ctx":
        return Ctx(Path(self))

    def __getitem__(self, i: "int | slice") -> "At":
        return At(self, i, caller_span())


class At(Node):
    """`a[1]` before `>>`: output 1; behind `>>`: input 1; `a[1:0]` in the middle of a path: input 1, output 0."""

    def __init__(self, node: Node, i: int | slice, span: Span) -> None:
        super().__init__(span)
        self.node = node
        pair = (i.start, i.stop) if isinstance(i, slice) else (i, i)
        self.both = isinstance(i, slice)
        if any(not isinstance(p, int) or p < 0 for p in pair):
            raise _bad(span, "a port of an element is a number from 0", "arp[1], or arp[1:0] for input 1, output 0")
        self.inp, self.out = int(pair[0]), int(pair[1])


@dataclass
class Path:
    """A sequence of links. `heads`: where a link into the path goes; `tails`: the outputs a link out of it leaves."""

    first: Node
    heads: list[tuple[Node, int, bool, Cls | None]] = field(default_factory=list)
    tails: list[tuple[Node, int]] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    linear: list[Node] = field(default_factory=list)

    def __post_init__(self) -> None:
        if not self.heads:
            node, inp, out = _ends(self.first, alone=True)
            self.heads, self.tails, self.linear = [(node, inp, False, None)], [(node, out)], [node]

    def __rshift__(self, other: "Target") -> "Path":
        span = caller_span()
        target = _target(other, span)
        links = list(self.links)
        for src, out in self.tails:
            links += [Link(src, out, dst, inp, context, cls, span) for dst, inp, context, cls in target.heads]
        links += target.links
        line = self.linear + target.linear if self.linear and target.linear else []
        return Path(self.first, self.heads, target.tails, links, line)

    def __rrshift__(self, other: Any) -> "Path":
        return _target(other, caller_span()) >> self

    def __invert__(self) -> "Ctx":
        return Ctx(self)


@dataclass(frozen=True)
class Ctx:
    """`~x`: a context link into x (the paper's ~>)."""

    path: Path

    def __rshift__(self, other: "Target") -> "Ctx":
        return Ctx(self.path >> other)


Target = Union[Node, Path, Ctx, Mapping[Cls, Any], Sequence[Any]]


def _bad(span: Span, message: str, hint: str = "") -> CompileError:
    return CompileError((Diagnostic("error", span, message, hint),))


def _ends(node: Node, *, alone: bool = False) -> tuple[Node, int, int]:
    """(node, input, output). `a[1]` alone is both: which one counts is told by the side of the link."""
    return (node.node, node.inp, node.out) if isinstance(node, At) else (node, 0, 0)


def _as_path(x: Any, span: Span) -> Path:
    if isinstance(x, Path):
        return x
    if isinstance(x, At):
        node = x.node
        return Path(node, [(node, x.inp, False, None)], [(node, x.out if x.both else 0)], [], [node])
    if isinstance(x, Node):
        return Path(x)
    raise _bad(span, f"{type(x).__name__} cannot stand in a chain",
               "link elements, ports, {class: path} or [path, ..]" +
               (f"; write {x.__name__}(...) for an instance" if isinstance(x, type) else ""))


def _target(x: Any, span: Span) -> Path:
    """Any target as a path whose heads carry their classes."""
    if isinstance(x, Ctx):
        p = x.path
        heads = [(n, i, True, c) for n, i, _, c in p.heads]
        return Path(p.first, heads, p.tails, p.links, p.linear)
    if isinstance(x, Mapping):
        return _branches([(_case(k, span), v) for k, v in x.items()], span)
    if isinstance(x, (list, tuple)):
        return _branches([(None, v if isinstance(v, Ctx) else ~_as_path(v, span)) for v in x], span)
    return _as_path(x, span)


def _case(k: Any, span: Span) -> Cls:
    if not isinstance(k, Cls):
        raise _bad(span, f"the key {k!r} of a {{class: path}} is not a class", "such as {TCP: path, ANY: Drop()}")
    return k


def _branches(cases: list[tuple[Cls | None, Any]], span: Span) -> Path:
    if not cases:
        raise _bad(span, "an empty {class: path} or [..] leads nowhere", "use Drop() to drop")
    heads: list[tuple[Node, int, bool, Cls | None]] = []
    tails: list[tuple[Node, int]] = []
    links: list[Link] = []
    for c, x in cases:
        p = _target(x, span)
        for node, inp, context, inner in p.heads:
            both = c if inner is None else inner if c is None else c & inner
            heads.append((node, inp, context, both))
        tails += [t for t in p.tails if t not in tails]
        links += [link for link in p.links if link not in links]
    return Path(heads[0][0], heads, tails, links, [])
