"""The text form of a chain: `lan -> a :: A(1) ~> { B(), 'udp': C() } -> wan`. It builds the same paths as `>>`.

Names are looked up in the caller's namespace, then in mcc.std; a name that is neither and stands without parentheses is
a port. Strings are turned into addresses where the element's parameter is one.
"""

from __future__ import annotations

import ast
import functools
import typing
from collections.abc import Mapping
from pathlib import Path as FilePath
from typing import Any, NoReturn

import lark

from mcc.diag import CompileError, Diagnostic, Span
from mcc.lang.algebra import ANY, Cls
from mcc.lang.chain import ClassifierNode, Drop, Duplex, PortNode, build_graph, duplex
from mcc.lang.classes import cls, raw
from mcc.lang.context import PROTOCOLS, ContextNode, make_options
from mcc.lang.element import Element
from mcc.lang.graph import Graph
from mcc.lang.node import Ctx, Node, Path
from mcc.lang.types import Addr4, Mac
from mcc.lang.values import ip4, mac

LATER = {"HTTPIn", "HTTPOut"}
CONTEXTS = {f"{p.upper()}{r.capitalize()}": (p, r) for p in PROTOCOLS for r in ("in", "out")}


@functools.cache
def _parser() -> lark.Lark:
    grammar = (FilePath(__file__).parent / "grammars" / "chain.lark").read_text()
    return lark.Lark(grammar, parser="lalr", propagate_positions=True, maybe_placeholders=True)


def FromDPDK(port: int) -> PortNode:
    """A port whose default binding is DPDK device `port`."""
    return PortNode(f"dpdk{port}", f"dpdk:{port}")


def ToDPDK(port: int) -> PortNode:
    """The same port as FromDPDK(port), for the end of a path."""
    return PortNode(f"dpdk{port}", f"dpdk:{port}")


def parse_chain(text: str, names: Mapping[str, Any], span: Span, name: str) -> Graph:
    """Raises CompileError that points into the text."""
    try:
        tree = _parser().parse(text)
    except lark.UnexpectedInput as e:
        wanted = ""
        if isinstance(e, lark.UnexpectedToken):
            wanted = "expected one of " + " ".join(sorted(_shown(t) for t in e.accepts or e.expected))
        _fail(text, span, e.line, e.column, "this is not a chain", wanted)
    return _Builder(text, names, span, name).build(tree)


def _shown(token: str) -> str:
    try:
        pattern = _parser().get_terminal(token).pattern
        return repr(pattern.value) if pattern.type == "str" else token
    except (KeyError, AttributeError):
        return token


def _fail(text: str, span: Span, line: int, column: int, message: str, hint: str = "", width: int = 1) -> NoReturn:
    rows = text.splitlines() or [""]
    row = rows[line - 1] if 0 < line <= len(rows) else rows[-1]
    col = max(0, min(column - 1, len(row))) if column > 0 else len(row)
    where = Span(span.file, span.line, col, span.line, col + width)
    raise CompileError((Diagnostic("error", where, f"{message} (line {max(line, 1)} of the chain's text)"
                                   if len(rows) > 1 else message, hint, row),))


class _Builder:
    """Walks the tree; instances by name, so that a declared name is one node wherever it stands. words: where
    in the text each end of a context is, by id."""

    def __init__(self, text: str, names: Mapping[str, Any], span: Span, name: str) -> None:
        self.text, self.names, self.span, self.name = text, names, span, name
        self.nodes: dict[str, Node] = {}
        self.words: dict[int, Any] = {}

    def build(self, tree: lark.Tree[Any]) -> Graph:
        for declared in tree.find_data("declare"):
            self.declare(declared)
        pieces: list[tuple[Path | Duplex, Span]] = []
        for s in [s for s in tree.children if s is not None]:
            if s.data == "both":
                pieces.append((self.both(s), self.span))
            elif (path := self.path(s.children[0])).links:
                pieces.append((path, self.span))
        known = {id(n): k for k, n in self.nodes.items() if not isinstance(n, PortNode)}
        return build_graph(self.name, pieces, known, self.span, self.complain)

    def both(self, tree: Any) -> Duplex:
        """duplex(left, box, right)."""
        left, box, right = (self.path(t) for t in tree.children)
        try:
            return duplex(*(p.linear[0] if len(p.linear) == 1 else p for p in (left, box, right)))
        except CompileError as e:
            python = ">>" in e.hint or "Port(" in e.hint
            self.fail(tree, e.message, "duplex(lan, TCPIn ~> element ~> TCPOut, wan)" if python else e.hint)

    def complain(self, node: Node, message: str, hint: str) -> CompileError:
        """At the word where the text has the node."""
        if id(node) in self.words:
            self.fail(self.words[id(node)], message, hint)
        return CompileError((Diagnostic("error", node.span, message, hint),))

    def fail(self, tree: Any, message: str, hint: str = "") -> NoReturn:
        meta = tree.meta if isinstance(tree, lark.Tree) else tree
        width = len(tree) if isinstance(tree, lark.Token) else 1
        _fail(self.text, self.span, meta.line, meta.column, message, hint, width)

    # ------------------------------------------------------------ nodes

    def declare(self, tree: Any) -> None:
        name, kind, args = tree.children
        if name in self.nodes:
            self.fail(name, f"{name} is declared twice", "a name stands for one element; refer to it by the name alone")
        self.nodes[str(name)] = self.instance(kind, args, str(name))

    def instance(self, kind: Any, args: Any, declared: str = "") -> Node:
        """A node by its kind; `declared`: the name that it gets."""
        name = str(kind)
        if name in LATER:
            self.fail(kind, f"{name} is a stream context, which this version does not have")
        if name in CONTEXTS:
            return self.context(kind, args)
        if name in ("Discard", "Drop"):
            return Drop()
        if name == "FlowClassifier":
            return ClassifierNode()
        if name == "Port":
            return self.port(kind, args, declared)
        made = self.lookup(name)
        if made is None:
            self.fail(kind, f"there is no element {name!r}", "import it, or define it above the chain")
        given, named = self.arguments(args, made)
        try:
            node = made(*given, **named)
        except CompileError as e:
            self.fail(kind, e.message, e.hint)
        if not isinstance(node, Node):
            self.fail(kind, f"{name}(...) is not an element")
        node.span = self.span
        return node

    def port(self, kind: Any, args: Any, declared: str) -> Node:
        """A port with options goes by the name that it is declared with."""
        given, named = self.arguments(args, None)
        if not declared or given or set(named) - {"inner"}:
            self.fail(kind, "a port with options is declared, and takes inner only", "such as lan :: Port(inner=True)")
        return PortNode(declared, inner=bool(named.get("inner")))

    def context(self, kind: Any, args: Any) -> Node:
        """One end of a context; the ends of a pair are found along the links."""
        protocol, role = CONTEXTS[str(kind)]
        given, named = self.arguments(args, None)
        if given or named and role == "out":
            self.fail(kind, f"{kind} takes {'no arguments' if role == 'out' else 'named arguments only'}",
                      f"such as {protocol.upper()}In(hold_timeout=1.0)")
        try:
            node = ContextNode(protocol, role, make_options(protocol, named, self.span), self.span)
            self.words[id(node)] = kind
            return node
        except CompileError as e:
            self.fail(kind, e.message, e.hint)

    def lookup(self, name: str) -> Any:
        if name in self.names:
            return self.names[name]
        import mcc.std

        return getattr(mcc.std, name, None)

    def arguments(self, args: Any, made: Any) -> tuple[list[Any], dict[str, Any]]:
        given: list[Any] = []
        named: dict[str, Any] = {}
        params = list(made.__mcc_elem__.params) if isinstance(made, type) and issubclass(made, Element) else []
        for a in args.children if args is not None else []:
            if a.data == "named":
                key = str(a.children[0])
                hint = next((p.annotation for p in params if p.name == key), None)
                named[key] = self.value(a.children[1], hint)
            else:
                hint = params[len(given)].annotation if len(given) < len(params) else None
                given.append(self.value(a.children[0], hint))
        return given, named

    def value(self, tree: Any, hint: Any) -> Any:
        kind = tree.data
        if kind == "string":
            text = ast.literal_eval(str(tree.children[0]))
            return self.address(tree, text, hint) if isinstance(text, str) else text
        if kind == "number":
            return ast.literal_eval(str(tree.children[0]))
        if kind == "list":
            inner = (typing.get_args(hint) or (None,))[0]
            return [self.value(c, inner) for c in tree.children if c is not None]
        name = str(tree.children[0])
        if name in ("True", "False") and kind == "name":
            return name == "True"
        found = self.lookup(name)
        if found is None:
            self.fail(tree, f"unknown name {name!r}")
        if kind == "call":
            given, named = self.arguments(tree.children[1], found)
            return found(*given, **named)
        return found

    def address(self, tree: Any, text: str, hint: Any) -> Any:
        try:
            return ip4(text) if hint is Addr4 else mac(text) if hint is Mac else text
        except CompileError as e:
            self.fail(tree, e.message, e.hint)

    def node(self, tree: Any) -> Node:
        if tree.data == "declare":
            return self.nodes[str(tree.children[0])]
        if tree.data == "make":
            return self.instance(*tree.children)
        name = str(tree.children[0])
        if name not in self.nodes:
            known = self.names.get(name)
            if isinstance(known, Node):
                self.nodes[name] = known
            elif name in ("Discard", "Drop", "FlowClassifier", *CONTEXTS, *LATER) or isinstance(known, type):
                return self.instance(tree.children[0], None)
            else:
                self.nodes[name] = PortNode(name)
        return self.nodes[name]

    # ------------------------------------------------------------ paths

    def path(self, tree: Any) -> Path:
        items = tree.children
        out: Any = self.item(items[0], first=True)
        if isinstance(out, dict):
            self.fail(tree, "a chain begins with a port or an element, not with { }")
        path = out if isinstance(out, Path) else Path(out)
        for link, item in zip(items[1::2], items[2::2], strict=True):
            context = link.children[0].type == "CONTEXT"
            target = self.item(item, first=False)
            if isinstance(target, list):
                path = path >> self.block(target, context)
            else:
                path = path >> (~target if context else target)
        return path

    def item(self, tree: Any, first: bool) -> Any:
        if tree.data == "block":
            return [c for c in tree.children if c is not None]
        inport, node, outport = tree.children
        made = self.node(node)
        inp = int(inport.children[0]) if inport is not None else 0
        out = int(outport.children[0]) if outport is not None else 0
        if first and inport is not None and outport is None:
            out = 0
        return made[inp:out] if inport is not None or outport is not None else made

    def block(self, cases: list[Any], context: bool) -> Any:
        """{ .. } as an ordered list of branches: those with text have its class, the others their own."""
        from mcc.lang.node import _branches

        out: list[tuple[Cls | None, Any]] = []
        for c in cases:
            if c.data == "classed":
                out.append((self.class_of(c.children[0]), self.path(c.children[1])))
            else:
                out.append((None, Ctx(self.path(c.children[0]))))
        return _branches(out, self.span)

    def class_of(self, token: Any) -> Cls:
        text = ast.literal_eval(str(token)).strip()
        if text in ("-", ""):
            return ANY
        try:
            return raw(text) if text[0].isdigit() or text[0] == "!" and "/" in text else cls(text)
        except CompileError as e:
            at = e.span.col if e.diagnostics[0].text is not None else 0
            _fail(self.text, self.span, token.line, token.column + 1 + at, e.message, e.hint)
