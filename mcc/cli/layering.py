"""Places for the nodes of a graph, left to right in layers, and ways for its edges (after Sugiyama, Tagawa, Toda 1981).

    break cycles -> layers by longest path -> an edge that crosses a layer, or has a label, gets a point there
    -> order in each layer by the mean of the neighbours -> heights that straighten edges without overlap

Everything is deterministic: ties keep the order in which nodes and edges are given.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

LAYER_GAP, NODE_GAP, LABEL_GAP = 34.0, 20.0, 8.0
SWEEPS = 12

Size = tuple[float, float]
Point = tuple[float, float]


@dataclass(frozen=True)
class Edge:
    """`label`: size of its text, (0, 0) for none. `back`: it is drawn against the flow and does not decide layers."""

    src: str
    dst: str
    label: Size = (0, 0)
    back: bool = False


@dataclass(frozen=True)
class Placed:
    """Centres of nodes; per edge its points, and the centre of its label; the size of the whole."""

    nodes: Mapping[str, Point]
    ways: Sequence[list[Point]]
    labels: Sequence[Point | None]
    size: Size


@dataclass
class _Item:
    """A node, or a point of an edge, in a layer."""

    name: str
    layer: int
    width: float
    height: float
    gap: float
    y: float = 0
    before: list["_Item"] = field(default_factory=list)
    after: list["_Item"] = field(default_factory=list)


def place(nodes: Mapping[str, Size], edges: Sequence[Edge], last: Sequence[str] = ()) -> Placed:
    """`last`: nodes that stand in the last layer."""
    directed = _acyclic(list(nodes), edges)
    layers = _layers(list(nodes), directed, last)
    items = {n: _Item(n, 2 * layers[n], *nodes[n], NODE_GAP) for n in nodes}
    columns: list[list[_Item]] = [[] for _ in range(2 * max(layers.values(), default=0) + 1)]
    for n in nodes:
        columns[items[n].layer].append(items[n])
    chains = [_points(e, a, b, items, columns) for e, (a, b) in zip(edges, directed, strict=True)]
    _order(columns)
    _heights(columns)
    return _placed(nodes, edges, directed, items, columns, chains)


def place_line(nodes: Mapping[str, Size], edges: Sequence[Edge], room: float) -> Placed | None:
    """A line of nodes without labels that is wider than `room`, in rows that turn at their ends; None for any other
    graph, or one that fits."""
    follow = {e.src: e.dst for e in edges}
    line = [n for n in nodes if n not in follow.values()]
    if len(line) != 1 or len(follow) != len(edges) or len(edges) != len(nodes) - 1 or any(e.label[0] for e in edges):
        return None
    while line[-1] in follow and len(line) <= len(nodes):
        line.append(follow[line[-1]])
    gap = 2 * LAYER_GAP
    if len(line) != len(nodes) or sum(nodes[n][0] + gap for n in line) - gap <= room:
        return None
    rows: list[list[str]] = [[]]
    for n in line:
        if rows[-1] and sum(nodes[m][0] + gap for m in rows[-1]) + nodes[n][0] > room:
            rows.append([])
        rows[-1].append(n)
    width = max(sum(nodes[n][0] + gap for n in row) - gap for row in rows)
    at: dict[str, Point] = {}
    y, turn = 0.0, 0.0
    for i, row in enumerate(rows):
        height = max(nodes[n][1] for n in row)
        sign = 1 if i % 2 == 0 else -1
        x = (turn or 0.0) - sign * nodes[row[0]][0] / 2 if i else 0.0
        for n in row:
            at[n] = (x + sign * nodes[n][0] / 2, y + height / 2)
            x += sign * (nodes[n][0] + gap)
        turn = at[row[-1]][0]
        y += height + 2 * NODE_GAP
    left = min(at[n][0] - nodes[n][0] / 2 for n in line)
    at = {n: (x - left, y) for n, (x, y) in at.items()}
    ways = [_straight(at[e.src], nodes[e.src], at[e.dst], nodes[e.dst]) for e in edges]
    return Placed(at, ways, [None] * len(edges), (width, y - 2 * NODE_GAP))


def _straight(a: Point, a_size: Size, b: Point, b_size: Size) -> list[Point]:
    """From border to border of two boxes beside or above each other."""
    if abs(a[0] - b[0]) < 0.5:
        return [(a[0], a[1] + a_size[1] / 2), (b[0], b[1] - b_size[1] / 2)]
    sign = 1 if b[0] > a[0] else -1
    return [(a[0] + sign * a_size[0] / 2, a[1]), (b[0] - sign * b_size[0] / 2, b[1])]


def _acyclic(nodes: list[str], edges: Sequence[Edge]) -> list[tuple[str, str]]:
    """Each edge as (from, to) so that there is no cycle: edges that would close one are turned round."""
    follow: dict[str, list[str]] = {n: [] for n in nodes}

    def reaches(a: str, b: str) -> bool:
        ahead, seen = [a], set()
        while ahead:
            n = ahead.pop()
            if n == b:
                return True
            if n not in seen:
                seen.add(n)
                ahead += follow[n]
        return False

    out: dict[int, tuple[str, str]] = {}
    for i in sorted(range(len(edges)), key=lambda k: edges[k].back):
        a, b = (edges[i].dst, edges[i].src) if edges[i].back else (edges[i].src, edges[i].dst)
        if reaches(b, a):
            a, b = b, a
        out[i] = (a, b)
        if a != b:
            follow[a].append(b)
    return [out[i] for i in range(len(edges))]


def _layers(nodes: list[str], edges: Sequence[tuple[str, str]], last: Sequence[str]) -> dict[str, int]:
    layer = dict.fromkeys(nodes, 0)
    for _ in nodes:
        changed = False
        for a, b in edges:
            if a != b and layer[b] < layer[a] + 1:
                layer[b] = layer[a] + 1
                changed = True
        if not changed:
            break
    most = max(layer.values(), default=0)
    for n in last:
        if not any(a == n for a, _ in edges):
            layer[n] = most
    for n in reversed(nodes):  # sources stand next to what they lead to
        if not any(b == n for _, b in edges) and any(a == n for a, _ in edges):
            layer[n] = max(layer[n], min(layer[b] for a, b in edges if a == n) - 1)
    return layer


def _points(e: Edge, a: str, b: str, items: Mapping[str, _Item], columns: list[list[_Item]]) -> list[_Item]:
    """The items along an edge, in the direction of the layers; the label stands in the layer behind its source."""
    start, end = items[a], items[b]
    chain = [start]
    labelled = (end.layer - 1 if e.back else start.layer + 1) if e.label[0] else -1
    for layer in range(start.layer + 1, end.layer):
        size = e.label if layer == labelled else (0.0, 4.0)
        item = _Item("", layer, size[0] + (12 if layer == labelled else 0), size[1], LABEL_GAP)
        columns[layer].append(item)
        chain.append(item)
    chain.append(end)
    for x, y in zip(chain, chain[1:], strict=False):
        x.after.append(y)
        y.before.append(x)
    return chain


def _order(columns: list[list[_Item]]) -> None:
    for sweep in range(SWEEPS):
        forward = sweep % 2 == 0
        rank = {id(x): i for c in columns for i, x in enumerate(c)}
        for column in columns if forward else reversed(columns):
            def mean(x: _Item, forward: bool = forward, rank: dict[int, int] = rank) -> float:
                near = x.before if forward else x.after
                return sum(rank[id(n)] for n in near) / len(near) if near else float(rank[id(x)])

            column.sort(key=mean)
            for i, x in enumerate(column):
                rank[id(x)] = i


def _heights(columns: list[list[_Item]]) -> None:
    for column in columns:
        at = 0.0
        for x in column:
            x.y = at + x.height / 2
            at += x.height + x.gap
        for x in column:
            x.y -= at / 2
    for sweep in range(2 * SWEEPS):
        for column in columns if sweep % 2 == 0 else reversed(columns):
            wished = []
            for x in column:
                near = x.before + x.after if sweep > SWEEPS else (x.before if sweep % 2 == 0 else x.after) or [x]
                wished.append(sum(n.y for n in near) / len(near) if near else x.y)
            _settle(column, wished)


def _settle(column: list[_Item], wished: list[float]) -> None:
    """As near as possible to the wished heights, in order and without overlap (pool adjacent violators)."""
    blocks: list[tuple[float, int, list[float]]] = []
    offset, offsets = 0.0, []
    for i, x in enumerate(column):
        if i:
            before = column[i - 1]
            offset += (before.height + x.height) / 2 + max(before.gap, x.gap)
        offsets.append(offset)
        blocks.append((wished[i] - offset, 1, [offset]))
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            (m1, n1, o1), (m2, n2, o2) = blocks[-2:]
            blocks[-2:] = [((m1 * n1 + m2 * n2) / (n1 + n2), n1 + n2, o1 + o2)]
    at = 0
    for mean, _, mine in blocks:
        for o in mine:
            column[at].y = mean + o
            at += 1


def _placed(nodes: Mapping[str, Size], edges: Sequence[Edge], directed: Sequence[tuple[str, str]],
            items: Mapping[str, _Item], columns: list[list[_Item]], chains: list[list[_Item]]) -> Placed:
    x, centres = 0.0, []
    for i, column in enumerate(columns):
        width = max((c.width for c in column), default=0.0)
        centres.append(x + width / 2)
        x += width + (LAYER_GAP if i + 1 < len(columns) else 0)
    top = min((c.y - c.height / 2 for col in columns for c in col), default=0.0)
    bottom = max((c.y + c.height / 2 for col in columns for c in col), default=0.0)
    at = {n: (centres[items[n].layer], items[n].y - top) for n in nodes}
    exits = _ends(chains, "after")
    enters = _ends(chains, "before")
    ways: list[list[Point]] = []
    labels: list[Point | None] = []
    for k, (e, (a, b), chain) in enumerate(zip(edges, directed, chains, strict=True)):
        points = [(centres[items[a].layer] + items[a].width / 2, exits[k] - top)]
        label = None
        for p in chain[1:-1]:
            if p.width:
                label = (centres[p.layer], p.y - top)
                points += [(centres[p.layer] - p.width / 2, p.y - top), (centres[p.layer] + p.width / 2, p.y - top)]
            else:
                points.append((centres[p.layer], p.y - top))
        points.append((centres[items[b].layer] - items[b].width / 2, enters[k] - top))
        ways.append(points if (a, b) == (e.src, e.dst) else points[::-1])
        labels.append(label)
    return Placed(at, ways, labels, (x, bottom - top))


def _ends(chains: list[list[_Item]], side: str) -> dict[int, float]:
    """Where edges leave ("after") or reach ("before") their node: spread over its side, ordered as the
    other ends are."""
    out: dict[int, float] = {}
    mine: dict[int, list[int]] = {}
    for k, chain in enumerate(chains):
        mine.setdefault(id(chain[0] if side == "after" else chain[-1]), []).append(k)
    for ks in mine.values():
        node = chains[ks[0]][0 if side == "after" else -1]
        near = sorted(ks, key=lambda k: chains[k][1 if side == "after" else -2].y)
        step = min(14.0, node.height * 0.7 / len(near))
        for i, k in enumerate(near):
            out[k] = node.y + (i - (len(near) - 1) / 2) * step
    return out
