"""Contexts: every stream element stands in one, and each can do what its elements ask of it.

    Code with process_data  =>  Code with its StreamShape;  ends of contexts get a Code of their own
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from mcc.diag import Report
from mcc.ir.element import Code, StreamShape
from mcc.ir.func import Field, ForMatches, StreamAt, TableLoad
from mcc.ir.graph import Graph, GraphNode
from mcc.ir.lir import walk
from mcc.lang.algebra import ANY
from mcc.lang.context import context_class, context_session
from mcc.passes.caps import caps
from mcc.passes.fdd import Manager


def shape(code: Code) -> Code:
    """The instance with what it asks of its context."""
    func = code.handler("process_data")
    if func is None:
        return code
    c = caps(code)
    nodes = list(walk(func.body))
    faults = any(isinstance(n, TableLoad) and any(n.checked) or isinstance(n, (Field, StreamAt)) and n.checked
                 for n in nodes)
    matchers = 1 + max((n.slot for n in nodes if isinstance(n, ForMatches)), default=-1)
    return replace(code, stream=StreamShape(c.writes, c.resizes or faults, c.stalls, c.closes, matchers))


def context_code(n: GraphNode) -> Code:
    """What stands for an end of a context among the elements' codes."""
    return Code(n.name, n.name, (), (), None, None, (), (), frozenset(), n.span, context=n.protocol)


def enclosed(graph: Graph, context: int) -> tuple[int, ...]:
    """Elements between the ends of a context, in the order of the way to the server."""
    return tuple(n for n in between(graph, context) if graph.nodes[n].kind == "element")


def between(graph: Graph, context: int) -> tuple[int, ...]:
    """All nodes between the ends of a context."""
    out: list[int] = []
    ahead = [context]
    while ahead:
        at = ahead.pop(0)
        for e in graph.edges:
            if e.src == at and e.way == 0 and e.dst not in out and e.dst != graph.nodes[context].partner:
                out.append(e.dst)
                ahead.append(e.dst)
    return tuple(out)


def check_enclosed(context: GraphNode, inner: GraphNode, report: Report) -> None:
    """An error where what stands between the ends of a context is neither an element nor a context that fits in."""
    if inner.kind == "context" and inner.role == "in" and not (context.protocol == "ip" != inner.protocol):
        same = inner.protocol == context.protocol
        report.error(inner.span, f"{inner.name} stands between the ends of {context.name}",
                     "a context is entered and left once, for all elements between" if same else
                     "no packet is both: tcp(A()) >> udp(A()), one behind the other")
    elif inner.kind not in ("element", "context"):
        what, mend = {"drop": ("Drop()", "an element that lets nothing through returns DROP"),
                      "classifier": ("FlowClassifier()", "put it in front of the context or behind it")}.get(
            inner.kind, (f"port {inner.name!r}", "a context has one way through"))
        report.error(inner.span, f"{what} stands between the ends of {context.name}", mend)


def check_contexts(graph: Graph, codes: Mapping[int, Code], report: Report) -> None:
    """Errors: stream elements outside a context, other things inside one, resizing TCP without both directions."""
    inside: dict[int, list[GraphNode]] = {}
    for c in graph.contexts:
        for inner in between(graph, c.id):
            inside.setdefault(inner, []).append(c)
            check_enclosed(c, graph.nodes[inner], report)
    for n in graph.elements:
        code, around = codes[n.id], inside.get(n.id, [])
        streams = code.stream is not None
        if streams and not around:
            report.error(n.span, f"{n.name} reads a stream, but stands in no context",
                         f"tcp({n.name}), udp({n.name}), or a context link: >> ~{n.name}")
        for c in around:
            check_session(n, c, report)
        if not streams and around:
            report.error(n.span, f"{n.name} handles packets, but stands between the ends of {around[0].name}",
                         "put it in front of the context or behind it")
        if code.stream is not None and code.stream.resizes:
            for c in around:
                if c.protocol == "tcp" and not _duplex(graph, c):
                    report.error(n.span, f"{n.name} changes the length of a TCP stream, and the answers do not come "
                                 "by here: acknowledgements could not be put right",
                                 f'duplex(Port("lan"), tcp({n.name}), Port("wan"))')


def check_session(n: GraphNode, context: GraphNode, report: Report) -> None:
    """An error where no packet of the context is of the element's session or class: it would never be called."""
    assert n.elem is not None
    t = n.elem.__mcc_elem__
    manager = Manager()
    for what, wanted in ((f"session={t.session}", t.session.where if t.session else ANY), ("class", t.cls)):
        if wanted is None:
            continue
        both = manager.restrict(manager.from_class(wanted & context_class(context.protocol)))
        if not any(manager.leaves(both)):
            name, layer = context.protocol, context.protocol.upper()
            report.error(n.span, f"{n.name} never sees a stream of {name}(): its {what} takes no {layer} packets",
                         f"session={context_session(name)} for {name}()" if what != "class" else
                         f"a cls= that takes {layer}")
            return


def _duplex(graph: Graph, context: GraphNode) -> bool:
    """Whether packets of both ways go through the context."""
    return {0, 1} <= {e.way for e in graph.edges if e.dst in (context.id, context.partner)}
