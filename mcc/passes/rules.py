"""Leaves in words: which packets reach a leaf, and where they go. The rows of the unified flow table (paper, table I).

    0: net? arp -> 1; ip -> 2; else leaf 3      =>      arp  request  ->  leaf 1
    1: arp.op? 1 -> leaf 1; else leaf 3                 ip   *        ->  leaf 2
    2: leaf 2                                           *    *        ->  leaf 3

Rows are tried from the top, as rules of a firewall are: what a test's default leads to stands below its cases with
the field untested. A row that later rows would answer alike is left out. Only ordinary packets are shown
(mcc.passes.ordinary); what others lead to is counted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mcc.ir.classify import DField, Fdd, Switch
from mcc.ir.classify import Leaf as DLeaf
from mcc.ir.graph import Graph
from mcc.ir.plan import End, Leaf, Plans, Stage, Step
from mcc.lang.ranges import Ranges, intersect, subtract
from mcc.passes.fdd import Manager
from mcc.passes.ordinary import ordinary
from mcc.passes.words import bytes_text, column, values_text

MOST = 400
"""Rows of one entry; a table that needs more ends there."""

_VISITS = 20000


def leaf_text(leaf: Leaf, graph: Graph, plans: Plans) -> str:
    """One line: `lan: NAT >> wan`."""
    where = graph.ports[leaf.port] if leaf.port >= 0 else plans.stages[leaf.stage].name
    return f"{where}: {walk_text(leaf, graph, plans)}"


def walk_text(leaf: Leaf, graph: Graph, plans: Plans) -> str:
    names = []
    plan = leaf.arc.to
    while isinstance(plan, Step):
        names.append(graph.nodes[plan.node].name)
        plan = plan.outs[0].to
    return " >> ".join([*names, end_text(plan, graph, plans)])


def end_text(end: End, graph: Graph, plans: Plans) -> str:
    if end.kind == "port":
        return graph.ports[end.index]
    return plans.stages[end.index].name if end.kind == "stage" else f"drop ({end.reason})"


@dataclass(frozen=True)
class Row:
    """Packets with all of these values go to the leaf, unless a row above has them. `tests`: (field, values), in the
    order in which they are made."""

    tests: tuple[tuple[DField, Ranges], ...]
    leaf: int

    def cells(self) -> dict[str, str]:
        """Column -> values in words; columns that are not there are not tested."""
        out: dict[str, str] = {}
        raw = [(f, r) for f, r in self.tests if column(f.key) == "bytes"]
        for f, r in self.tests:
            name = column(f.key)
            if name != "bytes":
                out[name] = f"{out[name]}, {values_text(f, r)}" if name in out else values_text(f, r)
        if raw:
            out["bytes"] = bytes_text(raw)
        return out

    def get(self, key: str) -> Ranges | None:
        return next((r for f, r in self.tests if f.key == key), None)


@dataclass(frozen=True)
class Entry:
    """The rules of one entry of a stage. `elsewhere`: leaves that no ordinary packet reaches. `complete`: every rule is
    there."""

    stage: int
    port: int
    rows: tuple[Row, ...]
    diagram: Fdd
    elsewhere: tuple[int, ...]
    complete: bool


def entries(plans: Plans) -> tuple[Entry, ...]:
    """The rules of every entry, in order."""
    manager = Manager()
    return tuple(_entry(manager, s, port, d)
                 for s in plans.stages for port, d in zip(s.entries, s.diagrams, strict=True))


def _entry(manager: Manager, stage: Stage, port: int, diagram: Fdd) -> Entry:
    shown = ordinary(manager, diagram)
    reached = {int(str(v)) for v in manager.leaves(shown)}
    every = {int(str(v)) for v in manager.leaves(manager.map_leaves(diagram, lambda v: v))}
    rows: list[Row] = []
    complete = _collect(shown, (), rows, [0])
    return Entry(stage.id, port, _needed(rows), shown, tuple(sorted(every - reached)), complete)


def _collect(d: Fdd, known: tuple[tuple[DField, Ranges], ...], rows: list[Row], visits: list[int]) -> bool:
    """Rows below `d`; False where there are too many."""
    visits[0] += 1
    if visits[0] > _VISITS or len(rows) >= MOST:
        return False
    if isinstance(d, DLeaf):
        rows.append(Row(known, int(str(d.value))))
        return True
    assert isinstance(d, Switch)
    last = rest(d)
    whole = True
    for child, ranges in grouped(d):
        if child is not last:
            whole = _collect(child, (*known, (d.field, ranges)), rows, visits) and whole
    return _collect(last, known, rows, visits) and whole


def grouped(d: Switch) -> list[tuple[Fdd, Ranges]]:
    """Children, each once, with the values that lead there, by smallest value."""
    out: dict[int, tuple[Fdd, list[tuple[int, int]]]] = {}
    for i, (start, child) in enumerate(zip(d.starts, d.children, strict=True)):
        end = d.starts[i + 1] - 1 if i + 1 < len(d.starts) else d.field.top
        out.setdefault(child.uid, (child, []))[1].append((start, end))
    return [(c, tuple(r)) for c, r in out.values()]


def rest(d: Switch) -> Fdd:
    """The child that is said last, as "everything else": of packets without the layer where layers are told apart,
    else the one that most values lead to."""
    if d.field.key in ("net", "transport", "vlans"):
        return d.children[0]
    return d.default


def _needed(rows: list[Row]) -> tuple[Row, ...]:
    """Without the rows whose packets later rows send to the same leaf; from the bottom, until nothing changes."""
    out = list(rows)
    changed = True
    while changed:
        changed = False
        for i in range(len(out) - 2, -1, -1):
            if _answered(_left(out[i], out[:i]), out[i + 1:]):
                del out[i]
                changed = True
    return tuple(out)


def _left(row: Row, earlier: list[Row]) -> Row:
    """The row without the packets of earlier rows that are narrower in one field only."""
    tests = {f.key: (f, r) for f, r in row.tests}
    for e in earlier:
        narrower = [(f, r) for f, r in e.tests if not _inside(row.get(f.key), r)]
        if len(narrower) == 1 and all(_inside(e.get(f.key), r) for f, r in row.tests if f is not narrower[0][0]):
            field, ranges = narrower[0]
            mine = tests.get(field.key, (field, ((0, field.top),)))[1]
            tests[field.key] = (field, subtract(mine, ranges))
    return Row(tuple(tests.values()), row.leaf)


def _answered(row: Row, later: list[Row]) -> bool:
    if any(not r for _, r in row.tests):
        return True
    for other in later:
        if not _meet(row, other):
            continue
        if other.leaf != row.leaf:
            return False
        if all(_inside(row.get(f.key), r) for f, r in other.tests):
            return True
    return False


def _inside(mine: Ranges | None, wide: Ranges) -> bool:
    return mine is not None and intersect(mine, wide) == mine


def _meet(a: Row, b: Row) -> bool:
    """Some packet may be in both. Layers that exclude each other need not be known here: it errs towards True."""
    for f, r in a.tests:
        s = b.get(f.key)
        if s is not None and not intersect(r, s):
            return False
    return True


def leaf_rules(plans: Plans) -> Mapping[int, tuple[dict[str, str], ...]]:
    """For each leaf its rows: tested column -> values in words. A leaf that is only "everything else" has one empty
    row."""
    out: dict[int, list[dict[str, str]]] = {}
    for e in entries(plans):
        for row in e.rows:
            out.setdefault(row.leaf, []).append(row.cells())
    return {k: tuple(v) for k, v in out.items()}
