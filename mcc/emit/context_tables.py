"""C for contexts: what the runtime, and the life of the flow, must know of both directions.

    LEAF_TCPIn_ways, _rules, _turn      the tables and options that runtime_c/mcc_context.h and mcc_tcp.h work with
    LEAF_TCPIn_due, _wake               timers
    LEAF_UDPIn_abandon                  a context without state of its own (udp, ip) gives everything back

The functions of one direction, which these name, are in contexts.py.
"""

from __future__ import annotations

from collections.abc import Iterable

from mcc.emit.contexts import ARGS, Use, c_function, context_name, element_name, flow_line, shape_of
from mcc.emit.scene import Scene
from mcc.ir.graph import GraphNode
from mcc.ir.plan import Leaf

CHOICES = {
    "midstream": {"pick": "MCC_MIDSTREAM_PICK", "pass": "MCC_MIDSTREAM_PASS", "drop": "MCC_MIDSTREAM_DROP"},
    "at_cap": {"pass": "MCC_CAP_PASS", "drop": "MCC_CAP_DROP", "reset": "MCC_CAP_RESET"},
    "urgent": {"map": "MCC_URGENT_MAP", "clear": "MCC_URGENT_CLEAR"},
    "secured": {"pass": "MCC_SECURED_PASS", "drop": "MCC_SECURED_DROP"},
}


def fragments(nodes: Iterable[GraphNode]) -> str:
    """C: whose fragments the contexts of a chain want joined (enum mcc_frag_wants)."""
    bits = {"tcp": "MCC_FRAG_TCP", "udp": "MCC_FRAG_UDP", "ip": "MCC_FRAG_ANY"}
    return " | ".join(bits[p] for p in sorted({n.protocol for n in nodes})) or "0"


def ahead(scene: Scene, leaf: Leaf, uses: list[Use]) -> list[str]:
    """Declarations that the functions of a leaf's context need, before them."""
    use = uses[0]
    first = f"leaf{leaf.id}_{scene.names[use.node.id]}"
    if use.protocol == "tcp":
        return [f"static struct mcc_turn {first}_turn(struct mcc_box *box, void *block, uint32_t id);"]
    out = [f"static void {first}_abandon({ARGS});"]
    if any(shape_of(scene, s).stalls for u in uses for s in u.steps):
        out.append(f"static void {first}_wake(struct mcc_box *box, void *block, uint32_t id);")
    return out


def tables(scene: Scene, leaf: Leaf, uses: list[Use]) -> list[str]:
    """What the runtime, and the flow's life, work with: one context of a leaf, both directions."""
    use = uses[0]
    first = f"leaf{leaf.id}_{scene.names[use.node.id]}"
    by = {u.direction if u.direction > 0 else 0: u for u in uses}
    out = []
    if use.protocol == "tcp":
        rows = []
        size = next(s.size for s in scene.plans.layout.slots if s.node == use.node.id and s.what == "context")
        out.append(f'_Static_assert(sizeof(struct mcc_tcp) == {size}, "as laid out");')
        for d in (0, 1):
            rows += [f"    [{d}] = {{", *("        " + f for f in _way(scene, leaf, by.get(d, use))), "    },"]
        out.append("\n".join([f"static const struct mcc_way {first}_ways[2] = {{", *rows, "};"]))
        out.append(_rules(scene, leaf, uses, first))
        out.append(c_function(f"static struct mcc_turn {first}_turn(struct mcc_box *box, void *block, uint32_t id)", [
            "return (struct mcc_turn){.box = box, .core = &box->core, .shared = &box->streams, .flow = block, "
            ".id = id,",
            f"                         .rules = &{first}_rules, .ways = {first}_ways, .arm = flow{leaf.kind}_wake}};"]))
        out.append(c_function(f"static bool {first}_due(struct mcc_box *box, void *block, uint32_t id)", [
            flow_line(leaf), f"const struct mcc_turn turn = {first}_turn(box, flow, id);",
            f"return mcc_tcp_due(&turn, &flow->conn.leaf{leaf.id}.{scene.names[use.node.id]});"]))
    else:
        out += _datagram_life(scene, leaf, by, first)
    return out


def _way(scene: Scene, leaf: Leaf, use: Use) -> list[str]:
    name = context_name(scene, leaf, use)
    out = [f".data = {element_name(scene, leaf, use, 0)},", f".out = {name}_out,", f".abandon = {name}_abandon,"]
    if any(shape_of(scene, s).stalls for s in use.steps):
        out += [f".let_go = {name}_let_go,", f".held = {name}_held,"]
    if any(shape_of(scene, s).resizes for s in use.steps):
        out += [f".{w} = {name}_{w}," for w in ("forward", "forward_low", "back", "back_low", "fold")]
    return out


def _rules(scene: Scene, leaf: Leaf, uses: list[Use], first: str) -> str:
    o = uses[0].node.options
    assert o is not None
    shapes = [shape_of(scene, s) for u in uses for s in u.steps]
    rows = [f".{w} = {'true' if any(getattr(x, w) for x in shapes) else 'false'},"
            for w in ("writes", "resizes", "stalls", "closes")]
    rows += [f".preack = {'true' if o.preack else 'false'},", f".hold_ticks = {ticks(o.hold_timeout)},",
             f".reorder_ticks = {ticks(o.reorder_timeout)},", f".buffer = {o.buffer},",
             f".midstream = {CHOICES['midstream'][o.midstream]},", f".at_cap = {CHOICES['at_cap'][o.at_cap]},",
             f".urgent = {CHOICES['urgent'][o.urgent]},", f".secured = {CHOICES['secured'][o.protected]},"]
    return "\n".join([f"static const struct mcc_context_rules {first}_rules = {{", *("    " + r for r in rows), "};"])


def ticks(seconds: float) -> int:
    """Ticks of 2^24 ns, rounded up; 0: never."""
    return -(-round(seconds * 1e9) // (1 << 24))


def _datagram_life(scene: Scene, leaf: Leaf, by: dict[int, Use], first: str) -> list[str]:
    """Abandon, end and timers of a context without state of its own."""
    names = {d: context_name(scene, leaf, u) for d, u in by.items()}
    o = by[0].node.options
    assert o is not None
    out = [c_function(f"static void {first}_abandon({ARGS})",
                     [f"{n}_abandon(box, block, (id & ~1u) | {d});" for d, n in names.items()])]
    if not any(shape_of(scene, s).stalls for u in by.values() for s in u.steps):
        return out
    wake = ["uint32_t since, due = UINT32_MAX;"]
    due = ["uint32_t since;", "int verdict = MCC_PASS;"]
    for d, n in names.items():
        wake += [f"if ({n}_held(block, &since) && since < due)", "    due = since;"]
        due += [f"if ({n}_held(block, &since) && mcc_tick_add(since, {ticks(o.hold_timeout)}) <= box->core.tick) {{",
                "    box->streams.tcp.hold_timeouts++;", f"    verdict = {n}_let_go(box, block, id | {d});", "}",
                "if (verdict != MCC_PASS)", "    return true;"]
    if o.hold_timeout:
        wake += ["if (due != UINT32_MAX)",
                 f"    flow{leaf.kind}_wake(box, id, mcc_tick_add(due, {ticks(o.hold_timeout)}));"]
        due.append(f"{first}_wake(box, block, id);")
    else:
        wake.append("(void)box, (void)id, (void)due;")
        due = ["(void)box, (void)block, (void)id;"]
    out.append(c_function(f"static void {first}_wake(struct mcc_box *box, void *block, uint32_t id)", wake))
    out.append(c_function(f"static bool {first}_due(struct mcc_box *box, void *block, uint32_t id)",
                         [*due, "return false;"]))
    return out


def finish(scene: Scene, leaf: Leaf, uses: list[Use]) -> list[str]:
    """Lines that end a context when its flow ends: last calls, then everything is given back."""
    use = uses[0]
    node, first = scene.names[use.node.id], f"leaf{leaf.id}_{scene.names[use.node.id]}"
    if use.protocol == "tcp":
        return ["{", f"    const struct mcc_turn turn = {first}_turn(box, flow, id);",
                f"    mcc_tcp_end(&turn, &flow->conn.leaf{leaf.id}.{node}, false);", "}"]
    out = []
    for u in uses:
        d = max(0, u.direction)
        head = f"flow->dir[{d}].fcb.leaf{leaf.id}.{scene.names[u.steps[0].node]}_stream.of.ended" if u.steps else "true"
        out += [f"if (!{head})", f"    (void){element_name(scene, leaf, u, 0)}(box, flow, id | {d}, NULL, true);"]
    return [*out, f"{first}_abandon(box, flow, id);"]


def due(scene: Scene, leaf: Leaf, uses: list[Use]) -> str:
    """The condition under which a flow is over when its context's timer comes up; it does what is due. "": no timer."""
    use = uses[0]
    timed = use.protocol == "tcp" or any(shape_of(scene, s).stalls for u in uses for s in u.steps)
    return f"leaf{leaf.id}_{scene.names[use.node.id]}_due(box, flow, id)" if timed else ""


def resizing(scene: Scene, leaf: Leaf, uses: list[Use]) -> str:
    """The name of a TCP context whose elements change lengths, so that ICMP errors must be mapped back; "": another."""
    changes = uses[0].protocol == "tcp" and any(shape_of(scene, s).resizes for u in uses for s in u.steps)
    return scene.names[uses[0].node.id] if changes else ""
