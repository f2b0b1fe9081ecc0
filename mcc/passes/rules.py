"""Leaves in words: which packets reach a leaf (from its diagram), and where they go."""

from __future__ import annotations

import ipaddress

from mcc.ir.classify import NET, TRANSPORT, DField, Fdd, Switch
from mcc.ir.classify import Leaf as DLeaf
from mcc.ir.graph import Graph
from mcc.ir.plan import End, Leaf, Plans, Step
from mcc.protocols.headers import BY_KEY

_QUIET = ("avail.", "link")
_MOST = 24


def leaf_text(leaf: Leaf, graph: Graph, plans: Plans) -> str:
    """One line: `lan: TCP dport 80: NAT >> wan`."""
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


def leaf_rules(plans: Plans) -> dict[int, tuple[dict[str, str], ...]]:
    """For each leaf the rows of table I: per row, tested field -> values in words. Length checks are left out."""
    out: dict[int, list[dict[str, str]]] = {}
    for s in plans.stages:
        for d in s.diagrams:
            _collect(d, {}, out, [0])
    return {k: _merged(v) for k, v in out.items()}


def _collect(d: Fdd, known: dict[str, str], out: dict[int, list[dict[str, str]]], count: list[int]) -> None:
    count[0] += 1
    if count[0] > 20000:
        return
    if isinstance(d, DLeaf):
        row = dict(known)
        rows = out.setdefault(int(str(d.value)), [])
        if row not in rows and len(rows) < 200:
            rows.append(row)
        return
    assert isinstance(d, Switch)
    quiet = d.field.key.startswith(_QUIET)
    groups: dict[int, list[tuple[int, int]]] = {}
    children: dict[int, Fdd] = {}
    for i, (start, child) in enumerate(zip(d.starts, d.children, strict=True)):
        end = d.starts[i + 1] - 1 if i + 1 < len(d.starts) else d.field.top
        groups.setdefault(child.uid, []).append((start, end))
        children[child.uid] = child
    for uid, ranges in groups.items():
        text = values_text(d.field, ranges)
        if quiet:
            _collect(children[uid], known, out, count)
        else:
            _collect(children[uid], {**known, d.field.key: text}, out, count)


def values_text(field: DField, ranges: list[tuple[int, int]]) -> str:
    """Values of a field in words; a set that reaches to the top is said by what it leaves out."""
    gaps = _gaps(ranges, field.top)
    if gaps and sum(b - a + 1 for a, b in gaps) <= 4 < sum(b - a + 1 for a, b in ranges):
        return "not " + ", ".join(_one(field, a, b) for a, b in gaps)
    shown = [_one(field, a, b) for a, b in ranges[:4]]
    return ", ".join(shown) + (f", .. ({len(ranges)})" if len(ranges) > 4 else "")


def _gaps(ranges: list[tuple[int, int]], top: int) -> list[tuple[int, int]]:
    out, at = [], 0
    for a, b in ranges:
        if a > at:
            out.append((at, a - 1))
        at = b + 1
    if at <= top:
        out.append((at, top))
    return out


def _one(field: DField, a: int, b: int) -> str:
    lo, hi = show_value(field.key, a), show_value(field.key, b)
    return lo if a == b else f"{lo}-{hi}"


_ETYPES = {0x0800: "IP", 0x0806: "ARP", 0x86DD: "IP6", 0x8100: "VLAN"}


def show_value(key: str, v: int) -> str:
    """A field's value as people write it."""
    if key == "net":
        return NET[v]
    if key == "transport":
        return TRANSPORT[v]
    if key == "etype":
        return _ETYPES.get(v, f"{v:#06x}")
    f = BY_KEY.get(key)
    if f is not None and f.width == 48:
        return ":".join(f"{v >> i & 255:02x}" for i in range(40, -1, -8))
    if key in ("ip.src", "ip.dst", "arp.spa", "arp.tpa"):
        return str(ipaddress.IPv4Address(v))
    return str(ipaddress.IPv6Address(v)) if f is not None and f.width == 128 else str(v)


def _merged(rows: list[dict[str, str]]) -> tuple[dict[str, str], ...]:
    """Rows that differ only by what other rows already say are folded, while any two differ in one field."""
    out = [dict(r) for r in rows]
    changed = True
    while changed and len(out) > 1:
        changed = False
        for i, a in enumerate(out):
            for j in range(len(out) - 1, i, -1):
                b = out[j]
                differ = [k for k in {*a, *b} if a.get(k) != b.get(k)]
                if len(differ) <= 1:
                    for k in differ:
                        a.pop(k, None)
                    out.pop(j)
                    changed = True
    return tuple(out[:_MOST])
