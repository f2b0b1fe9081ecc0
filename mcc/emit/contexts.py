"""C for contexts: how packets go through the elements between the two ends, and what the runtime must know of them.

For each leaf and direction that has a context, in this order (docs/contexts.md, runtime_c/mcc_context.h):

    LEAF_to_server_TCPIn_out      the walk behind the context
    LEAF_to_server_TCPIn_end      what the last element released goes to the context
    LEAF_to_server_ELEMENT        a packet goes through one element, and what it releases through the next
    LEAF_to_server_TCPIn_*        what is held, the maps of edits composed
    LEAF_TCPIn_ways, _turn        the tables the runtime works with
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from mcc.emit.handlers import has_matches, signature
from mcc.emit.scene import Scene, Site, state_arg, walk_name
from mcc.ir.element import Code, StreamShape
from mcc.ir.func import Alert
from mcc.ir.graph import GraphNode
from mcc.ir.plan import Arc, Leaf, Step
from mcc.ir.walkers import statements

ARGS = "struct mcc_box *box, void *block, uint32_t id"
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


@dataclass(frozen=True)
class Use:
    """One context of one leaf and direction: its "in" end, the steps between, and the walk behind with its path of outputs."""

    node: GraphNode
    direction: int
    steps: tuple[Step, ...]
    behind: Arc
    path: tuple[int, ...]

    @property
    def protocol(self) -> str:
        return self.node.protocol


def use_of(scene: Scene, plan: Step, path: tuple[int, ...], direction: int) -> Use:
    """The context that `plan`, a step at its opening end, begins."""
    ends = {plan.node, scene.nodes[plan.node].partner}
    inner: list[Step] = []
    arc, path = plan.outs[0], (*path, 0)
    while isinstance(arc.to, Step) and arc.to.node not in ends:
        if not scene.codes[arc.to.node].context:
            inner.append(arc.to)
        arc, path = arc.to.outs[0], (*path, 0)
    assert isinstance(arc.to, Step)
    first = scene.nodes[plan.node]
    return Use(first if first.role == "in" else scene.nodes[first.partner], direction, tuple(inner), arc.to.outs[0],
               (*path, 0))


def context_name(scene: Scene, leaf: Leaf, use: Use) -> str:
    return f"{walk_name(leaf, use.direction)}_{scene.names[use.node.id]}"


def enter(scene: Scene, leaf: Leaf, use: Use) -> list[str]:
    """A packet comes to the context: the last lines of the walk in front of it."""
    node, name = scene.names[use.node.id], context_name(scene, leaf, use)
    if use.protocol == "tcp":
        return [f"const struct mcc_turn turn = leaf{leaf.id}_{node}_turn(box, flow, id);",
                f"return mcc_tcp_in(&turn, &flow->conn.leaf{leaf.id}.{node}, p, &box->session_ends);"]
    first = element_name(scene, leaf, use, 0)
    udp = "true" if use.protocol == "udp" else "false"
    out = [f"mcc_datagram_open(p, {udp});"]
    if not any(_shape(scene, s).stalls for s in use.steps):
        return [*out, f"return {first}(box, flow, id, p, false);"]
    return [*out, f"verdict = {first}(box, flow, id, p, false);", f"leaf{leaf.id}_{node}_wake(box, flow, id);",
            f"return verdict == MCC_CLOSE || verdict == MCC_RESET ? verdict : MCC_PASS; /* {name} */"]


def element_name(scene: Scene, leaf: Leaf, use: Use, i: int) -> str:
    """The function of the i-th element of a context; behind the last one, the context's end."""
    if i < len(use.steps):
        return f"{walk_name(leaf, use.direction)}_{scene.names[use.steps[i].node]}"
    return f"{context_name(scene, leaf, use)}_end"


def _code(scene: Scene, step: Step) -> Code:
    return scene.codes[step.node]


def _shape(scene: Scene, step: Step) -> StreamShape:
    shape = scene.codes[step.node].stream
    assert shape is not None
    return shape


def hidden_struct(code: Code, name: str) -> str:
    """struct NAME_stream: what is kept of an element's stream from call to call."""
    assert code.stream is not None
    s = code.stream
    rows = ["struct mcc_reader of;"] if s.reader else ["struct mcc_window of;"]
    rows += ["struct mcc_edits edits;"] if s.resizes else []
    rows += [f"struct mcc_words_state words[{s.matchers}];"] if s.matchers else []
    return "\n".join([f"struct {name}_stream {{ /* hidden: where {name} is in its stream */",
                      *("    " + r for r in rows), "};",
                      f'_Static_assert(sizeof(struct {name}_stream) == {s.size}, "as laid out");'])


# ---------------------------------------------------------------- functions of one direction


def direction_functions(scene: Scene, leaf: Leaf, use: Use, behind: Callable[[Arc, tuple[int, ...], str], str]) -> list[str]:
    """All functions of one use. `behind` prints the walk behind the context as a function of that name."""
    name = context_name(scene, leaf, use)
    site = len(scene.sites)
    scene.sites.append(Site(1 + 2 * leaf.id + max(0, use.direction), use.path, use.node.id, -2))
    out = [behind(use.behind, use.path, f"{name}_walk"), _out(leaf, name, site), _end(scene, leaf, use, name)]
    for i in reversed(range(len(use.steps))):
        out.append(_element(scene, leaf, use, i))
    stateful = [i for i, s in enumerate(use.steps) if not _shape(scene, s).reader]
    stalls = any(_shape(scene, s).stalls for s in use.steps)
    out.append(_abandon(scene, leaf, use, name))
    if stalls:
        out += [_let_go(scene, leaf, use, name, stateful), _held(scene, leaf, use, name, stateful)]
    if any(_shape(scene, s).resizes for s in use.steps):
        out += _maps(scene, leaf, use, name)
    return out


def _flow(leaf: Leaf) -> str:
    return f"struct flow{leaf.kind} *flow = block;"


def _own(scene: Scene, leaf: Leaf, use: Use, step: Step) -> str:
    return f"&flow->dir[{max(0, use.direction)}].fcb.leaf{leaf.id}.{scene.names[step.node]}_stream"


def _function(head: str, body: list[str]) -> str:
    return "\n".join([head, "{", *("    " + b if b else "" for b in body), "}"])


def _out(leaf: Leaf, name: str, site: int) -> str:
    return _function(f"static void {name}_out({ARGS}, struct mcc_packet *p)",
                     [_flow(leaf), f"box->site[{site}].packets++;", f"box->site[{site}].bytes += p->len;", f"(void){name}_walk(box, flow, id, false, p);"])


def _end(scene: Scene, leaf: Leaf, use: Use, name: str) -> str:
    node = scene.names[use.node.id]
    body = [_flow(leaf), "(void)is_last;", "if (!p)", "    return MCC_PASS;"]
    if use.protocol == "tcp":
        body += [f"const struct mcc_turn turn = leaf{leaf.id}_{node}_turn(box, flow, id);",
                 f"mcc_tcp_send(&turn, &flow->conn.leaf{leaf.id}.{node}, p);"]
    else:
        body += ["mcc_datagram_close(p);", f"{name}_out(box, flow, id, p);"]
    return _function(f"static int {name}_end({ARGS}, struct mcc_packet *p, bool is_last)", [*body, "return MCC_PASS;"])


def _call(scene: Scene, leaf: Leaf, step: Step, direction: int, role: str) -> str:
    func = scene.codes[step.node].handler(role)
    assert func is not None
    args = ["box"]
    for r in signature(func):
        if r in ("scratch", "conn", "peer"):
            args.append(state_arg(scene, leaf, step.node, r, direction))
        elif r == "stream":
            args += ["&st"] + (["own->words"] if has_matches(func) else [])
        elif r == "flow":
            args.append("view")
    return f"{scene.handler(step.node, func)}({', '.join(args)})"


def _prelude(scene: Scene, leaf: Leaf, use: Use, step: Step, roles: tuple[str, ...]) -> list[str]:
    """Locals that the calls of an element's handlers need."""
    d, name = max(0, use.direction), scene.names[step.node]
    funcs = [f for f in (scene.codes[step.node].handler(r) for r in roles) if f is not None]
    used = {r for f in funcs for r in signature(f)}
    out = []
    if "flow" in used:
        out.append(f"const struct mcc_flow view = {{.id = MCC_FLOW_ID({leaf.kind}, id), "
                   f".to_server = {'true' if d == 0 else 'false'}}};")
    kind = scene.grouped(leaf, step.node)
    if kind >= 0 and used & {"scratch", "conn", "peer"}:
        out += [f"const uint32_t {name}_id = flow->dir[{d}].fcb.leaf{leaf.id}.{name};",
                f"struct flow{kind} *{name}_group = flow{kind}_at(box, {name}_id);"]
    return out


def _element(scene: Scene, leaf: Leaf, use: Use, i: int) -> str:
    step, d = use.steps[i], max(0, use.direction)
    code, name = _code(scene, step), scene.names[step.node]
    shape = _shape(scene, step)
    following = element_name(scene, leaf, use, i + 1)
    tcp = f"flow->conn.leaf{leaf.id}.{scene.names[use.node.id]}" if use.protocol == "tcp" else ""
    release = code.handler("release_stream")
    body = [_flow(leaf), f"struct {name}_stream *own = {_own(scene, leaf, use, step)};", "struct mcc_stream st;",
            *_prelude(scene, leaf, use, step, ("process_data", "release_stream")), "",
            "if (own->of.ended) /* nothing is read behind the end */", f"    return {following}(box, flow, id, p, is_last);"]
    server = "true" if d == 0 else "false"
    if shape.reader:
        body.append(f"mcc_reader_open(&st, &own->of, p, is_last, {server});")
    else:
        edits = "&own->edits" if shape.resizes else "NULL"
        body.append(f"mcc_stream_open(&st, &box->streams, &own->of, {edits}, p, is_last, {server});")
    alerts = any(isinstance(s, Alert) for h in code.handlers for s in statements(h.func.body))
    body += ["box->stream = &st;"] if alerts else []
    body.append(f"int verdict = {_call(scene, leaf, step, d, 'process_data')};")
    body += ["box->stream = NULL;"] if alerts else []
    stop = _stop(scene, leaf, use, name, tcp)
    ended = ["if (is_last) {", "    own->of.ended = 1;",
             *([f"    {_call(scene, leaf, step, d, 'release_stream')};"] if release else []), "}"]
    if shape.reader:
        body += ["if (__builtin_expect(verdict != MCC_PASS, 0)) {", "    struct mcc_packet *released = p;",
                 *("    " + s for s in _fault(name)), *("    " + s for s in stop), "}", *ended,
                 f"return {following}(box, flow, id, p, is_last);"]
    else:
        body += _window_tail(scene, code, use, name, tcp, stop, ended, following)
    return _function(f"static int {element_name(scene, leaf, use, i)}({ARGS}, struct mcc_packet *p, bool is_last)", body)


def _fault(name: str) -> list[str]:
    return ["if (verdict == MCC_FAULT) {", f"    box->faults[NODE_{name}]++;", "    verdict = MCC_RESET;", "}"]


def _stop(scene: Scene, leaf: Leaf, use: Use, name: str, tcp: str) -> list[str]:
    """An element ends the session: `released` are the packets it had."""
    node = scene.names[use.node.id]
    out = []
    if tcp:
        out += [f"const struct mcc_turn turn = leaf{leaf.id}_{node}_turn(box, flow, id);",
                f"mcc_tcp_close(&turn, &{tcp}, released, verdict == MCC_RESET);"]
    else:
        out.append(f"leaf{leaf.id}_{node}_abandon(box, flow, id);")
    return [*out, f"box_give_up(box, released, NODE_{name}, verdict);", "return verdict;"]


def _window_tail(scene: Scene, code: Code, use: Use, name: str, tcp: str, stop: list[str], ended: list[str],
                 following: str) -> list[str]:
    shape = code.stream
    assert shape is not None
    body = []
    if shape.resizes:
        taken = [] if tcp else ["    if (p) /* the datagram is the call's */", "        p->stream |= MCC_STREAM_TAKEN;"]
        body += ["if (__builtin_expect(verdict == MCC_DROP || verdict == MCC_FAULT, 0)) {", *taken,
                 "    const uint64_t from = st.fresh > st.edited ? st.fresh : st.edited;",
                 "    mcc_stream_edit(&st, from > st.start ? from : st.start, st.end, \"\", 0);",
                 "    if (verdict == MCC_FAULT)", f"        box->faults[NODE_{name}]++;", "    verdict = MCC_PASS;", "}"]
    else:
        body += _fault(name)
    body += ["if (__builtin_expect(verdict != MCC_PASS, 0))", "    st.hold = MCC_NOTHING;", "bool overflow;",
             "struct mcc_packet *released =",
             f"    mcc_stream_done(&st, &own->of, {code.max_hold}, box->core.tick, &overflow);"]
    if shape.resizes and not tcp:
        body.append("mcc_edits_drop(&own->edits, &box->streams); /* nobody acknowledges datagrams */")
    if tcp:
        test = "own->of.head != NULL" + (" || own->edits.tail != NULL" if shape.resizes else "")
        body += [f"if ({test})", f"    {tcp}.mapped = true;"]
    body += ["if (__builtin_expect(overflow, 0)) {", "    box->streams.tcp.hold_overflows++;"]
    body += ["    memset(own->words, 0, sizeof own->words);"] if shape.matchers else []
    body += ["    verdict = MCC_CLOSE;"] if code.on_overflow == "close" else []
    body += ["}", "if (__builtin_expect(verdict != MCC_PASS, 0)) {", *("    " + s for s in stop), "}", *ended]
    last = "is_last && !released" if shape.stalls or shape.resizes else "is_last"
    body += [f"if (!released && is_last)", f"    return {following}(box, flow, id, NULL, true);",
             "while (released) {", "    struct mcc_packet *one = released;", "    released = one->next;",
             *(_taken(name) if shape.resizes and not tcp else []),
             f"    verdict = {following}(box, flow, id, one, {last});",
             "    if (verdict == MCC_CLOSE || verdict == MCC_RESET) {",
             f"        box_give_up(box, released, NODE_{name}, verdict);", "        return verdict;", "    }", "}",
             "return MCC_PASS;"]
    return body


def _taken(name: str) -> list[str]:
    """A datagram that was taken out whole does not go on."""
    return ["    if (__builtin_expect(one->stream & MCC_STREAM_TAKEN && one->content_len == 0, 0)) {",
            f"        mcc_core_drop(&box->core, one, MCC_REASONS + NODE_REASONS * NODE_{name} + DROPPED_BY);",
            "        one = NULL;", "        if (!is_last || released)", "            continue;", "    }"]


def _abandon(scene: Scene, leaf: Leaf, use: Use, name: str) -> str:
    body = [_flow(leaf), "(void)box, (void)flow, (void)id;"]
    for step in use.steps:
        shape, element = _shape(scene, step), scene.names[step.node]
        inner = [f"struct {element}_stream *own = {_own(scene, leaf, use, step)};",
                 *_prelude(scene, leaf, use, step, ("release_stream",))]
        if not shape.reader:
            inner.append(f"box_give_up(box, mcc_window_release(&box->core, &own->of), NODE_{element}, MCC_CLOSE);")
        if shape.resizes:
            inner.append("mcc_edits_drop(&own->edits, &box->streams);")
        if _code(scene, step).handler("release_stream"):
            inner += ["if (!own->of.ended)", f"    {_call(scene, leaf, step, max(0, use.direction), 'release_stream')};"]
        inner.append("own->of.ended = 1;")
        body += ["{", *("    " + x for x in inner), "}"]
    return _function(f"static void {name}_abandon({ARGS})", body)


def _let_go(scene: Scene, leaf: Leaf, use: Use, name: str, stateful: list[int]) -> str:
    body = [_flow(leaf), "int verdict;"]
    for i in stateful:
        step = use.steps[i]
        shape, element = _shape(scene, step), scene.names[step.node]
        inner = [f"struct {element}_stream *own = {_own(scene, leaf, use, step)};",
                 "struct mcc_packet *released = mcc_window_release(&box->core, &own->of);"]
        inner += ["memset(own->words, 0, sizeof own->words);"] if shape.matchers else []
        inner += ["while (released) {", "    struct mcc_packet *one = released;", "    released = one->next;",
                  f"    verdict = {element_name(scene, leaf, use, i + 1)}(box, flow, id, one, false);",
                  "    if (verdict == MCC_CLOSE || verdict == MCC_RESET) {",
                  f"        box_give_up(box, released, NODE_{element}, verdict);", "        return verdict;", "    }", "}"]
        body += ["{", *("    " + x for x in inner), "}"]
    return _function(f"static int {name}_let_go({ARGS})", [*body, "return MCC_PASS;"])


def _held(scene: Scene, leaf: Leaf, use: Use, name: str, stateful: list[int]) -> str:
    body = [_flow(leaf), "struct mcc_packet *oldest = NULL;", "*since = UINT32_MAX;"]
    for i in stateful:
        body += [f"const struct mcc_window *w{i} = {_own(scene, leaf, use, use.steps[i])}.of;",
                 f"if (w{i}->head && w{i}->held_since < *since) {{", f"    oldest = w{i}->head;",
                 f"    *since = w{i}->held_since;", "}"]
    return _function(f"static struct mcc_packet *{name}_held(void *block, uint32_t *since)", [*body, "return oldest;"])


def _maps(scene: Scene, leaf: Leaf, use: Use, name: str) -> list[str]:
    """The maps of all elements that resize, composed."""
    edits = [f"{_own(scene, leaf, use, s)}.edits" for s in use.steps if _shape(scene, s).resizes]
    out = []
    for what, order in (("forward", edits), ("forward_low", edits), ("back", edits[::-1]), ("back_low", edits[::-1])):
        body = [_flow(leaf), *(f"at = mcc_edits_{what}({e}, at);" for e in order), "return at;"]
        out.append(_function(f"static uint64_t {name}_{what}(void *block, uint64_t at)", body))
    body = [_flow(leaf)]
    for e in edits[::-1]:
        body += ["{", f"    const uint64_t before = mcc_edits_back({e}, y);", f"    mcc_edits_fold({e}, &box->streams, y);",
                 "    y = before;", "}"]
    out.append(_function(f"static void {name}_fold(struct mcc_box *box, void *block, uint64_t y)", body))
    return out


# ---------------------------------------------------------------- tables


def ahead(scene: Scene, leaf: Leaf, uses: list[Use]) -> list[str]:
    """Declarations that the functions of a leaf's context need, before them."""
    use = uses[0]
    first = f"leaf{leaf.id}_{scene.names[use.node.id]}"
    if use.protocol == "tcp":
        return [f"static struct mcc_turn {first}_turn(struct mcc_box *box, void *block, uint32_t id);"]
    out = [f"static void {first}_abandon({ARGS});"]
    if any(_shape(scene, s).stalls for u in uses for s in u.steps):
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
        out.append(_function(f"static struct mcc_turn {first}_turn(struct mcc_box *box, void *block, uint32_t id)", [
            "return (struct mcc_turn){.box = box, .core = &box->core, .shared = &box->streams, .flow = block, .id = id,",
            f"                         .rules = &{first}_rules, .ways = {first}_ways, .arm = flow{leaf.kind}_wake}};"]))
        out.append(_function(f"static bool {first}_due(struct mcc_box *box, void *block, uint32_t id)", [
            _flow(leaf), f"const struct mcc_turn turn = {first}_turn(box, flow, id);",
            f"return mcc_tcp_due(&turn, &flow->conn.leaf{leaf.id}.{scene.names[use.node.id]});"]))
    else:
        out += _datagram_life(scene, leaf, by, first)
    return out


def _way(scene: Scene, leaf: Leaf, use: Use) -> list[str]:
    name = context_name(scene, leaf, use)
    out = [f".data = {element_name(scene, leaf, use, 0)},", f".out = {name}_out,", f".abandon = {name}_abandon,"]
    if any(_shape(scene, s).stalls for s in use.steps):
        out += [f".let_go = {name}_let_go,", f".held = {name}_held,"]
    if any(_shape(scene, s).resizes for s in use.steps):
        out += [f".{w} = {name}_{w}," for w in ("forward", "forward_low", "back", "back_low", "fold")]
    return out


def _rules(scene: Scene, leaf: Leaf, uses: list[Use], first: str) -> str:
    o = uses[0].node.options
    assert o is not None
    shapes = [_shape(scene, s) for u in uses for s in u.steps]
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
    out = [_function(f"static void {first}_abandon({ARGS})",
                     [f"{n}_abandon(box, block, (id & ~1u) | {d});" for d, n in names.items()])]
    if not any(_shape(scene, s).stalls for u in by.values() for s in u.steps):
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
    out.append(_function(f"static void {first}_wake(struct mcc_box *box, void *block, uint32_t id)", wake))
    out.append(_function(f"static bool {first}_due(struct mcc_box *box, void *block, uint32_t id)",
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
    timed = use.protocol == "tcp" or any(_shape(scene, s).stalls for u in uses for s in u.steps)
    return f"leaf{leaf.id}_{scene.names[use.node.id]}_due(box, flow, id)" if timed else ""


def resizing(scene: Scene, leaf: Leaf, uses: list[Use]) -> str:
    """The name of a TCP context whose elements change lengths, so that ICMP errors must be mapped back; "": another."""
    changes = uses[0].protocol == "tcp" and any(_shape(scene, s).resizes for u in uses for s in u.steps)
    return scene.names[uses[0].node.id] if changes else ""
