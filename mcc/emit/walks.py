"""C for walks: what one leaf does with a packet, one direction at a time, handlers in walk order.

A walk function returns the verdict that ended it: MCC_PASS, or MCC_CLOSE / MCC_RESET, which the caller turns into the
end of the flow. Every place where a packet may leave the trunk is a *site*; sites are counted, so elements' counters
cost nothing while packets pass (mcc/run/stats.py adds them up).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from mcc.emit import context_tables, contexts, natives
from mcc.emit.handlers import signature
from mcc.emit.scene import Scene, Site, call, leave, walk_name
from mcc.ir.func import Action, Func, MapPut
from mcc.ir.plan import Arc, End, KeyKind, Leaf, Step
from mcc.ir.walkers import expressions, statements

INDENT = "    "


def walk_functions(scene: Scene, leaf: Leaf) -> list[str]:
    """All walks of a leaf: its contexts with what is behind them, then what packets walk first."""
    heads: list[str] = []
    functions: list[str] = []
    uses: dict[int, list[contexts.Use]] = {}
    for d in (-1,) if leaf.kind < 0 else (0, 1) if leaf.bidirectional else (0,):
        text, found = _walk(scene, leaf, d)
        heads.append(text)
        behind: list[str] = []
        while found is not None:
            use = found
            after: list[contexts.Use | None] = []
            uses.setdefault(use.node.id, []).append(use)

            def print_behind(arc: Arc, path: tuple[int, ...], name: str, d: int = d,
                             after: list[contexts.Use | None] = after) -> str:
                text, then = _walk(scene, leaf, d, arc, path, name)
                after.append(then)
                return text

            behind = [*contexts.direction_functions(scene, leaf, use, print_behind), *behind]
            found = after[0]
        functions += behind
    first = [x for u in uses.values() for x in context_tables.ahead(scene, leaf, u)]
    last = [x for u in uses.values() for x in context_tables.tables(scene, leaf, u)]
    scene.uses[leaf.id] = list(uses.values())
    return [*first, *functions, *last, *heads]


def _walk(scene: Scene, leaf: Leaf, direction: int, arc: Arc | None = None, path: tuple[int, ...] = (),
          name: str = "") -> tuple[str, contexts.Use | None]:
    """The function of one leaf and direction (-1: no session) up to the first context, and that; or, with `arc`, `path`
    and `name`, of what is behind a context."""
    start = arc or (leaf.arc if direction <= 0 else leaf.mirror)
    assert start is not None
    walk = 1 + 2 * leaf.id + max(0, direction)
    body = _Body(scene, leaf, direction, walk)
    body.follow(start, path, 1)
    name = name or walk_name(leaf, direction)
    if direction < 0:
        head = f"static int {name}(struct mcc_box *box, struct mcc_packet *p)"
        setup = ["const struct mcc_flow view = {0};"] if body.uses_view else []
    else:
        head = (f"static int {name}(struct mcc_box *box, struct flow{leaf.kind} *flow, uint32_t id, bool is_new,\n"
                f"{' ' * (12 + len(name))}struct mcc_packet *p)")
        setup = []
        if body.uses_view:
            setup.append("const struct mcc_flow view = {.id = MCC_FLOW_ID("
                         f"{leaf.kind}, id), .to_server = {'true' if direction == 0 else 'false'}, .is_new = is_new}};")
        else:
            setup.append("(void)id, (void)is_new;")
        if not body.uses_flow:
            setup.append("(void)flow;")
    if body.uses_verdict:
        setup.append("int verdict;")
    lines = [INDENT + s for s in setup] + ([""] if setup else []) + body.lines
    return "\n".join([head, "{", *lines, "}"]), body.context


def batch_function(scene: Scene, leaf: Leaf, direction: int) -> str:
    """The same walk for a batch of packets of one session, element by element (mcc.passes.batches)."""
    arc = leaf.arc if direction <= 0 else leaf.mirror
    assert arc is not None
    walk, plan = 1 + 2 * leaf.id + direction, arc.to
    path: tuple[int, ...] = ()
    lines: list[str] = []
    view = False
    while isinstance(plan, Step):
        code, name = scene.codes[plan.node], scene.names[plan.node]
        here = Site(walk, path, plan.node, -1)
        site = scene.sites.index(here) if here in scene.sites else -1
        for role in ("process_packet", "process_batch"):
            func = code.handler(role, plan.inp)
            if func is None:
                continue
            view |= "flow" in signature(func)
            one = call(scene, leaf, plan.node, func, direction)
            stop = f"box_stop(box, p, verdict, NODE_{name}, {site});"
            if role == "process_batch":
                lines += [f"verdict = {one.replace('&p, 1', 'batch, n')};",
                          "for (uint32_t i = 0; verdict != MCC_PASS && i < n; i++) {",
                          INDENT + "struct mcc_packet *p = batch[i];", INDENT + stop, "}",
                          "if (verdict != MCC_PASS)", INDENT + "return;"]
            else:
                lines += ["kept = 0;", "for (uint32_t i = 0; i < n; i++) {",
                          INDENT + "struct mcc_packet *p = batch[i];", INDENT + f"verdict = {one};",
                          INDENT + "if (verdict == MCC_PASS)",
                          INDENT * 2 + "batch[kept++] = p;", INDENT + "else", INDENT * 2 + stop, "}", "n = kept;",
                          "if (n == 0)", INDENT + "return;"]
        path, plan = (*path, 0), plan.outs[0].to
    end = f"{leave(scene, leaf)}(&box->core, batch[i], PORT_{scene.ports[plan.index]});" if plan.kind == "port" else \
        f"mcc_core_drop(&box->core, batch[i], {scene.reasons[plan.reason]}); /* {plan.reason} */"
    lines += ["for (uint32_t i = 0; i < n; i++)", INDENT + end]
    setup = ["int verdict;", "uint32_t kept;", "(void)verdict, (void)kept, (void)flow, (void)id;"]
    if view:
        setup.insert(0, f"const struct mcc_flow view = {{.id = MCC_FLOW_ID({leaf.kind}, id), "
                        f".to_server = {'true' if direction == 0 else 'false'}}};")
    return "\n".join([f"static void {walk_name(leaf, direction)}_batch(struct mcc_box *box, "
                      f"struct flow{leaf.kind} *flow, uint32_t id, struct mcc_packet **batch, uint32_t n)", "{",
                      *(INDENT + x for x in setup), *(INDENT + x for x in lines), "}"])


@dataclass
class _Body:
    scene: Scene
    leaf: Leaf
    direction: int
    walk: int
    lines: list[str] = field(default_factory=list)
    uses_view: bool = False
    uses_flow: bool = False
    uses_verdict: bool = False
    context: contexts.Use | None = None

    def put(self, depth: int, *text: str) -> None:
        self.lines += [INDENT * depth + t for t in text]

    def site(self, path: tuple[int, ...], node: int, arm: int) -> int:
        self.scene.sites.append(Site(self.walk, path, node, arm))
        return len(self.scene.sites) - 1

    def follow(self, arc: Arc, path: tuple[int, ...], depth: int) -> None:
        plan = arc.to
        while isinstance(plan, Step):
            if self.scene.codes[plan.node].context:
                if self.enter(plan, path, depth):
                    return
            else:
                self.step(plan, path, depth)
            path, plan = (*path, 0), plan.outs[0].to
        self.end(plan, depth)

    def enter(self, plan: Step, path: tuple[int, ...], depth: int) -> bool:
        """A context begins: the rest of the walk is behind it. False: it holds no stream element, packets just pass."""
        if not self.scene.nodes[plan.node].opens(plan.way):
            return False
        use = contexts.use_of(self.scene, plan, path, self.direction)
        if not use.steps or self.leaf.kind < 0:
            return False
        self.context = use
        self.uses_flow = True
        lines = contexts.enter(self.scene, self.leaf, use)
        self.uses_verdict |= any("verdict" in x for x in lines)
        self.put(depth, *lines)
        return True

    def end(self, end: End, depth: int) -> None:
        if end.kind == "port":
            out = leave(self.scene, self.leaf)
            self.put(depth, f"{out}(&box->core, p, PORT_{self.scene.ports[end.index]});", "return MCC_PASS;")
        elif end.kind == "stage":
            self.put(depth, f"stage{end.index}_packet(box, p);", "return MCC_PASS;")
        else:
            self.put(depth, f"mcc_core_drop(&box->core, p, {self.scene.reasons[end.reason]}); /* {end.reason} */",
                     "return MCC_DROP;")

    def step(self, step: Step, path: tuple[int, ...], depth: int) -> None:
        scene, code = self.scene, self.scene.codes[step.node]
        for role in ("process_packet", "process_batch"):
            func = code.handler(role, step.inp)
            if func is None:
                continue
            self.note_use(func, step.node)
            self.group(step.node, depth)
            if any(e.node == step.node for e in scene.plans.emits):
                self.put(depth, f"box->way = {step.way};")
            self.put(depth, "verdict = " + call(scene, self.leaf, step.node, func, max(0, self.direction)) + ";")
            self.releases(step.node, func, depth)
            if self.direction < 0 and _may_end(func):
                self.put(depth, "verdict = verdict == MCC_CLOSE || verdict == MCC_RESET ? MCC_DROP : verdict;")
            self.branch(step, path, depth)

    def note_use(self, func: Func, node: int) -> None:
        roles = signature(func)
        self.uses_verdict = True
        self.uses_view |= "flow" in roles
        self.uses_flow |= bool({"scratch", "conn", "peer"} & set(roles))

    def group(self, node: int, depth: int) -> None:
        kind = self.scene.grouped(self.leaf, node)
        if kind < 0:
            return
        self.uses_flow = True
        name = self.scene.names[node]
        d = max(0, self.direction)
        self.put(depth, f"const uint32_t {name}_id = flow->dir[{d}].fcb.leaf{self.leaf.id}.{name};",
                 f"struct flow{kind} *{name}_group = flow{kind}_at(box, {name}_id);",
                 f"flow{kind}_seen(box, {name}_group, {name}_id, p);")

    def releases(self, node: int, func: Func, depth: int) -> None:
        """Packets that a put has let go walk on from the element's input."""
        self.put(depth, *release_calls(self.scene, node, func))

    def branch(self, step: Step, path: tuple[int, ...], depth: int) -> None:
        name = self.scene.names[step.node]
        left = self.site(path, step.node, -1)
        stop = f"return box_stop(box, p, verdict, NODE_{name}, {left});"
        if len(step.outs) == 1:
            self.put(depth, "if (verdict != MCC_PASS)", INDENT + stop)
            return
        self.put(depth, "switch (verdict) {", "case MCC_PASS:", INDENT + "break;")
        for k in range(1, len(step.outs)):
            arm = self.site(path, step.node, k)
            self.put(depth, f"case {k}:", INDENT + f"box_count(box, p, {left}, {arm});")
            self.follow(step.outs[k], (*path, k), depth + 1)
        self.put(depth, "default:", INDENT + stop, "}")


def release_calls(scene: Scene, node: int, func: Func) -> list[str]:
    """Behind a handler: what its puts have let go walks on."""
    go = [f"stage{e.stage}_packet" for e in scene.plans.emits if e.node == node and e.output < 0]
    maps = sorted({s.map for s in statements(func.body) if isinstance(s, MapPut)}) if go else []
    return [f"box_release(box, &box->{scene.names[node]}.{m}, {go[0]}, {go[-1]});" for m in maps]


def _may_end(func: Func) -> bool:
    """Whether a handler may return CLOSE or RESET."""
    return any(isinstance(e, Action) and e.kind in ("close", "reset")
               for s in statements(func.body) for e in expressions(s))


# ---------------------------------------------------------------- the life of a flow


def new_function(scene: Scene, leaf: Leaf) -> str:
    """leafN_new: defaults, then groups and new_session in walk order; on a refusal what had begun is undone."""
    two = leaf.bidirectional
    head = f"static int leaf{leaf.id}_new(struct mcc_box *box, struct flow{leaf.kind} *flow, uint32_t id, " \
           "struct mcc_packet *p)"
    body: list[str] = []
    uses_view = uses_verdict = False
    for i, node in enumerate(leaf.elements):
        code, name = scene.codes[node], scene.names[node]
        group = scene.grouped(leaf, node)
        if group >= 0:
            body.append(f"verdict = {name}_join{leaf.id}(box, flow, 0, p);")
        else:
            func = code.handler("new_session")
            if func is None:
                continue
            uses_view |= "flow" in signature(func)
            body.append("verdict = " + call(scene, leaf, node, func, 0) + ";")
        uses_verdict = True
        undo = [line for n in leaf.elements[:i] for line in _release_lines(scene, leaf, n, 1)]
        body += ["if (verdict != MCC_PASS) {", *(INDENT + u for u in undo),
                 INDENT + f"return box_refuse(box, p, verdict, NODE_{name});", "}"]
    setup = [*_defaults(scene, leaf, two)]
    if uses_verdict:
        setup.append("int verdict;")
    uses_view = uses_view or any("view" in b for b in body)
    if uses_view:
        setup.insert(0, f"const struct mcc_flow view = {{.id = MCC_FLOW_ID({leaf.kind}, id), .to_server = true, "
                        ".is_new = true};")
    setup.append("(void)box, (void)flow, (void)id, (void)p;")
    return "\n".join([head, "{", *(INDENT + s for s in setup), "", *(INDENT + b for b in body),
                      INDENT + "return MCC_PASS;", "}"])


def _defaults(scene: Scene, leaf: Leaf, two: bool) -> list[str]:
    out = []
    for node in leaf.elements:
        code, name = scene.codes[node], scene.names[node]
        if code.context == "tcp":
            out.append(f"flow->conn.leaf{leaf.id}.{name} = (struct mcc_tcp){{.armed = 0}};")
        if code.context:
            continue
        if code.stream is not None:
            out += [f"flow->dir[{d}].fcb.leaf{leaf.id}.{name}_stream = (struct {name}_stream){{.of.ended = 0}};"
                    for d in range(1 + two)]
        if scene.grouped(leaf, node) >= 0:
            out += [f"flow->dir[{d}].fcb.leaf{leaf.id}.{name} = 0;" for d in range(1 + two)]
            continue
        if code.scratch is not None:
            init = f"{scene.structs[code.scratch]}_init"
            out += [f"{init}(&flow->dir[{d}].fcb.leaf{leaf.id}.{name});" for d in range(1 + two)]
        if code.conn is not None:
            out.append(f"{scene.structs[code.conn]}_init(&flow->conn.leaf{leaf.id}.{name});")
    return out


def _release_lines(scene: Scene, leaf: Leaf, node: int, directions: int) -> list[str]:
    code, name = scene.codes[node], scene.names[node]
    group = scene.grouped(leaf, node)
    if group >= 0:
        return [f"flow{group}_leave(box, flow->dir[{d}].fcb.leaf{leaf.id}.{name});"
                for d in range(1 + leaf.bidirectional)]
    func = code.handler("release")
    closes = natives.closes(code, name, f"leaf{leaf.id}.{name}", f"leaf{leaf.id}.{name}", 1 + leaf.bidirectional)
    if func is None:
        return closes
    twice = leaf.bidirectional and scene.bidirectional[node] and bool({"scratch", "peer"} & set(signature(func)))
    return [*(call(scene, leaf, node, func, d) + ";" for d in range(1 + twice)), *closes]


def release_function(scene: Scene, leaf: Leaf) -> str:
    """leafN_release: release of each element, groups left, in walk order."""
    lines = [line for n in leaf.elements for line in _release_lines(scene, leaf, n, 2)]
    view = []
    if any("view" in x for x in lines):
        view = [f"const struct mcc_flow view = {{.id = MCC_FLOW_ID({leaf.kind}, id), .to_server = true}};"]
    head = f"static void leaf{leaf.id}_release(struct mcc_box *box, struct flow{leaf.kind} *flow, uint32_t id)"
    return "\n".join([head,
                      "{", *(INDENT + v for v in view), INDENT + "(void)box, (void)flow, (void)id;",
                      *(INDENT + line for line in lines), "}"])


def group_functions(scene: Scene, kind: KeyKind) -> tuple[str, str]:
    """(new, release) of the groups of one element: their session begins and ends with them."""
    node, name = kind.group, scene.names[kind.group]
    code = scene.codes[node]

    def args(func: Func) -> str:
        table = {"scratch": f"&flow->dir[direction].fcb.{name}.{name}",
                 "peer": f"&flow->dir[1 - direction].fcb.{name}.{name}",
                 "conn": f"&flow->conn.{name}", "packet": "p", "flow": "view"}
        return ", ".join(["box", *(table[r] for r in signature(func))])

    init = []
    if code.scratch is not None:
        init += [f"{scene.structs[code.scratch]}_init(&flow->dir[{d}].fcb.{name}.{name});" for d in (0, 1)]
    if code.conn is not None:
        init.append(f"{scene.structs[code.conn]}_init(&flow->conn.{name});")
    view = f"const struct mcc_flow view = {{.id = MCC_FLOW_ID({kind.id}, id), .to_server = true, .is_new = true}};"
    new, release = code.handler("new_session"), code.handler("release")
    begin = [view, "const unsigned direction = 0;", "(void)box, (void)flow, (void)p, (void)view, (void)direction;",
             *init,
             f"return {scene.handler(node, new)}({args(new)});" if new else "return MCC_PASS;"]
    end = [view, "(void)box, (void)flow, (void)view;"]
    if release is not None:
        twice = scene.bidirectional[node] and {"scratch", "peer"} & set(signature(release))
        end += [f"for (unsigned direction = 0; direction < {2 if twice else 1}; direction++)",
                INDENT + f"{scene.handler(node, release)}({args(release)});"]
    end += natives.closes(code, name, f"{name}.{name}", name, 2)
    return ("\n".join([f"static int flow{kind.id}_begin(struct mcc_box *box, struct flow{kind.id} *flow, uint32_t id, "
                       "struct mcc_packet *p)", "{", *(INDENT + x for x in begin), "}"]),
            "\n".join([f"static void flow{kind.id}_release(struct mcc_box *box, "
                       f"struct flow{kind.id} *flow, uint32_t id)", "{", *(INDENT + x for x in end), "}"]))
