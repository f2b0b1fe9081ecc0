"""What printers of walks share: sites, the module's names, calls of handlers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mcc.emit.handlers import signature
from mcc.emit.names import Names
from mcc.ir.element import Code
from mcc.ir.func import Func, StructType
from mcc.ir.graph import GraphNode
from mcc.ir.plan import KeyKind, Leaf, Plans, steps


@dataclass(frozen=True)
class Site:
    """`walk`: 1 + 2 * leaf + direction. `arm` -1: packets that did not go on by output 0; else: took output `arm`."""

    walk: int
    path: tuple[int, ...]
    node: int
    arm: int


@dataclass
class Scene:
    """What the printer of walks must know of the module. `names`: C names of nodes; `reasons`: numbers of
    drop reasons; `structs`: C names of session structs."""

    plans: Plans
    codes: Mapping[int, Code]
    names: Mapping[int, str]
    ports: Sequence[str]
    reasons: Mapping[str, int]
    bidirectional: Mapping[int, bool]
    structs: Mapping[StructType, str]
    nodes: Sequence[GraphNode] = ()
    sites: list[Site] = field(default_factory=list)
    uses: dict[int, list[Any]] = field(default_factory=dict)
    """Contexts (lists of contexts.Use, one a direction) of each leaf whose walks were printed."""

    def kind(self, leaf: Leaf) -> KeyKind:
        return self.plans.kinds[leaf.kind]

    def handler(self, node: int, func: Func) -> str:
        """The C name of a handler."""
        return Names(self.names[node]).handler(func.name)

    def grouped(self, leaf: Leaf, node: int) -> int:
        """The kind of the groups of `node` in this leaf, or -1."""
        return next((k for n, k in leaf.groups if n == node), -1)


def state_arg(scene: Scene, leaf: Leaf, node: int, role: str, direction: int) -> str:
    """The pointer to the session state of `node` that a handler's argument of `role` gets."""
    name, group = scene.names[node], scene.grouped(leaf, node)
    if group >= 0:
        g, d = f"{name}_group", f"{name}_id & 1"
        if role == "conn":
            return f"&{g}->conn.{name}"
        return f"&{g}->dir[{d if role == 'scratch' else f'1 - ({d})'}].fcb.{name}.{name}"
    if role == "conn":
        return f"&flow->conn.leaf{leaf.id}.{name}"
    d_own = direction if role == "scratch" else 1 - direction
    return f"&flow->dir[{d_own}].fcb.leaf{leaf.id}.{name}"


def call(scene: Scene, leaf: Leaf | None, node: int, func: Func, direction: int) -> str:
    """The call of a handler on packet `p`."""
    args = ["box"]
    for r in signature(func):
        if r in ("scratch", "conn", "peer"):
            assert leaf is not None
            args.append(state_arg(scene, leaf, node, r, direction))
        elif r == "packet":
            args.append("p")
        elif r == "batch":
            args += ["&p", "1"]
        elif r == "flow":
            args.append("view")
    return f"{scene.handler(node, func)}({', '.join(args)})"


def leave(scene: Scene, leaf: Leaf) -> str:
    """How packets of a leaf leave: those that may have been rewritten have their checksums mended."""
    rewritten = leaf.stage > 0 or any(scene.codes[s.node].writes or scene.codes[s.node].context
                                      for a in (leaf.arc, leaf.mirror) if a is not None for s in steps(a.to))
    if any(c.stream is not None for c in scene.codes.values()):  # whole datagrams that came in fragments
        return "mcc_frag_out" if rewritten else "mcc_frag_send"
    return "mcc_core_out" if rewritten else "mcc_core_send"


def walk_name(leaf: Leaf, direction: int) -> str:
    if direction < 0 or not leaf.bidirectional:
        return f"leaf{leaf.id}_walk"
    return f"leaf{leaf.id}_{'to_server' if direction == 0 else 'to_client'}"
