"""Chains: `@chain` generators, `duplex`, `Port`, `Drop`, `FlowClassifier`, and the graph they make."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from mcc.diag import CompileError, Diagnostic, Span
from mcc.lang.context import ContextNode, context_class
from mcc.lang.element import Element
from mcc.lang.graph import Graph, GraphEdge, GraphNode
from mcc.lang.insertion import insert_contexts, insert_in_line, is_stream
from mcc.lang.node import At, Ctx, Link, Node, Path, _as_path
from mcc.lang.session import Session
from mcc.lang.where import caller_span


class PortNode(Node):
    """`Port("lan")`: at the start of a path packets come in, at its end they leave. One name is one port."""

    def __init__(self, name: str, bind: str = "", inner: bool = False) -> None:
        super().__init__(caller_span())
        if not name.isidentifier():
            raise CompileError((Diagnostic("error", self.span, f"{name!r} cannot name a port",
                                           "letters, digits and _ only, such as Port(\"lan\")"),))
        self.name, self.bind, self.inner = name, bind, inner


class DropNode(Node):
    """`Drop()`: packets end here, counted as `drop`."""

    def __init__(self) -> None:
        super().__init__(caller_span())


class ClassifierNode(Node):
    """`FlowClassifier()`: behind it packets are parsed, classified and looked up anew (paper II-C)."""

    def __init__(self, session: Session | None = None, builder: int = 0) -> None:
        super().__init__(caller_span())
        self.session, self.builder = session, builder


def Port(name: str, *, bind: str = "", inner: bool = False) -> PortNode:
    """Both ends of one port; `mcc run --port NAME=SPEC` says what it is bound to.

    inner: packets that come in by it are seen as the innermost IP packet that can be reached in their tunnels (GRE,
    VXLAN, GTP-U, MPLS, .., docs/tunnels.md), without a link header; they leave with all their headers. Raises
    CompileError for a port that is named both with and without it, and for a duplex of which only one port has it.
    """
    return PortNode(name, bind, inner)


def Drop() -> DropNode:
    """The end of a path that lets nothing through."""
    return DropNode()


def FlowClassifier(*, session: Session | None = None, builder: int = 0) -> ClassifierNode:
    """A second classifier inside a chain: sub-sessions by what the packets carry now.

    session: groups by it even if no element behind asks for it. builder: 0 lets the compiler decide whether packets are
    grouped into session batches, n > 0 groups up to n packets (paper III).
    """
    return ClassifierNode(session, builder)


@dataclass(frozen=True)
class Duplex:
    """What `duplex` gives to `yield`: the links of both ways."""

    left: PortNode
    right: PortNode
    links: tuple[tuple[Link, int], ...]


def duplex(left: Any, box: Any, right: Any) -> Duplex:
    """Both directions through one box: left to right, and back from right to left through the same elements."""
    span = caller_span()

    def bad(message: str, hint: str) -> CompileError:
        return CompileError((Diagnostic("error", span, message, hint),))

    if not isinstance(left, PortNode) or not isinstance(right, PortNode):
        raise bad("duplex(left, box, right) wants a Port at both ends", 'duplex(Port("lan"), box, Port("wan"))')
    if left.name == right.name:
        raise bad(f"both ends of the duplex are port {left.name!r}", "name two ports")
    path = box.path if isinstance(box, Ctx) else _as_path(box, span)
    if not path.linear:
        raise bad("the box of a duplex is one line of elements",
                  "a >> b >> c; write both ways as two paths where they branch")
    if path.heads[0][1] and not path.links or any(link.out or link.inp for link in path.links):
        raise bad("an element of a duplex has one way in and one out", "write both ways as two paths")
    led = [*path.linear[:isinstance(box, Ctx)], *(link.dst for link in path.links if link.context)]
    for n in led:
        if isinstance(n, Element) and not is_stream(n) and declared_class(n, 0) is not None:
            name = n.__mcc_elem__.name
            raise bad(f"a context link to {name} in a duplex: packets outside its class go by it, both ways",
                      "a plain link; Filter(class) drops what is outside")
    line: list[Node] = [left, *insert_in_line(path.linear, led, span), right]
    links = [(Link(a, 0, b, 0, False, None, span), 0) for a, b in zip(line, line[1:], strict=False)]
    back = line[::-1]
    links += [(Link(a, 0, b, 0, False, None, span), 1) for a, b in zip(back, back[1:], strict=False)]
    return Duplex(left, right, tuple(links))


class Chain:
    """A chain before it is compiled. `graph()` runs the generator (or parses the text) and builds the graph."""

    def __init__(self, name: str, make: Callable[[], Graph], span: Span) -> None:
        self.name, self._make, self.span = name, make, span

    @functools.cached_property
    def _graph(self) -> Graph:
        return self._make()

    def graph(self) -> Graph:
        return self._graph

    def __call__(self) -> Graph:
        return self._graph

    def __repr__(self) -> str:
        return f"<chain {self.name}>"


MAX_PIECES = 20_000
"""Paths that a chain may yield; more is a loop without an end."""

UNNAMED = "chain"
"""The name of a text chain until a file that is loaded says by which variable it goes."""


def chain(f: Callable[[], Iterator[Any]] | str, *, name: str = "") -> Chain:
    """`@chain` on a generator that yields paths, or `chain("text")`.

    Element names are the generator's local variables. Raises CompileError, when the graph is made, for links that
    cannot be right.
    """
    if isinstance(f, str):
        from mcc.lang.chaintext import parse_chain  # the text form builds on this module

        frame = sys._getframe(1)
        names = {**frame.f_globals, **frame.f_locals}
        text, span = f, caller_span()
        made = Chain(name or UNNAMED, lambda: parse_chain(text, names, span, made.name), span)
        return made
    code = f.__code__
    span = Span(code.co_filename, code.co_firstlineno, 0)
    if not inspect.isgeneratorfunction(f):
        raise CompileError((Diagnostic("error", span, f"the chain {f.__name__} yields nothing",
                                       "a @chain function yields its paths: yield Port('lan') >> x"),))
    return Chain(name or f.__name__, functools.partial(_run, f, name or f.__name__, span), span)


def _run(f: Callable[[], Iterator[Any]], name: str, span: Span) -> Graph:
    gen: Any = f()
    pieces: list[tuple[Any, Span]] = []
    names: dict[int, str] = {}
    for piece in gen:
        frame = gen.gi_frame
        if len(pieces) == MAX_PIECES:
            raise CompileError((Diagnostic("error", Span(span.file, frame.f_lineno, 0),
                                           f"{name} yields more than {MAX_PIECES:,} paths",
                                           "a loop around yield has to end"),))
        pieces.append((piece, Span(span.file, frame.f_lineno, 0)))
        for k, v in frame.f_locals.items():
            if isinstance(v, Node):
                names.setdefault(id(v), k)
    return build_graph(name, pieces, names, span)


Complaint = Callable[[Node, str, str], CompileError]


def _at_span(node: Node, message: str, hint: str) -> CompileError:
    return CompileError((Diagnostic("error", node.span, message, hint),))


def build_graph(name: str, pieces: list[tuple[Any, Span]], names: dict[int, str], span: Span,
                complain: Complaint = _at_span) -> Graph:
    """Pieces (paths, duplexes) to a Graph; `names`: variable names by id(node); `complain` makes the error about a
    node, at its place."""
    return _Builder(name, names, span, complain).build(pieces)


class _Builder:
    """Collects nodes in the order met; ports by name, in order of first use."""

    def __init__(self, name: str, names: dict[int, str], span: Span, complain: Complaint) -> None:
        self.name, self.names, self.span, self.complain = name, names, span, complain
        self.made: list[Node] = []
        self.ports: list[str] = []
        self.nodes: list[GraphNode] = []
        self.ids: dict[tuple[object, str], int] = {}
        self.used: set[str] = set()
        self.edges: list[GraphEdge] = []
        self.context: set[int] = set()
        self.way: dict[str, int] = {}
        self.far: dict[str, str] = {}
        self.inner: dict[str, bool] = {}

    def fail(self, span: Span, message: str, hint: str = "") -> CompileError:
        return CompileError((Diagnostic("error", span, message, hint),))

    def build(self, pieces: list[tuple[Any, Span]]) -> Graph:
        for piece, span in pieces:
            if isinstance(piece, Duplex):
                self.way[piece.right.name] = 1
                self.far[piece.left.name], self.far[piece.right.name] = piece.right.name, piece.left.name
                self.check_inner(piece)
                for link, way in piece.links:
                    self.link(link, way)
            elif isinstance(piece, Path):
                for link in insert_contexts(piece.links):
                    self.link(link, 0)
                if not piece.links:
                    raise self.fail(span, "this path links nothing", "yield a >> b")
            elif isinstance(piece, Graph):
                raise self.fail(span, "a chain cannot be a part of a chain", "yield its paths")
            else:
                raise self.fail(span, f"a chain yields paths, not {type(piece).__name__}",
                                'yield Port("lan") >> x >> Port("wan")')
        self.pair()
        self.check()
        far = tuple(self.ports.index(self.far[p]) if p in self.far else -1 for p in self.ports)
        return Graph(self.name, tuple(self.nodes), tuple(self.edges), tuple(self.ports), far, self.span,
                     tuple(p for p in self.ports if self.inner[p]))

    def check_inner(self, d: Duplex) -> None:
        """What one side of a duplex looks into, the other must: else no answer would be of its session."""
        if d.left.inner != d.right.inner:
            deep, flat = (d.left, d.right) if d.left.inner else (d.right, d.left)
            raise self.fail(flat.span, f"port {deep.name!r} looks into tunnels, the other side {flat.name!r} does not",
                            f'Port("{flat.name}", inner=True), or neither')

    def pair(self) -> None:
        """Both ends of every context know each other; those of text chains are found along the links."""
        for n in [n for n in self.nodes if n.kind == "context" and n.role == "in" and n.partner < 0]:
            depth, at = 0, n.id
            for _ in self.nodes:
                nexts = [e.dst for e in self.edges if e.src == at and e.out == 0]
                if not nexts:
                    break
                at = nexts[0]
                if self.nodes[at].protocol == n.protocol:
                    depth += 1 if self.nodes[at].role == "in" else -1
                    if depth < 0:
                        self.nodes[n.id] = replace(n, partner=at)
                        self.nodes[at] = replace(self.nodes[at], partner=n.id, options=n.options)
                        break
        for n in self.nodes:
            if n.kind == "context" and n.partner < 0:
                other = f"{n.protocol.upper()}{'Out' if n.role == 'in' else 'In'}"
                raise self.complain(self.made[n.id], f"{n.name} has no {other}", f"... ~> {n.protocol.upper()}In ~> "
                                    f"element ~> {n.protocol.upper()}Out ~> ...; or {n.protocol}(element)")

    def link(self, link: Link, way: int) -> None:
        src, dst = self.node(link.src, "in"), self.node(link.dst, "out")
        if self.nodes[src].kind in ("drop", "out"):
            return
        edge = GraphEdge(src, link.out, dst, link.inp, way, link.cls, link.span)
        if link.context:
            self.context.add(len(self.edges))
        self.edges.append(edge)

    def node(self, x: Node, side: str) -> int:
        if isinstance(x, At):
            x = x.node
        key = (x.name, side) if isinstance(x, PortNode) else (id(x), "")
        if key not in self.ids:
            self.ids[key] = len(self.nodes)
            self.made.append(x)
            self.nodes.append(self.make(x, side, len(self.nodes)))
        return self.ids[key]

    def make(self, x: Node, side: str, number: int) -> GraphNode:
        if isinstance(x, PortNode):
            if x.name not in self.ports:
                self.ports.append(x.name)
            if self.inner.setdefault(x.name, x.inner) != x.inner:
                raise self.fail(x.span, f"port {x.name!r} has inner={x.inner} here and inner={not x.inner} elsewhere",
                                "a port looks into tunnels or not; write Port(..) once and use its variable")
            port = self.ports.index(x.name)
            return GraphNode(number, x.name, side, x.span, None, port, self.way.get(x.name, 0))
        if isinstance(x, DropNode):
            return GraphNode(number, self.unique("drop"), "drop", x.span)
        if isinstance(x, ClassifierNode):
            return GraphNode(number, self.unique(self.names.get(id(x), "classifier")), "classifier", x.span,
                             session=x.session, builder=x.builder)
        if isinstance(x, ContextNode):
            partner = self.ids.get((id(x.partner), ""), -1)
            if partner >= 0:
                self.nodes[partner] = replace(self.nodes[partner], partner=number)
            return GraphNode(number, self.unique(x.title), "context", x.span, protocol=x.protocol, role=x.role,
                             options=x.options, partner=partner)
        if isinstance(x, Element):
            return GraphNode(number, self.unique(self.names.get(id(x), x.__mcc_elem__.name)), "element", x.span, x)
        raise self.fail(x.span, f"{type(x).__name__} is not an element", "decorate its class with @element")

    def unique(self, name: str) -> str:
        n, out = 1, name
        while out in self.used:
            n += 1
            out = f"{name}{n}"
        self.used.add(out)
        return out

    def check(self) -> None:
        """Outputs and inputs that exist, no loop, something that comes in. Context links get their class here."""
        for e in self.edges:
            src, dst = self.nodes[e.src], self.nodes[e.dst]
            for n, i, what, count in ((src, e.out, "output", 1), (dst, e.inp, "input", 0)):
                have = n.elem.__mcc_elem__.ports[count] if n.elem else 1
                if i >= have:
                    raise self.fail(e.span, f"{n.name} has no {what} {i}",
                                    f"it has {have}: {', '.join(map(str, range(have)))}; ports=(inputs, outputs) in "
                                    "@element declares more")
        if not any(n.kind == "in" for n in self.nodes):
            raise self.fail(self.span, "no packet can enter this chain", 'start a path with Port("lan")')
        self.edges = [self.with_class(i, e) for i, e in enumerate(self.edges)]
        self.check_loops()

    def with_class(self, i: int, e: GraphEdge) -> GraphEdge:
        if i not in self.context or self.nodes[e.dst].kind == "context" and not self.nodes[e.dst].opens(e.way) \
                or self.inside(e.src, e.way):
            return e
        cls = self.class_from(e.dst, e.inp, e.way)
        if cls is not None and e.cls is not None:
            cls = e.cls & cls
        return GraphEdge(e.src, e.out, e.dst, e.inp, e.way, cls if cls is not None else e.cls, e.span)

    def inside(self, node: int, way: int) -> bool:
        """Whether what leaves a node is in a context."""
        for _ in self.nodes:
            n = self.nodes[node]
            if n.kind == "context":
                return n.opens(way)
            before = [e.src for e in self.edges if e.dst == node and e.way == way]
            if n.kind != "element" or not before:
                return False
            node = before[0]
        return False

    def class_from(self, node: int, inp: int, way: int) -> Any:
        """The class that a context link into `node` carries: the first one declared to the right of the arrow."""
        so_far: Any = None
        for _ in self.nodes:
            n = self.nodes[node]
            if n.kind == "context" and n.opens(way):
                layer = context_class(n.protocol)
                so_far = layer if so_far is None else so_far & layer
            if n.elem is not None:
                cls = declared_class(n.elem, inp)
                if cls is not None:
                    return cls if so_far is None else so_far & cls
            nexts = [e for e in self.edges if e.src == node and e.out == 0 and e.way == way]
            if len(nexts) != 1 or n.kind not in ("element", "context"):
                return so_far
            node, inp = nexts[0].dst, nexts[0].inp
        return so_far

    def check_loops(self) -> None:
        state: dict[tuple[int, int], int] = {}

        def visit(node: int, way: int, trail: tuple[int, ...]) -> None:
            if state.get((node, way)) == 2:
                return
            if node in trail:
                names = " >> ".join(self.nodes[n].name for n in (*trail[trail.index(node):], node))
                span = next(e.span for e in self.edges if e.src == trail[-1] and e.dst == node)
                raise self.fail(span, f"packets would go round for ever: {names}", "a chain has no loops")
            for e in self.edges:
                if e.src == node and e.way == way:
                    visit(e.dst, way, (*trail, node))
            state[(node, way)] = 2

        for n in self.nodes:
            if n.kind == "in":
                visit(n.id, n.way, ())


def declared_class(elem: Element, inp: int) -> Any:
    """cls= and session.where and the @on(cls=) of the input; None where nothing is declared."""
    t = elem.__mcc_elem__
    h = t.handler("process_packet", inp)
    parts = [t.cls, t.session.where if t.session and inp == 0 else None, h.cls if h else None]
    out = None
    for p in parts:
        if p is not None and str(p) != "ANY":
            out = p if out is None else out & p
    return out
