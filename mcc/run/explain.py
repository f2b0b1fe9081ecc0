"""What the compiler decided about a chain, as data: `mcc explain --json` and `Module.explain`."""

from __future__ import annotations

from typing import Any

from mcc.driver import Compiled
from mcc.ir.element import MapDecl
from mcc.ir.plan import KeyKind, Leaf, hops
from mcc.passes.rules import leaf_rules, walk_text


def explain(compiled: Compiled) -> dict[str, Any]:
    """Unified flow table (paper, table I), keys, layout of the flow control block (figure 7), elements, buffers."""
    graph, plans = compiled.graph, compiled.plans
    rules = leaf_rules(plans)
    return {
        "chain": compiled.name,
        "ports": list(graph.ports),
        "flow_table": [_leaf(compiled, leaf, rules.get(leaf.id, ())) for leaf in plans.leaves],
        "keys": [_key(compiled, kind) for kind in plans.kinds],
        "flow_control_block": _fcb(compiled),
        "bytes_a_direction": plans.layout.dir_size,
        "bytes_a_connection": plans.layout.conn_size,
        "elements": [_element(compiled, n) for n in compiled.codes],
        "buffers": _buffers(compiled),
    }


def _leaf(compiled: Compiled, leaf: Leaf, rows: tuple[dict[str, str], ...]) -> dict[str, Any]:
    """One unified rule. `when`: one text a row of the classifier; `key`: number of the key, None: no session."""
    graph, plans = compiled.graph, compiled.plans
    where = graph.ports[leaf.port] if leaf.port >= 0 else plans.stages[leaf.stage].name
    return {"leaf": leaf.id, "from": where, "when": [_row(r) for r in rows], "walk": walk_text(leaf, graph, plans),
            "next_hops": list(hops(leaf.arc)), "key": leaf.kind if leaf.kind >= 0 else None,
            "timeout": leaf.timeout if leaf.kind >= 0 else None}


def _row(row: dict[str, str]) -> str:
    return " and ".join(f"{k} {v}" for k, v in row.items()) or "all"


def _key(compiled: Compiled, kind: KeyKind) -> dict[str, Any]:
    """look_up: "hash first" where the fields decide the class: then the classifier runs once a flow."""
    if kind.group >= 0:
        how = f"groups of {compiled.graph.nodes[kind.group].name}, looked up once a flow"
    else:
        how = "hash first" if kind.hash_first else "class first"
    return {"key": kind.id, "fields": [p.field for p in kind.parts], "bytes": 4 * kind.words, "look_up": how}


def _fcb(compiled: Compiled) -> list[dict[str, Any]]:
    """Every element's place, one offset an element; areas of elements that never meet overlap."""
    slots = sorted(compiled.plans.layout.slots, key=lambda s: (s.area, s.offset, s.node))
    return [{"element": compiled.graph.nodes[s.node].name, "state": s.what,
             "kept": "a direction" if s.area == "dir" else "a connection", "offset": s.offset, "size": s.size}
            for s in slots]


def _element(compiled: Compiled, node: int) -> dict[str, Any]:
    """What an element's handlers need and write."""
    code = compiled.codes[node]
    session = compiled.graph.nodes[node].elem
    needs = sorted(frozenset().union(*code.needs))
    return {"element": code.name, "type": code.type_name,
            "session": repr(session.__mcc_elem__.session) if session and session.__mcc_elem__.session else "",
            "handlers": [h.role for h in code.handlers], "needs": needs, "writes": sorted(code.writes)}


def _buffers(compiled: Compiled) -> list[dict[str, Any]]:
    """Where packets may wait, how many, and what lets them go."""
    parking = {e.node for e in compiled.plans.emits if e.output < 0}
    return [{"element": compiled.codes[n].name, "map": m.name, "packets_a_key": m.park_limit, "packets": m.park_total,
             "until": f"{m.name}.put of the same key"}
            for n in sorted(parking) for m in compiled.codes[n].state if isinstance(m, MapDecl)]
