"""Pictures as Graphviz text: the chain, the classifier, the flow control blocks."""

from __future__ import annotations

from collections.abc import Iterable

from mcc.ir.classify import Fdd, Leaf, Switch
from mcc.ir.graph import Graph, GraphNode
from mcc.ir.plan import Plans

_SHAPES = {"in": "cds", "out": "cds", "drop": "octagon", "classifier": "diamond", "context": "cds", "element": "box"}
_STYLE = ['rankdir=LR', 'node [fontname="sans-serif", fontsize=11]', 'edge [fontname="sans-serif", fontsize=9]']


def quote(text: str) -> str:
    """A Graphviz string."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def _digraph(name: str, lines: Iterable[str]) -> str:
    return "\n".join([f"digraph {quote(name)} {{", *(f"    {line};" for line in (*_STYLE, *lines)), "}"]) + "\n"


# ---------------------------------------------------------------- the chain


def chain(graph: Graph) -> str:
    """Elements and links; the way back of a duplex is dashed."""
    lines = [f"n{n.id} [shape={_SHAPES[n.kind]}, label={quote(_label(n))}]" for n in graph.nodes]
    for e in graph.edges:
        words = [f"{e.out}:{e.inp}"] if e.out or e.inp else []
        words += [str(e.cls)] if e.cls is not None and str(e.cls) != "ANY" else []
        style = ", style=dashed" if e.way else ""
        lines.append(f"n{e.src} -> n{e.dst} [label={quote(' '.join(words))}{style}]")
    return _digraph(graph.name, lines)


def _label(n: GraphNode) -> str:
    kind = n.elem.__mcc_elem__.name if n.elem is not None else ""
    return n.name if kind in ("", n.name) else f"{n.name}\n{kind}"


# ---------------------------------------------------------------- the classifier


def classifier(graph: Graph, plans: Plans) -> str:
    """The decision diagram of each entry; the leaves are numbered as in `mcc explain`."""
    lines: list[str] = []
    seen: dict[int, str] = {}
    for stage in plans.stages:
        for entry, diagram in zip(stage.entries, stage.diagrams, strict=True):
            name = f"s{stage.id}e{entry + 1}"
            label = graph.ports[entry] if entry >= 0 else stage.name
            lines.append(f"{name} [shape=cds, label={quote(label)}]")
            lines.append(f"{name} -> {_fdd(diagram, lines, seen)}")
    return _digraph(f"{graph.name} classifier", lines)


def _fdd(node: Fdd, lines: list[str], seen: dict[int, str]) -> str:
    """The name of the node; its lines are added when it is met first (equal nodes are one object)."""
    if id(node) in seen:
        return seen[id(node)]
    name = seen[id(node)] = f"f{len(seen)}"
    if isinstance(node, Leaf):
        lines.append(f"{name} [shape=box, label={quote(f'{node.value}')}]")
        return name
    assert isinstance(node, Switch)
    lines.append(f"{name} [shape=ellipse, label={quote(node.field.key)}]")
    for ranges, child in node.cases:
        shown = " ".join(f"{lo}" if lo == hi else f"{lo}-{hi}" for lo, hi in ranges)
        lines.append(f"{name} -> {_fdd(child, lines, seen)} [label={quote(shown)}]")
    lines.append(f"{name} -> {_fdd(node.default, lines, seen)} [label=\"else\", style=dotted]")
    return name


# ---------------------------------------------------------------- flow control blocks


def fcb(graph: Graph, plans: Plans) -> str:
    """Where the state of each element lies, one record an area (paper, figure 7)."""
    lines = []
    for area, total in (("conn", plans.layout.conn_size), ("dir", plans.layout.dir_size)):
        slots = sorted((s for s in plans.layout.slots if s.area == area), key=lambda s: (s.offset, s.node))
        cells = [f"{s.offset}: {graph.nodes[s.node].name} {s.what} ({s.size} bytes)" for s in slots]
        title = "one a connection" if area == "conn" else "one a direction"
        text = "|".join([f"{title}, {total} bytes", *cells]).replace("<", "\\<").replace(">", "\\>")
        lines.append(f'{area} [shape=record, label="{text}"]')
    return _digraph(f"{graph.name} flow control block", lines)
