"""Checks that need the whole chain: writes that a later class will not see, outputs without a link, idle elements."""

from __future__ import annotations

from collections.abc import Mapping

from mcc.diag import Report, Span
from mcc.ir.element import Code
from mcc.ir.graph import Graph, GraphEdge
from mcc.ir.plan import Plan, Plans, Step, steps
from mcc.lang.chain import declared_class
from mcc.lang.tested import tested_fields


def check_chain(graph: Graph, codes: Mapping[int, Code], plans: Plans, report: Report) -> None:
    """Warnings only: the chain compiles."""
    _check_writes(graph, codes, plans, report)
    _check_links(graph, codes, plans, report)
    _check_outputs(graph, codes, report)
    _check_needs(graph, codes, report)


def _check_writes(graph: Graph, codes: Mapping[int, Code], plans: Plans, report: Report) -> None:
    """A header field is written, and a class further along the walk tests it: no reclassification (paper II-C)."""
    told: set[tuple[int, int]] = set()
    for leaf in plans.leaves:
        line = steps(leaf.arc.to)
        for i, first in enumerate(line):
            written = {_column(k) for k in codes[first.node].writes}
            for later in line[i + 1:]:
                elem = graph.nodes[later.node].elem
                if elem is None or (first.node, later.node) in told or first.node == later.node:
                    continue
                declared = declared_class(elem, later.inp)
                both = sorted(written & tested_fields(declared)) if declared is not None else []
                if both:
                    told.add((first.node, later.node))
                    report.warning(
                        graph.nodes[later.node].span,
                        f"the class of {graph.nodes[later.node].name} tests {both[0]}, which "
                        f"{graph.nodes[first.node].name} rewrites before: the class is about the packet as it came in",
                        "put FlowClassifier() between them to classify the rewritten packet",
                        also=((graph.nodes[first.node].span, f"{graph.nodes[first.node].name} is made here"),))


def _check_links(graph: Graph, codes: Mapping[int, Code], plans: Plans, report: Report) -> None:
    """The same for the class of a link, `a >> {class: x}`, where it is not just the element's own."""
    told: set[tuple[int, Span]] = set()
    links: dict[tuple[int, int], list[GraphEdge]] = {}
    for e in graph.edges:
        elem = graph.nodes[e.dst].elem
        own = declared_class(elem, e.inp) if elem is not None else None
        if e.cls is not None and str(e.cls) not in ("ANY", str(own)):
            links.setdefault((e.src, e.way), []).append(e)

    def visit(plan: Plan, writers: Mapping[str, int]) -> None:
        if not isinstance(plan, Step):
            return
        writers = {**writers, **{_column(k): plan.node for k in codes[plan.node].writes}}
        for e in links.get((plan.node, plan.way), ()):
            assert e.cls is not None
            for column in sorted(tested_fields(e.cls) & writers.keys()):
                first = graph.nodes[writers[column]]
                if (first.id, e.span) in told:
                    continue
                told.add((first.id, e.span))
                report.warning(e.span, f"this link goes by {column}, which {first.name} rewrites before: classes are "
                               "about the packet as it came in",
                               f"put FlowClassifier() behind {first.name} to classify the rewritten packet",
                               also=((first.span, f"{first.name} is made here"),))
        for arc in plan.outs:
            visit(arc.to, writers)

    for leaf in plans.leaves:
        visit(leaf.arc.to, {})


def _column(key: str) -> str:
    layer, _, name = key.partition(".")
    return f"l4.{name}" if layer in ("tcp", "udp") and name in ("sport", "dport") else key


def _check_outputs(graph: Graph, codes: Mapping[int, Code], report: Report) -> None:
    for n in graph.elements:
        assert n.elem is not None
        linked = {e.out for e in graph.edges if e.src == n.id}
        used = {e.inp for e in graph.edges if e.dst == n.id}
        for k in range(n.elem.__mcc_elem__.ports[1]):
            if k not in linked and _sends(codes[n.id], k):
                report.warning(n.span, f"output {k} of {n.name} leads nowhere: what leaves by it is dropped",
                               f"link it: {n.name}{'' if k == 0 else f'[{k}]'} >> ...")
        if not used:
            report.warning(n.span, f"no link leads to {n.name}")


def _sends(code: Code, port: int) -> bool:
    """Whether a handler may return output `port` (PASS is output 0)."""
    from mcc.ir.func import Action, Return
    from mcc.ir.walkers import expressions, statements

    for h in code.handlers:
        if h.role not in ("process_packet", "process_batch"):
            continue
        for s in statements(h.func.body):
            if isinstance(s, Return):
                for e in expressions(s):
                    if isinstance(e, Action) and (e.kind == "to" and e.port == port or e.kind == "pass" and port == 0):
                        return True
    return False


def _check_needs(graph: Graph, codes: Mapping[int, Code], report: Report) -> None:
    """A handler reads IPv4 headers, and the declared class lets IPv6 in."""
    for n in graph.elements:
        assert n.elem is not None
        for inp, needs in enumerate(codes[n.id].needs):
            declared = declared_class(n.elem, inp)
            text = str(declared) if declared is not None else "ANY"
            if "ip" in needs and declared is not None and text in ("TCP", "UDP", "TCP | UDP"):
                fate = "are dropped" if n.elem.__mcc_elem__.others == "drop" else "pass it by"
                report.note(n.span, f"{n.name} reads pkt.ip, so IPv6 packets {fate}", "write cls=IP to say so")
