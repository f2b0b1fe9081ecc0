"""Pictures of a chain, its classifier and its flow control blocks, as SVG."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mcc.cli.bars import blocks
from mcc.cli.layering import Edge, Placed, place, place_line
from mcc.cli.svg import FAINT, INK, Page, clipped, folded, text_width
from mcc.driver import Compiled
from mcc.ir.classify import Fdd, Leaf, Switch, nodes_of
from mcc.ir.graph import Graph, GraphEdge, GraphNode
from mcc.lang.chain import declared_class
from mcc.lang.ranges import Ranges
from mcc.passes.layout import struct_size
from mcc.passes.rules import entries, grouped, rest, walk_text
from mcc.passes.words import bytes_text, column, values_text
from mcc.run.usage import UsageError

MARGIN, TITLE = 24.0, 30.0
WIDEST = 1250.0
"""A line of elements that is longer turns."""

MOST_NODES = 400
"""A classifier with more nodes is not drawn."""

_PORT, _SESSION, _PLAIN, _DROP, _CLASSIFIER, _FIELD = (
    "#243b53", "#dcebfa", "#f5f7fa", "#fde8e8", "#fdf3d7", "#eef5ec")
_FILLS = {"in": _PORT, "out": _PORT, "drop": _DROP, "classifier": _CLASSIFIER}


def picture(compiled: Compiled, what: str, facts: Mapping[str, Any]) -> str:
    """SVG of `what`: "chain", "classifier" or "fcb". `facts`: mcc.run.explain. Raises UsageError where it would be too
    large to look at."""
    if what == "chain":
        return chain(compiled)
    return classifier(compiled) if what == "classifier" else blocks(facts)


def _title(page: Page, text: str, note: str) -> None:
    page.text(MARGIN, MARGIN + 14, text, 17, "start", bold=True)
    page.text(MARGIN + text_width(text, 17, True) + 12, MARGIN + 14, note, 12, "start", FAINT)


# ---------------------------------------------------------------- the chain


def chain(compiled: Compiled) -> str:
    """Elements and links. A port of a duplex stands once, and a link that is walked both ways has two heads."""
    graph, page = compiled.graph, Page()
    _title(page, graph.name, "rounded: ports; blue: elements with sessions; dashed: context links")
    shown = {n.id: _shown(graph, n) for n in graph.nodes}
    links = _links(graph, shown)
    nodes = {shown[n.id]: n for n in graph.nodes if any(shown[n.id] in (e.src, e.dst) for e, *_ in links)}
    words = {name: _words(compiled, n, any(e.dst == n.id and _context(graph, e) for e in graph.edges))
             for name, n in nodes.items()}
    sizes = {name: _box(w, n) for (name, n), w in zip(nodes.items(), words.values(), strict=True)}
    last = [name for name, n in nodes.items() if n.kind in ("out", "drop") or "far" in name]
    edges = [e for e, *_ in links]
    placed = place_line(sizes, edges, WIDEST) or place(sizes, edges, last)
    for (_, lines, both, dashed, hint), way, at in zip(links, placed.ways, placed.labels, strict=True):
        page.curve([(x + MARGIN, y + MARGIN + TITLE) for x, y in way], dashed=dashed, both=both)
        if at is not None:
            _label(page, at, lines, hint)
    for name, n in nodes.items():
        _node(page, n, placed.nodes[name], sizes[name], words[name])
    return page.done(f"{graph.name}: chain")


def _shown(graph: Graph, n: GraphNode) -> str:
    """The name under which a node stands; both nodes of a duplex port are one."""
    if n.kind in ("in", "out") and n.port >= 0 and graph.far[n.port] >= 0:
        return f"port {n.port}" + (" far" if graph.far[n.port] < n.port else "")
    return f"n{n.id}"


_Link = tuple[Edge, list[str], bool, bool, str]


def _links(graph: Graph, shown: Mapping[int, str]) -> list[_Link]:
    """Edges to draw: (edge, lines of its label, heads at both ends, dashed, whole label)."""
    back = {(shown[e.dst], shown[e.src]): e for e in graph.edges if e.way and e.out == e.inp == 0 and _plain(e)}
    out: list[_Link] = []
    for e in graph.edges:
        ends = shown[e.src], shown[e.dst]
        if e.way and any(shown[f.src] == ends[1] and shown[f.dst] == ends[0] and not f.way and _plain(f)
                         for f in graph.edges) and _plain(e):
            continue
        both = not e.way and ends in back and _plain(e)
        text = _edge_text(graph, e)
        lines = folded(text, 11, 190, 3) if text else []
        label = (max(text_width(x, 11) for x in lines), 14.0 * len(lines)) if lines else (0.0, 0.0)
        out.append((Edge(*ends, label, bool(e.way)), lines, both, _context(graph, e), text))
    return out


def _plain(e: GraphEdge) -> bool:
    return not e.out and not e.inp and (e.cls is None or str(e.cls) == "ANY")


def _edge_text(graph: Graph, e: GraphEdge) -> str:
    words = f"[{e.out}]" if e.out else ""
    words += f"→[{e.inp}]" if e.inp else ""
    several = sum(f.src == e.src and f.out == e.out and f.way == e.way for f in graph.edges) > 1
    if e.cls is not None and str(e.cls) != "ANY":
        words = f"{words} {e.cls}".strip()
    elif several:
        words = f"{words} else".strip()
    return words


def _context(graph: Graph, e: GraphEdge) -> bool:
    """A link whose class is the element's own (`>> ~element`)."""
    elem = graph.nodes[e.dst].elem
    return elem is not None and e.cls is not None and str(e.cls) == str(declared_class(elem, e.inp))


def _words(compiled: Compiled, n: GraphNode, said: bool) -> list[str]:
    """Name, type, session and state, class (not where a link says it: `said`)."""
    if n.elem is None:
        return [n.name if n.kind != "drop" else "drop"]
    kind = n.elem.__mcc_elem__
    code = compiled.codes[n.id]
    out = [n.name, kind.name if kind.name != n.name else ""]
    state = [f"{struct_size(t)[0]} bytes {what}" for t, what in ((code.scratch, "scratch"), (code.conn, "conn"))
             if t is not None]
    session = [str(kind.session).replace("|", " | ")] if kind.session else []
    out.append(" · ".join(session + state))
    out.append(str(kind.cls) if kind.cls is not None and not said and str(kind.cls) != "ANY" else "")
    return out


def _lines(words: list[str]) -> list[tuple[str, float, str, bool]]:
    """(text, size, colour, bold) of a box, from the top."""
    out = [(clipped(words[0], 13, 220), 13.0, INK, True)]
    styles = ((11.0, FAINT), (11.0, "#2b6cb0"), (10.5, FAINT))
    for text, (size, colour) in zip(words[1:], styles, strict=False):
        out += [(line, size, colour, False) for line in folded(text, size, 200, 2)] if text else []
    return out


def _box(words: list[str], n: GraphNode) -> tuple[float, float]:
    lines = _lines(words)
    width = max(text_width(t, s, b) for t, s, _, b in lines) + 26
    return max(width, 64 if n.elem is None else 90), 18.0 + sum(s + 4 for _, s, _, _ in lines)


def _node(page: Page, n: GraphNode, at: tuple[float, float], size: tuple[float, float], words: list[str]) -> None:
    (x, y), (w, h) = (at[0] + MARGIN, at[1] + MARGIN + TITLE), size
    session = n.elem is not None and n.elem.__mcc_elem__.session is not None
    fill = _FILLS.get(n.kind, _SESSION if session else _PLAIN)
    stroke = {"drop": "#c53030", "classifier": "#b7791f"}.get(n.kind, "#2b6cb0" if session else "#9aa5b1")
    rounded = h / 2 if n.kind in ("in", "out", "drop") else 7
    page.box(x - w / 2, y - h / 2, w, h, fill, stroke, rounded, hint="\n".join(x for x in words if x))
    lines = _lines(words)
    base = y - sum(s + 4 for _, s, _, _ in lines) / 2
    for text, s, colour, bold in lines:
        base += s + 4
        page.text(x, base - 4.5, text, s, colour="#ffffff" if n.kind in ("in", "out") else colour, bold=bold)


def _label(page: Page, at: tuple[float, float], lines: list[str], hint: str) -> None:
    x, y = at[0] + MARGIN, at[1] + MARGIN + TITLE
    w = max(text_width(t, 11) for t in lines) + 8
    page.parts.append(f'<rect x="{x - w / 2:.1f}" y="{y - 7 * len(lines):.1f}" width="{w:.1f}" '
                      f'height="{14 * len(lines):.1f}" rx="4" fill="#ffffff" fill-opacity="0.92"/>')
    for i, text in enumerate(lines):
        page.text(x, y - 7 * len(lines) + 14 * i + 11, text, 11, colour="#3e4c59", hint=hint)


# ---------------------------------------------------------------- the classifier


def classifier(compiled: Compiled) -> str:
    """The decision diagram of each entry for ordinary packets: fields, values on the edges, leaves with their walks."""
    page, y = Page(), MARGIN + TITLE
    rules = entries(compiled.plans)
    total = sum(len(nodes_of(e.diagram)) for e in rules)
    if total > MOST_NODES:
        raise UsageError(f"the classifier has {total} nodes: too many for a picture", "name the output .dot, or see "
                         "`mcc explain`")
    _title(page, f"{compiled.name}: classifier", "ordinary Ethernet packets; leaves as in mcc explain")
    for e in rules:
        where = compiled.graph.ports[e.port] if e.port >= 0 else compiled.plans.stages[e.stage].name
        placed = _diagram(page, compiled, where, e.diagram, y)
        y += placed.size[1] + 40
    return page.done(f"{compiled.name}: classifier")


def _diagram(page: Page, compiled: Compiled, where: str, root: Fdd, top: float) -> Placed:
    nodes = nodes_of(root)
    words: dict[str, list[str]] = {"in": [where]}
    edges, lines = [Edge("in", f"f{root.uid}")], [""]
    for n in nodes:
        if isinstance(n, Leaf):
            leaf = compiled.plans.leaves[int(str(n.value))]
            words[f"f{n.uid}"] = [f"leaf {leaf.id}", walk_text(leaf, compiled.graph, compiled.plans)]
            continue
        assert isinstance(n, Switch)
        words[f"f{n.uid}"] = [column(n.field.key) if column(n.field.key) != "bytes" else _raw_name(n)]
        last = rest(n)
        for child, ranges in grouped(n):
            text = "else" if child is last else clipped(_values(n, ranges), 11, 170)
            edges.append(Edge(f"f{n.uid}", f"f{child.uid}", (text_width(text, 11), 14.0)))
            lines.append(text)
    kind = {f"f{n.uid}": isinstance(n, Leaf) for n in nodes}
    sizes = {k: _size(k, w, kind) for k, w in words.items()}
    placed = place(sizes, edges, [k for k, leaf in kind.items() if leaf])
    for text, way, at in zip(lines, placed.ways, placed.labels, strict=True):
        page.curve([(x + MARGIN, y + top) for x, y in way], dashed=text == "else")
        if at is not None:
            _label(page, (at[0], at[1] + top - MARGIN - TITLE), [text], text)
    for k, w in words.items():
        _fdd_node(page, k, w, kind.get(k), placed.nodes[k], sizes[k], top)
    return placed


def _raw_name(n: Switch) -> str:
    load = n.field.load
    assert load is not None
    first, last = load.bit // 8, (load.bit + load.width - 1) // 8
    name = f"byte {first}" if first == last else f"bytes {first}-{last}"
    return name if load.base == "abs" else f"{name} of {load.base}"


def _values(n: Switch, ranges: Ranges) -> str:
    if column(n.field.key) == "bytes":
        return bytes_text([(n.field, ranges)]).rpartition("/")[2]
    return values_text(n.field, ranges)


def _size(k: str, words: list[str], kind: Mapping[str, bool]) -> tuple[float, float]:
    if not kind.get(k):
        return max(46.0, text_width(words[0], 13, True) + 30), 32.0
    lines = folded(words[1], 11, 220, 2)
    return max(text_width(x, 11) for x in [*lines, words[0] + "  "]) + 24, 28.0 + 15 * len(lines)


def _fdd_node(page: Page, k: str, words: list[str], leaf: bool | None, at: tuple[float, float],
              size: tuple[float, float], top: float) -> None:
    x, y, (w, h) = at[0] + MARGIN, at[1] + top, size
    if leaf is None:
        page.box(x - w / 2, y - h / 2, w, h, _PORT, _PORT, h / 2)
        page.text(x, y + 4.5, words[0], 13, colour="#ffffff", bold=True)
    elif not leaf:
        page.box(x - w / 2, y - h / 2, w, h, _FIELD, "#5f8d55", h / 2)
        page.text(x, y + 4.5, words[0], 13, bold=True)
    else:
        gone = words[1].startswith("drop")
        fill, stroke = (_DROP, "#c53030") if gone else (_PLAIN, "#9aa5b1")
        page.box(x - w / 2, y - h / 2, w, h, fill, stroke, 5, hint=words[1])
        page.text(x, y - h / 2 + 17, words[0], 11.5, bold=True)
        for i, text in enumerate(folded(words[1], 11, 220, 2)):
            page.text(x, y - h / 2 + 33 + 15 * i, text, 11, colour=FAINT, hint=words[1])
