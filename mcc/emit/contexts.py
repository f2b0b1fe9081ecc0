"""C for contexts: how packets go through the elements between the two ends, one direction at a time.

For each leaf and direction that has a context, in this order (docs/contexts.md, runtime_c/mcc_context.h):

    LEAF_to_server_TCPIn_out      the walk behind the context
    LEAF_to_server_TCPIn_end      what the last element released goes to the context
    LEAF_to_server_ELEMENT        a packet goes through one element, and what it releases through the next
    LEAF_to_server_TCPIn_*        what is held, the maps of edits composed

What the runtime must know of both directions is in context_tables.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mcc.emit.handlers import has_matches, signature
from mcc.emit.scene import Scene, Site, state_arg, walk_name
from mcc.ir.element import Code, StreamShape
from mcc.ir.func import Alert
from mcc.ir.graph import GraphNode
from mcc.ir.plan import Arc, Leaf, Step
from mcc.ir.walkers import statements

ARGS = "struct mcc_box *box, void *block, uint32_t id"


@dataclass(frozen=True)
class Use:
    """One context of one leaf and direction: its "in" end, the steps between, and the walk behind with its path of
    outputs."""

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
    node = scene.names[use.node.id]
    if use.protocol == "tcp":
        return [f"const struct mcc_turn turn = leaf{leaf.id}_{node}_turn(box, flow, id);",
                f"return mcc_tcp_in(&turn, &flow->conn.leaf{leaf.id}.{node}, p, &box->session_ends);"]
    first = element_name(scene, leaf, use, 0)
    udp = "true" if use.protocol == "udp" else "false"
    out = [f"if (!mcc_datagram_open(p, {udp})) {{ /* it is no datagram, and goes on as it is */",
           f"    {context_name(scene, leaf, use)}_out(box, flow, id, p);", "    return MCC_PASS;", "}"]
    if not any(shape_of(scene, s).stalls for s in use.steps):
        return [*out, f"return {first}(box, flow, id, p, false);"]
    return [*out, f"verdict = {first}(box, flow, id, p, false);", f"leaf{leaf.id}_{node}_wake(box, flow, id);",
            "return verdict == MCC_CLOSE || verdict == MCC_RESET ? verdict : MCC_PASS;"]


def element_name(scene: Scene, leaf: Leaf, use: Use, i: int) -> str:
    """The function of the i-th element of a context; behind the last one, the context's end."""
    if i < len(use.steps):
        return f"{walk_name(leaf, use.direction)}_{scene.names[use.steps[i].node]}"
    return f"{context_name(scene, leaf, use)}_end"


def _code(scene: Scene, step: Step) -> Code:
    return scene.codes[step.node]


def shape_of(scene: Scene, step: Step) -> StreamShape:
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


def direction_functions(scene: Scene, leaf: Leaf, use: Use,
                        behind: Callable[[Arc, tuple[int, ...], str], str]) -> list[str]:
    """All functions of one use. `behind` prints the walk behind the context as a function of that name."""
    name = context_name(scene, leaf, use)
    site = len(scene.sites)
    scene.sites.append(Site(1 + 2 * leaf.id + max(0, use.direction), use.path, use.node.id, -2))
    out = [behind(use.behind, use.path, f"{name}_walk"), _out(leaf, name, site), _end(scene, leaf, use, name)]
    for i in reversed(range(len(use.steps))):
        out.append(_element(scene, leaf, use, i))
    stateful = [i for i, s in enumerate(use.steps) if not shape_of(scene, s).reader]
    stalls = any(shape_of(scene, s).stalls for s in use.steps)
    out.append(_abandon(scene, leaf, use, name))
    if stalls:
        out += [_let_go(scene, leaf, use, name, stateful), _held(scene, leaf, use, name, stateful)]
    if any(shape_of(scene, s).resizes for s in use.steps):
        out += _maps(scene, leaf, use, name)
    return out


def flow_line(leaf: Leaf) -> str:
    return f"struct flow{leaf.kind} *flow = block;"


def _own(scene: Scene, leaf: Leaf, use: Use, step: Step) -> str:
    return f"&flow->dir[{max(0, use.direction)}].fcb.leaf{leaf.id}.{scene.names[step.node]}_stream"


def c_function(head: str, body: list[str]) -> str:
    return "\n".join([head, "{", *("    " + b if b else "" for b in body), "}"])


def _out(leaf: Leaf, name: str, site: int) -> str:
    return c_function(f"static void {name}_out({ARGS}, struct mcc_packet *p)",
                      [flow_line(leaf), f"box->site[{site}].packets++;", f"box->site[{site}].bytes += p->len;",
                       f"(void){name}_walk(box, flow, id, false, p);"])


def _end(scene: Scene, leaf: Leaf, use: Use, name: str) -> str:
    node = scene.names[use.node.id]
    body = [flow_line(leaf), "(void)is_last;", "if (!p)", "    return MCC_PASS;"]
    if use.protocol == "tcp":
        body += [f"const struct mcc_turn turn = leaf{leaf.id}_{node}_turn(box, flow, id);",
                 f"mcc_tcp_send(&turn, &flow->conn.leaf{leaf.id}.{node}, p);"]
    else:
        body += ["mcc_datagram_close(&box->core, p);", f"{name}_out(box, flow, id, p);"]
    return c_function(f"static int {name}_end({ARGS}, struct mcc_packet *p, bool is_last)", [*body, "return MCC_PASS;"])


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
    shape = shape_of(scene, step)
    following = element_name(scene, leaf, use, i + 1)
    tcp = f"flow->conn.leaf{leaf.id}.{scene.names[use.node.id]}" if use.protocol == "tcp" else ""
    release = code.handler("release_stream")
    body = [flow_line(leaf), f"struct {name}_stream *own = {_own(scene, leaf, use, step)};", "struct mcc_stream st;",
            *_prelude(scene, leaf, use, step, ("process_data", "release_stream")), "",
            "if (own->of.ended) /* nothing is read behind the end */",
            f"    return {following}(box, flow, id, p, is_last);"]
    server = "true" if d == 0 else "false"
    if shape.reader:
        body.append(f"mcc_reader_open(&st, &own->of, p, is_last, {server});")
    else:
        edits = "&own->edits" if shape.resizes else "NULL"
        body.append(f"mcc_stream_open(&st, &box->streams, &own->of, {edits}, p, is_last, {server});")
    alerts = any(isinstance(s, Alert) for h in code.handlers for s in statements(h.func.body))
    body += ["box->stream = &st;"] if alerts else []
    call = _call(scene, leaf, step, d, "process_data")
    if use.protocol == "tcp" and any(shape_of(scene, s).resizes for s in use.steps[:i]):
        body += ["int verdict = MCC_PASS;", "if (__builtin_expect(is_last || p->content_len, 1))",
                 f"    verdict = {call};",
                 *([] if shape.reader else ["else if (own->of.head != p) /* nothing is left of it, which is no call */",
                                            "    st.hold = st.start;"])]
    else:
        body.append(f"int verdict = {call};")
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
    head = f"static int {element_name(scene, leaf, use, i)}({ARGS}, struct mcc_packet *p, bool is_last)"
    return c_function(head, body)


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
                 "    if (verdict == MCC_FAULT)", f"        box->faults[NODE_{name}]++;", "    verdict = MCC_PASS;",
                 "}"]
    else:
        body += _fault(name)
    body += ["mcc_datagram_join(&st);"] if shape.resizes and not tcp else []
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
    body += ["if (!released && is_last)", f"    return {following}(box, flow, id, NULL, true);",
             "while (released) {", "    struct mcc_packet *one = released;", "    released = one->next;",
             *(_taken(name, ["if (!is_last || released)", "    continue;"]) if shape.resizes and not tcp else []),
             f"    verdict = {following}(box, flow, id, one, {last});",
             "    if (verdict == MCC_CLOSE || verdict == MCC_RESET) {",
             f"        box_give_up(box, released, NODE_{name}, verdict);", "        return verdict;", "    }", "}",
             "return MCC_PASS;"]
    return body


def _taken(name: str, then: list[str]) -> list[str]:
    """A datagram that was taken out whole does not go on; `then`: what does."""
    return ["    if (__builtin_expect(one->stream & MCC_STREAM_TAKEN && one->content_len == 0, 0)) {",
            f"        mcc_core_drop(&box->core, one, MCC_REASONS + NODE_REASONS * NODE_{name} + DROPPED_BY);",
            "        one = NULL;", *("        " + x for x in then), "    }"]


def _abandon(scene: Scene, leaf: Leaf, use: Use, name: str) -> str:
    body = [flow_line(leaf), "(void)box, (void)flow, (void)id;"]
    for step in use.steps:
        shape, element = shape_of(scene, step), scene.names[step.node]
        inner = [f"struct {element}_stream *own = {_own(scene, leaf, use, step)};",
                 *_prelude(scene, leaf, use, step, ("release_stream",))]
        if not shape.reader:
            inner.append(f"box_give_up(box, mcc_window_release(&box->core, &own->of), NODE_{element}, MCC_CLOSE);")
        if shape.resizes:
            inner.append("mcc_edits_drop(&own->edits, &box->streams);")
        if _code(scene, step).handler("release_stream"):
            last_call = _call(scene, leaf, step, max(0, use.direction), "release_stream")
            inner += ["if (!own->of.ended)", f"    {last_call};"]
        inner.append("own->of.ended = 1;")
        body += ["{", *("    " + x for x in inner), "}"]
    return c_function(f"static void {name}_abandon({ARGS})", body)


def _let_go(scene: Scene, leaf: Leaf, use: Use, name: str, stateful: list[int]) -> str:
    body = [flow_line(leaf), "int verdict;"]
    for i in stateful:
        step = use.steps[i]
        shape, element = shape_of(scene, step), scene.names[step.node]
        inner = [f"struct {element}_stream *own = {_own(scene, leaf, use, step)};",
                 "struct mcc_packet *released = mcc_window_release(&box->core, &own->of);"]
        inner += ["memset(own->words, 0, sizeof own->words);"] if shape.matchers else []
        inner += ["while (released) {", "    struct mcc_packet *one = released;", "    released = one->next;",
                  *(_taken(element, ["continue;"]) if shape.resizes and use.protocol != "tcp" else []),
                  f"    verdict = {element_name(scene, leaf, use, i + 1)}(box, flow, id, one, false);",
                  "    if (verdict == MCC_CLOSE || verdict == MCC_RESET) {",
                  f"        box_give_up(box, released, NODE_{element}, verdict);", "        return verdict;", "    }",
                  "}"]
        body += ["{", *("    " + x for x in inner), "}"]
    return c_function(f"static int {name}_let_go({ARGS})", [*body, "return MCC_PASS;"])


def _held(scene: Scene, leaf: Leaf, use: Use, name: str, stateful: list[int]) -> str:
    body = [flow_line(leaf), "struct mcc_packet *oldest = NULL;", "*since = UINT32_MAX;"]
    for i in stateful:
        body += [f"const struct mcc_window *w{i} = {_own(scene, leaf, use, use.steps[i])}.of;",
                 f"if (w{i}->head && w{i}->held_since < *since) {{", f"    oldest = w{i}->head;",
                 f"    *since = w{i}->held_since;", "}"]
    return c_function(f"static struct mcc_packet *{name}_held(void *block, uint32_t *since)",
                      [*body, "return oldest;"])


def _maps(scene: Scene, leaf: Leaf, use: Use, name: str) -> list[str]:
    """The maps of all elements that resize, composed."""
    edits = [f"{_own(scene, leaf, use, s)}.edits" for s in use.steps if shape_of(scene, s).resizes]
    out = []
    for what, order in (("forward", edits), ("forward_low", edits), ("back", edits[::-1]), ("back_low", edits[::-1])):
        body = [flow_line(leaf), *(f"at = mcc_edits_{what}({e}, at);" for e in order), "return at;"]
        out.append(c_function(f"static uint64_t {name}_{what}(void *block, uint64_t at)", body))
    body = [flow_line(leaf)]
    for e in edits[::-1]:
        body += ["{", f"    const uint64_t before = mcc_edits_back({e}, y);",
                 f"    mcc_edits_fold({e}, &box->streams, y);", "    y = before;", "}"]
    out.append(c_function(f"static void {name}_fold(struct mcc_box *box, void *block, uint64_t y)", body))
    return out
