"""What the classifier decides: walks, leaves, keys, stages, and where session state lies.

    plan  := (end port N) | (end drop REASON) | (end stage N) | (step NODE INP WAY arc*)
    arc   := (arc HOP plan)              HOP: number of the link taken, from 1; 0 where there is one link only
    leaf  := (leaf ID PORT arc mirror? KIND element* ...)
    kind  := (kind ID part* words)       part := (part FIELD WORD SHIFT WIDTH)
    stage := (stage ID NAME entry* kind* leaf*)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Union

from mcc.ir.classify import Fdd


@dataclass(frozen=True)
class End:
    """kind "port": leaves by port `index`; "drop": counted under `reason`; "stage": enters stage `index`."""

    kind: str
    index: int = -1
    reason: str = ""


@dataclass(frozen=True)
class Arc:
    """One taken link: its number among its output's links (0 where there is only one), and what follows."""

    hop: int
    to: "Plan"


@dataclass(frozen=True)
class Step:
    """The packet visits input `inp` of element `node`; output k leads along `outs[k]`."""

    node: int
    inp: int
    way: int
    outs: tuple[Arc, ...]


Plan = Union[End, Step]


def steps(plan: Plan) -> tuple[Step, ...]:
    """Every step a packet may take, in walk order (output 0 first)."""
    if isinstance(plan, End):
        return ()
    out = [plan]
    for arc in plan.outs:
        out += steps(arc.to)
    return tuple(out)


def hops(arc: Arc) -> tuple[int, ...]:
    """The next-hop list along outputs 0 (paper, table I)."""
    out = (arc.hop,) if arc.hop else ()
    return out if isinstance(arc.to, End) else out + (hops(arc.to.outs[0]) if arc.to.outs else ())


@dataclass(frozen=True)
class KeyPart:
    """One field of a key: `width` bits at bit `shift` of 32-bit word `word` (wider fields: words upward, low first)."""

    field: str
    word: int
    shift: int
    width: int


@dataclass(frozen=True)
class KeyKind:
    """A set of key fields; flows of one kind share a table and a pool.

    layers: bits of headers.LAYERS that a packet must have. `with_proto`, `with_port`: the key also holds the IP
    protocol, the input port; `with_tags`: tags and link; `with_walk`: the walk. `hash_first`: looked up before it is
    classified. `group`: the element whose groups it holds, -1: flows.
    """

    id: int
    stage: int
    parts: tuple[KeyPart, ...]
    words: int
    layers: frozenset[str]
    with_proto: bool
    with_port: bool
    hash_first: bool
    group: int = -1
    with_tags: bool = False
    with_walk: bool = False

    def part(self, field: str) -> KeyPart | None:
        return next((p for p in self.parts if p.field == field), None)


@dataclass(frozen=True)
class Leaf:
    """One unified rule: packets from `port` that the classifier sends here walk `arc`; `walk` is the number of the
    walk, the same for its mirror.

    kind -1: no session. elements: session elements in walk order. mirror: what answers walk (bidirectional only),
    arriving by `far`. timeout in seconds, 0: none. groups: (node, kind id) of elements with coarser keys.
    """

    id: int
    stage: int
    port: int
    arc: Arc
    kind: int
    elements: tuple[int, ...] = ()
    bidirectional: bool = False
    mirror: Arc | None = None
    far: int = -1
    timeout: float = 0
    groups: tuple[tuple[int, int], ...] = ()
    tcp: bool = False
    walk: int = 0


@dataclass(frozen=True)
class Stage:
    """Packets enter by `entries` (port indices; -1 for stages inside the chain); one diagram an entry, with leaf ids at
    its leaves. `builder`: batches that may be open at once, 0: the compiler decides."""

    id: int
    name: str
    entries: tuple[int, ...]
    diagrams: tuple[Fdd, ...]
    leaves: tuple[int, ...]
    kinds: tuple[int, ...]
    builder: int = 0


@dataclass(frozen=True)
class Slot:
    """State of `node`: `offset` in the FCB of a direction (area "dir") or of the connection (area "conn").
    what: "scratch", "conn", or "group" (a 4-byte flow id)."""

    node: int
    what: str
    area: str
    offset: int
    size: int
    align: int


@dataclass(frozen=True)
class Layout:
    """One offset an element; sizes of both areas in bytes (paper, figure 7)."""

    slots: tuple[Slot, ...]
    dir_size: int
    conn_size: int

    def slot(self, node: int, what: str) -> Slot | None:
        return next((s for s in self.slots if s.node == node and s.what == what), None)


@dataclass(frozen=True)
class Emit:
    """Packets that a handler of `node` makes while it walks `way` leave by `output` and enter `stage`; output -1:
    parked packets that go on at the element's input."""

    node: int
    output: int
    way: int
    stage: int


@dataclass(frozen=True)
class Plans:
    """The middle end's whole result."""

    stages: tuple[Stage, ...]
    kinds: tuple[KeyKind, ...]
    leaves: tuple[Leaf, ...]
    layout: Layout
    emits: tuple[Emit, ...] = ()


@dataclass(frozen=True)
class Spread:
    """What decides the core of a cell's packets: `fields` of their headers; none: core 0. symmetric: packets and their
    answers (src and dst exchanged) have one value."""

    fields: tuple[str, ...] = ()
    symmetric: bool = False


@dataclass(frozen=True)
class PortRange:
    """Answers to `address` (IPv4, host order) with a destination port lo..hi belong to the core whose part of the range
    the port is in: its `Ports` gave it out."""

    address: int
    lo: int
    hi: int


@dataclass(frozen=True)
class Cell:
    """Packets that come in by `port` with these layers; `net` and `transport` as mcc.ir.classify has them."""

    port: int
    net: str
    transport: str


@dataclass(frozen=True)
class Steering:
    """Which core a packet belongs to. `ranges` go before `cells` in those cells that `ranged` holds. by_fragment:
    fragments are joined before the chain, on the core of their addresses. by_quote: no state is of ICMP packets, so
    that errors may go to the core of the segment that they are about."""

    cells: tuple[tuple[Cell, Spread], ...]
    ranges: tuple[PortRange, ...] = ()
    ranged: frozenset[Cell] = frozenset()
    by_fragment: bool = False
    by_quote: bool = False
