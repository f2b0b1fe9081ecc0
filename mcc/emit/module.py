"""The whole C module of a chain: views of the middle end's results, put into the templates in reading order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import jinja2

from mcc.emit import context_tables, contexts, keys, walks
from mcc.emit.accessors import print_accessors
from mcc.emit.classifier import print_classifier
from mcc.emit.handlers import print_element, uses_digests
from mcc.emit.layouts import members
from mcc.emit.lines import Mode, resolve_lines
from mcc.emit.names import Names, c_name, entry_name, file_name
from mcc.emit.natives import open_database, uses_hyperscan
from mcc.emit.offload import print_offload
from mcc.emit.replies import foreseen, says_reply_key
from mcc.emit.scene import Scene, Site, walk_name
from mcc.emit.steering import print_steering
from mcc.emit.structs import print_map_start, print_state, print_state_init, print_struct
from mcc.emit.tables import incbin
from mcc.ir.element import Code, CounterDecl, HsDecl, LiveDecl, MapDecl, PerCoreDecl, PortsDecl
from mcc.ir.func import StructType
from mcc.ir.graph import Graph
from mcc.ir.offload import Offload
from mcc.ir.plan import End, KeyKind, Leaf, Plans, Stage, Steering, Step

CORE_REASONS = ("no_buffer", "out_full", "no_session", "checksum", "parked_long", "unlinked",
                "tcp_duplicate", "tcp_answered", "tcp_window", "tcp_full", "tcp_late", "tcp_closed", "tcp_policy",
                "refused",
                "frag_joined", "frag_duplicate", "frag_overlap", "frag_malformed", "frag_limit", "frag_timeout",
                "sealed", "no_way_back", "core_full")
"""Drop reasons of every chain, in the order of enum mcc_reason."""

BOX_MEMBERS = frozenset({
    "core", "way", "talking", "pending", "packets", "batches", "batch", "next_timer", "walk", "site", "drops", "faults",
    "came", "ending", "box", "session_ends", "stream", "streams", "frags"})
"""Names in struct mcc_box that no element's state may have."""

NODE_REASONS = ("drop", "close", "reset", "fault")


@dataclass(frozen=True)
class Value:
    """A number that can be read (Live: also set) while the chain runs; its index is its number in mcc_box_value."""

    node: int
    name: str
    kind: str
    bits: int
    signed: bool


@dataclass(frozen=True)
class Module:
    """The printed module and what the runner must know to read its memory."""

    c_source: str
    sites: tuple[Site, ...]
    reasons: tuple[str, ...]
    values: tuple[Value, ...]
    names: Mapping[int, str]
    structs: Mapping[StructType, str]
    blobs: Mapping[str, bytes]


@dataclass
class _Printer:
    graph: Graph
    codes: Mapping[int, Code]
    plans: Plans
    steering: Steering
    version: str
    source: str
    about: tuple[str, ...]
    lines: Mode
    leaf_text: Callable[[Leaf], str]
    env: jinja2.Environment
    batched: frozenset[tuple[int, int]]
    ring: int
    offload: Offload | None = None
    blobs: dict[str, bytes] = field(default_factory=dict)

    def run(self) -> Module:
        self.names = self.node_names()
        self.structs = self.struct_names()
        self.reasons = self.all_reasons()
        sessions = {n.id: n.elem.__mcc_elem__.session for n in self.graph.nodes if n.elem is not None}
        bidirectional = {n: s is not None and s.bidirectional for n, s in sessions.items()}
        bidirectional |= {n.id: n.protocol != "ip" for n in self.graph.contexts}
        numbers = {r: i for i, r in enumerate(self.reasons)}
        numbers |= {"drop": numbers.get("drop", 0)}
        self.scene = Scene(self.plans, self.codes, self.names, self.graph.ports, numbers, bidirectional,
                           self.structs, self.graph.nodes)
        view = self.view()
        text = self.env.get_template("module.c.j2").render(m=view)
        if self.lines == "python":
            text = resolve_lines(text, f"{self.graph.name}.gen.c")
        return Module(text, tuple(self.scene.sites), self.reasons, self.values(), self.names, self.structs, self.blobs)

    # ------------------------------------------------------------ names

    def node_names(self) -> dict[int, str]:
        taken: set[str] = {*self.graph.ports, "REASONS"}  # NODE_REASONS is ours
        out = {}
        for n in (*self.graph.elements, *self.graph.contexts):
            out[n.id] = file_name(n.name, taken | BOX_MEMBERS)
            taken.add(out[n.id])
        return out

    def struct_names(self) -> dict[StructType, str]:
        out: dict[StructType, str] = {}
        taken = set(self.names.values())
        for code in self.codes.values():
            for t in (code.scratch, code.conn):
                if t is not None and t not in out:
                    out[t] = file_name(t.name, taken)
                    taken.add(out[t])
        return out

    def all_reasons(self) -> tuple[str, ...]:
        out = list(CORE_REASONS)
        for n in self.graph.elements:
            out += [f"{r}:{n.name}" for r in NODE_REASONS]
        extra = {e.reason for leaf in self.plans.leaves for arc in (leaf.arc, leaf.mirror) if arc is not None
                 for e in _ends(arc.to) if e.kind == "drop"}
        return (*out, *sorted(extra - set(out)))

    # ------------------------------------------------------------ views

    def view(self) -> dict[str, Any]:
        nodes = [self.node_view(i, n.id) for i, n in enumerate(self.graph.elements)]
        walk_texts = []
        for leaf in self.plans.leaves:
            walk_texts += walks.walk_functions(self.scene, leaf)
            if leaf.kind >= 0:
                walk_texts += [walks.new_function(self.scene, leaf), walks.release_function(self.scene, leaf)]
        kinds = [self.kind_view(k) for k in self.plans.kinds]
        batches = sorted(self.batched)
        for number, d in batches:
            walk_texts.append(walks.batch_function(self.scene, self.plans.leaves[number], d))
        hidden = [contexts.hidden_struct(self.codes[n.id], self.names[n.id]) for n in self.graph.elements
                  if self.codes[n.id].stream is not None]
        first = print_accessors(self.codes.values())
        return {
            "name": self.graph.name, "version": self.version, "source": self.source, "about": self.about,
            "ports": self.graph.ports, "inner_ports": self.graph.inner, "leaves": self.plans.leaves,
            "reasons": self.reasons[len(CORE_REASONS):],
            "nodes": nodes, "structs": [*(print_struct(t, c) for t, c in self.structs.items()), first] if first else
            [print_struct(t, c) for t, c in self.structs.items()],
            "hidden": hidden, "streams": bool(hidden), "contexts": bool(self.graph.contexts),
            "steering": print_steering(self.steering, self.graph.ports),
            "fragments": context_tables.fragments(self.graph.contexts),
            "digests": any(uses_digests(c) for c in self.codes.values()),
            "hyperscan": any(uses_hyperscan(c) for c in self.codes.values()),
            "kinds": kinds, "replies": any(k["replies"] for k in kinds), "walks": walk_texts,
            "sites_bound": max(1, len(self.scene.sites)),
            "inner_stages": [s.id for s in self.plans.stages if s.id > 0 or any(
                kinds[i]["in_context"] for i in s.kinds)],
            "offload": print_offload(self.offload, self.graph.ports) if self.offload and self.marks() else "",
            "stages": [self.stage_text(s, kinds) for s in reversed(self.plans.stages)],
            "stage0_kinds": [k for k in self.plans.kinds if k.stage == 0 and k.group < 0],
            "emits": [{"code": f"NODE_{self.names[e.node]} << 9 | {e.output << 1 | e.way}", "stage": e.stage,
                       "name": f"{self.names[e.node]}[{e.output}]"} for e in self.plans.emits if e.output >= 0],
            "batches": [{"walk": 1 + 2 * n + d, "kind": self.plans.leaves[n].kind,
                         "name": walk_name(self.plans.leaves[n], d) + "_batch"} for n, d in batches],
            "ring": self.ring, "settles": self.settles,
            "parks": any(e.output < 0 for e in self.plans.emits),
            "park_maps": [{"place": f"{self.names[n]}.{c_name(d.name)}"} for n in self.parkers()
                          for d in self.codes[n].state if isinstance(d, MapDecl)],
            "timers": [self.timer_view(n.id) for n in self.graph.elements if self.codes[n.id].handler("on_timer")],
            "places": [f"{self.names[v.node]}.{'.'.join(map(c_name, v.name.split('.')))}" for v in self.values()],
        }

    def marks(self) -> int:
        """How many marks NICs may give; 0: the module is not for them, or there is nothing that they could tell."""
        return len(self.offload.marks) if self.offload is not None else 0

    def parkers(self) -> list[int]:
        """Elements that park packets, in node order."""
        return sorted({e.node for e in self.plans.emits if e.output < 0})

    def timer_view(self, node: int) -> dict[str, Any]:
        elem = self.graph.nodes[node].elem
        func = self.codes[node].handler("on_timer")
        assert elem is not None and func is not None
        return {"node": self.names[node], "ns": max(1, round(elem.__mcc_elem__.every * 1e9)),
                "alone": elem.__mcc_elem__.cores == 1,
                "call": f"{self.scene.handler(node, func)}(box)",
                "releases": walks.release_calls(self.scene, node, func)}

    def node_view(self, index: int, node: int) -> dict[str, Any]:
        code, name = self.codes[node], self.names[node]
        names = Names(name, index, self.structs.get(code.scratch, "") if code.scratch else "",
                      self.structs.get(code.conn, "") if code.conn else "", blob=self.blob)
        state = print_state(code)
        init = print_state_init(code, name).splitlines()
        free = []
        for d in code.state:
            place = f"&box->{name}.{c_name(d.name)}"
            if isinstance(d, PortsDecl):
                init.append(f"failed |= mcc_ports_init({place}, {d.lo}, {d.hi}, config->core, config->cores);")
                free.append(f"mcc_ports_free({place});")
            elif isinstance(d, HsDecl):
                init.append(open_database(d, name, self.graph.nodes[node].name))
                free.append(f"mcc_hs_free({place});")
            elif isinstance(d, MapDecl):
                park = node in self.parkers()
                init.append(f"failed |= mcc_map_init({place}, {d.cap}, {round(d.timeout * 1e9)}u, {d.park_limit}, "
                            f"{d.park_total if park else 0}, config->seed + {100 + index});")
                start = print_map_start(d, name, "config->start").splitlines()
                init += ["if (!failed) {", *("    " + s for s in start), "}"] if start else []
                free.append(f"mcc_map_free({place});")
        return {"name": name, "type": code.type_name, "state": _indented(state.splitlines()),
                "init": _indented(init), "free": _indented(free),
                "code": print_element(code, names, self.lines).rstrip()}

    def blob(self, name: str, data: bytes) -> str:
        self.blobs[name] = data
        return incbin(name, f"{name}.bin")

    def values(self) -> tuple[Value, ...]:
        out = []
        for n in self.graph.elements:
            for d in self.codes[n.id].state:
                if isinstance(d, CounterDecl):
                    out.append(Value(n.id, d.name, "counter", 64, False))
                elif isinstance(d, HsDecl):
                    out += [Value(n.id, f"{d.name}.{x}", "counter", 64, False) for x in ("open", "refused")]
                elif isinstance(d, (PerCoreDecl, LiveDecl)):
                    out.append(Value(n.id, d.name, "live" if isinstance(d, LiveDecl) else "percore", d.type.bits,
                                     d.type.signed))
        return tuple(out)

    def kind_leaves(self, k: KeyKind) -> list[Leaf]:
        return [leaf for leaf in self.plans.leaves if leaf.kind == k.id]

    def kind_view(self, k: KeyKind) -> dict[str, Any]:
        view: dict[str, Any] = {
            "id": k.id, "stage": k.stage, "words": k.words, "build": keys.build(k), "mirror": keys.mirror(k),
            "guard": keys.guard(k), "text": key_text(k), "layout": key_layout(k), "is_group": k.group >= 0,
            "reply": keys.reply_words(k), "with_walk": k.with_walk, "in_context": "", "streams": False, "wakes": False,
            "resizing": False, "mirrors": False, "replies": False,
        }
        if k.group >= 0:
            return view | self.group_view(k, view)
        leaves = self.kind_leaves(k)
        two = any(leaf.bidirectional for leaf in leaves)
        views = [self.leaf_view(leaf) for leaf in leaves]
        view |= {
            "leaves": views, "two_way": two,
            "has_conn": any(self.slots(leaf, "conn") for leaf in leaves), "tcp": any(leaf.tcp for leaf in leaves),
            "streams": any(self.scene.uses.get(leaf.id) for leaf in leaves),
            "wakes": any(v["dues"] for v in views), "resizing": any(v["resizing"] for v in views),
            "in_context": " || ".join(f"h->walk == {w['number']}" for v in views if v["tcp_context"]
                                      for w in v["walks"]),
            "mirrors": two and any(v["foreseen"] for v in views), "replies": any(v["replies"] for v in views),
            "two_way_leaf": " || ".join(f"leaf == {leaf.id}" for leaf in leaves if leaf.bidirectional) or "false",
        }
        view["declarations"] = self.env.get_template("flows.c.j2").render(k=view)
        view["life"] = self.env.get_template("flows_life.c.j2").render(k=view, settles=self.settles)
        return view

    def replies(self, leaf: Leaf) -> list[list[str] | None]:
        """(src, sport, dst, dport) of answers as each element of the leaf that has its own idea of them will say;
        None where only it knows."""
        if keys.reply_words(self.scene.kind(leaf)) is None:
            return []
        return [foreseen(self.codes[n], Names(self.names[n])) for n in leaf.elements if says_reply_key(self.codes[n])]

    def group_view(self, k: KeyKind, view: dict[str, Any]) -> dict[str, Any]:
        code = self.codes[k.group]
        joins = [{"leaf": leaf.id, "kind": leaf.kind, "project": keys.project(self.plans.kinds[leaf.kind], k)}
                 for leaf in self.plans.leaves if (k.group, k.id) in leaf.groups]
        begin, release = walks.group_functions(self.scene, k)
        out = view | {"name": self.names[k.group], "scratch": self.structs.get(code.scratch) if code.scratch else "",
                      "conn": self.structs.get(code.conn) if code.conn else "", "joins": joins,
                      "two_way": self.scene.bidirectional[k.group], "has_conn": code.conn is not None}
        out["declarations"] = self.env.get_template("groups.c.j2").render(k=out)
        out["life"] = self.env.get_template("groups_life.c.j2").render(k=out, begin=begin, release=release)
        return out

    def leaf_view(self, leaf: Leaf) -> dict[str, Any]:
        d, d_asserts = members(self.slots(leaf, "dir"), self.member_type)
        c, c_asserts = members(self.slots(leaf, "conn"), self.member_type)
        numbers = [{"number": 1 + 2 * leaf.id + d, "name": walk_name(leaf, d),
                    "batched": (leaf.id, d) in self.batched} for d in range(1 + leaf.bidirectional)]
        uses = self.scene.uses.get(leaf.id, [])
        replies = self.replies(leaf)
        dues = [x for u in uses for x in [context_tables.due(self.scene, leaf, u)] if x]
        return {"id": leaf.id, "text": self.leaf_text(leaf), "dir": d, "dues": dues,
                "resizing": [x for u in uses for x in [context_tables.resizing(self.scene, leaf, u)] if x],
                "finish": [x for u in uses for x in context_tables.finish(self.scene, leaf, u)],
                "tcp_context": any(u[0].protocol == "tcp" for u in uses), "dir_asserts": d_asserts, "conn": c,
                "conn_asserts": c_asserts, "two_way": leaf.bidirectional, "walks": numbers,
                "replies": [r for r in replies if r], "foreseen": leaf.bidirectional and None not in replies,
                "far": f"PORT_{self.graph.ports[leaf.far]}" if leaf.far >= 0 else "p->in_port",
                "ticks": f"mcc_ticks({leaf.timeout!r})" if leaf.timeout else "0",
                "groups": [self.names[n] for n, _ in leaf.groups]}

    def slots(self, leaf: Leaf, area: str) -> list[Any]:
        grouped = {n for n, _ in leaf.groups}
        found = [s for s in self.plans.layout.slots if s.area == area and s.node in leaf.elements
                 and ((s.what == "group") == (s.node in grouped) or s.what == "stream")]
        return sorted(found, key=lambda s: s.offset)

    def member_type(self, node: int, what: str) -> str:
        code = self.codes[node]
        if what == "context":
            return f"struct mcc_tcp {self.names[node]};"
        if what == "stream":
            return f"struct {self.names[node]}_stream {self.names[node]}_stream;"
        if what == "group":
            return f"uint32_t {self.names[node]}; /* id of its group */"
        t = code.scratch if what == "scratch" else code.conn
        assert t is not None
        return f"struct {self.structs[t]} {self.names[node]};"

    @property
    def settles(self) -> bool:
        """Open batches are handled before anything else: elements share state between sessions."""
        return bool(self.batched) and self.ring == 1

    def stage_text(self, s: Stage, kinds: list[dict[str, Any]]) -> str:
        mine = [kinds[i] for i in s.kinds if self.plans.kinds[i].group < 0]
        first = sorted((k for k in mine if self.plans.kinds[k["id"]].hash_first),
                       key=lambda k: -len(self.plans.kinds[k["id"]].parts))
        entries, classifiers = [], []
        for port, diagram in zip(s.entries, s.diagrams, strict=True):
            name = entry_name(s.id, self.graph.ports[port]) if port >= 0 else f"stage{s.id}_class"
            classifiers.append(print_classifier(diagram, name, int).rstrip())
            entries.append({"port": self.graph.ports[port] if port >= 0 else "", "name": name})
        plain = [self.plans.leaves[i] for i in s.leaves if self.plans.leaves[i].kind < 0]
        view = {"id": s.id, "name": s.name, "kinds": mine, "first": first, "later": [k for k in mine if k not in first],
                "entries": entries, "classifiers": classifiers, "plain": plain, "inner": s.entries == (-1,),
                "again": any(k["in_context"] for k in mine), "marks": self.marks() if s.id == 0 else 0,
                "classify": "marked(box, p)" if s.id == 0 and self.marks() else "classify(p)",
                "entered": " || ".join(f"p->in_port == PORT_{e['port']}" for e in entries)}
        return self.env.get_template("stage.c.j2").render(s=view, settles=self.settles).rstrip()


def _ends(plan: End | Step) -> list[End]:
    if isinstance(plan, End):
        return [plan]
    return [e for arc in plan.outs for e in _ends(arc.to)]


def _indented(lines: list[str]) -> str:
    return "\n".join("    " + line if line else "" for line in lines)


def key_text(k: KeyKind) -> str:
    return ", ".join(p.field for p in k.parts) or "nothing"


def key_layout(k: KeyKind) -> str:
    words = [" ".join(p.field for p in k.parts if p.word <= w < p.word + (p.width + 31) // 32) or "-"
             for w in range(k.words)]
    return " | ".join(words)


def print_module(graph: Graph, codes: Mapping[int, Code], plans: Plans, templates: str, *, steering: Steering,
                 version: str, source: str,
                 about: tuple[str, ...] = (), lines: Mode = "c", leaf_text: Callable[[Leaf], str],
                 batched: frozenset[tuple[int, int]] = frozenset(), ring: int = 1,
                 offload: Offload | None = None) -> Module:
    """The C of the chain. `templates`: folder of the jinja2 templates; `lines`: "c" or "python" (#line);
    `batched`: walks that are handled in batches; `ring`: batches open at once; `offload`: what NICs are to mark."""
    env = jinja2.Environment(loader=jinja2.FileSystemLoader(templates), undefined=jinja2.StrictUndefined,
                             trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True, autoescape=False)
    return _Printer(graph, codes, plans, steering, version, source, about, lines, leaf_text, env, batched, ring,
                    offload).run()


__all__ = ["CORE_REASONS", "Module", "Value", "print_module"]
