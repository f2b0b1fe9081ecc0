"""Flows in the reference: the table, groups, and everything between a session's first and last packet (semantics 4).

All flows of all stages are in one dictionary by (stage, key); nothing here is fast, everything is one step at a time.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from mcc.reference.keys import Key
from mcc.reference.packet import PacketState
from mcc.reference.runner import Runner
from mcc.reference.stages import Stage
from mcc.reference.structs import StructState
from mcc.reference.values import PASS
from mcc.reference.walk import Plan

TICK = 1 << 24
"""ns of one tick."""
ENDS = ("fin", "rst", "timeout", "closed", "evicted", "replaced", "end")
LINGER = 2.0
"""Seconds that a connection stays after both FINs were acknowledged."""
FIN, SYN, RST, ACK = 1, 2, 4, 16


def ticks(seconds: float) -> int:
    """Seconds in ticks, rounded up."""
    return math.ceil(seconds * 1e9 / TICK)


@dataclass
class Session:
    """What one element keeps for one of its sessions: of a flow, or of a group (`refs` flows share it)."""

    scratch: list[StructState | None]
    conn: StructState | None
    key: tuple[Any, ...] = ()
    back: tuple[Any, ...] = ()
    refs: int = 0
    first: int = 0
    last: int = 0
    counts: list[list[int]] = field(default_factory=lambda: [[0, 0, 0], [0, 0, 0]])

    def seen(self, d: int, now: int, size: int, payload: int) -> None:
        """A packet has reached the element: packets, bytes, payload bytes of the direction."""
        self.last = now
        for i, n in enumerate((1, size, payload)):
            self.counts[d][i] += n


@dataclass
class Way:
    """One direction: its key, what its packets walk, the state of each element (session, direction inside it)."""

    key: Key
    plan: Plan
    state: dict[int, tuple[Session, int]] = field(default_factory=dict)
    packets: int = 0
    bytes: int = 0
    payload: int = 0
    fin: int | None = None
    acked: bool = False


@dataclass(eq=False)
class Flow:
    """One session. `elements`: in walk order. `timeout` in ticks, 0: none; it counts from `last_tick`."""

    number: int
    stage: Stage
    elements: list[int]
    ways: list[Way]
    bidirectional: bool
    tcp: bool
    timeout: int
    first: int
    last: int
    last_tick: int
    answered: bool = False
    reason: str = "timeout"
    alive: bool = False
    reply: dict[str, int] | None = None

    def deadline(self) -> int | None:
        """The tick at which it ends if nothing comes."""
        return self.last_tick + self.timeout if self.timeout else None


class FlowView:
    """What handlers see of a flow."""

    def __init__(self, flow: Flow | None, direction: int, is_new: bool) -> None:
        self.flow, self.direction, self.is_new = flow, direction, is_new
        self.to_server, self.to_client = direction == 0, direction == 1

    def reply_key(self, **said: Any) -> None:
        if self.flow is not None:
            self.flow.reply = (self.flow.reply or {}) | {k: int(v) for k, v in said.items()}

    def set_timeout(self, seconds: Any) -> None:
        if self.flow is not None:
            self.flow.timeout = ticks(int(seconds))


@dataclass
class Flows:
    """The table. `drain(node)`: lets go what an element's handler emitted, outside any packet; `ended`: called with
    each flow (and its reason) as it ends; `dissolved`: with each group (and its element) as it ends; `finish`: before
    a flow's state goes."""

    runners: dict[int, Runner]
    bidirectional: Callable[[int], bool]
    drain: Callable[[int], None]
    ended: Callable[[Flow, str], None]
    dissolved: Callable[[int, Session], None]
    max_sessions: int
    start: int
    finish: Callable[[Flow], None] = lambda flow: None
    now: int = 0
    table: dict[tuple[int, Key], tuple[Flow, int]] = field(default_factory=dict)
    groups: dict[tuple[Any, ...], tuple[Session, int]] = field(default_factory=dict)
    active: dict[int, Flow] = field(default_factory=dict)
    created: int = 0
    peak: int = 0

    def tick(self) -> int:
        return max(0, self.now - self.start) // TICK

    # ---------------------------------------------------------- state of elements

    def fresh(self, node: int) -> Session:
        """A session of an element that has just begun."""
        r = self.runners[node]
        return Session([r.scratch(), r.scratch()], r.conn())

    def call(self, node: int, role: str, session: Session, d: int, view: FlowView, *, port: int = 0,
             packet: PacketState | None = None, batch: list[PacketState] | None = None) -> int:
        """A handler of `node` on direction `d` of one of its sessions."""
        return self.runners[node].call(role, port, scratch=session.scratch[d], peer=session.scratch[1 - d],
                                       conn=session.conn, packet=packet, batch=batch, flow=view)

    def _begin(self, flow: Flow, node: int, d: int, p: PacketState, fields: frozenset[str]) -> int:
        """Give direction `d` its session of an element: a group where it has them, else one of the flow's own."""
        view = FlowView(flow, 0, True)
        grouped = (node, _family(flow.ways[d].key)) in flow.stage.grouped
        if not grouped:
            session = self.fresh(node)
            for k, way in enumerate(flow.ways):
                way.state[node] = (session, k)
            return self._new(node, session, view, p)
        key = flow.ways[d].key.narrowed(fields)
        place = (flow.stage.number, node, key)
        if place in self.groups:
            session, inside = self.groups[place]
            session.refs += 1
            flow.ways[d].state[node] = (session, inside)
            return PASS
        session = self.fresh(node)
        session.refs, session.key, session.first, session.last = 1, place, p.at, p.at
        self.groups[place] = (session, 0)
        back = (flow.stage.number, node, key.mirrored(-1))
        if self.bidirectional(node) and back not in self.groups:
            session.back = back
            self.groups[back] = (session, 1)
        verdict = self._new(node, session, FlowView(None, 0, True), p)
        if verdict == PASS:
            flow.ways[d].state[node] = (session, 0)
        else:
            self._forget(session)
        return verdict

    def _new(self, node: int, session: Session, view: FlowView, p: PacketState) -> int:
        if not self.runners[node].has("new_session"):
            return PASS
        verdict = self.call(node, "new_session", session, 0, view, packet=p)
        self.drain(node)
        return verdict

    def _forget(self, session: Session) -> None:
        for place in (session.key, session.back):
            if place and self.groups.get(place, (None, 0))[0] is session:
                del self.groups[place]

    def _leave(self, flow: Flow, node: int) -> None:
        """release of an element's session in a flow, or one reference less on its groups."""
        sessions = [way.state.pop(node)[0] for way in flow.ways if node in way.state]
        if not any(s.key for s in sessions):
            if sessions:
                self._release(node, sessions[0], FlowView(flow, 0, False), flow.bidirectional)
            return
        for s in sessions:
            s.refs -= 1
            if s.refs == 0:
                self._release(node, s, FlowView(None, 0, False), True)
                self.dissolved(node, s)
                self._forget(s)

    def _release(self, node: int, session: Session, view: FlowView, two: bool) -> None:
        r = self.runners[node]
        if not r.has("release"):
            return
        roles = r.handlers["release", 0].roles
        twice = two and self.bidirectional(node) and bool({"scratch", "peer"} & set(roles))
        for d in range(1 + twice):
            self.call(node, "release", session, d, view)
            self.drain(node)

    # ---------------------------------------------------------- life

    def find(self, stage: Stage, key: Key) -> tuple[Flow, int] | None:
        return self.table.get((stage.number, key))

    def create(self, flow: Flow, fields: dict[int, frozenset[str]], p: PacketState,
               answer: Callable[[Flow], Key]) -> tuple[int, int]:
        """Begin a flow with its first packet: (PASS, -1), or the verdict that refused it and the node that did."""
        if len(self.active) >= self.max_sessions:
            self._evict()
        for i, node in enumerate(flow.elements):
            verdict = self._begin(flow, node, 0, p, fields[node])
            if verdict != PASS:
                for way in flow.ways:
                    if node in way.state:
                        del way.state[node]
                for earlier in flow.elements[:i]:
                    self._leave(flow, earlier)
                return verdict, node
        self.created += 1
        flow.number, flow.alive = self.created, True
        self.active[flow.number] = flow
        self.peak = max(self.peak, len(self.active))
        self.table[flow.stage.number, flow.ways[0].key] = (flow, 0)
        if flow.bidirectional:
            flow.ways[1].key = answer(flow)
            place = (flow.stage.number, flow.ways[1].key)
            older = self.table.get(place)
            if older is not None and older[0] is not flow:
                self.end(older[0], "replaced")
            if older is None or older[0] is not flow:
                self.table[place] = (flow, 1)
        return PASS, -1

    def answered(self, flow: Flow, p: PacketState, fields: dict[int, frozenset[str]]) -> tuple[int, int]:
        """The first packet from the server: its direction joins its groups."""
        for node in flow.elements:
            if node not in flow.ways[1].state:
                verdict = self._begin(flow, node, 1, p, fields[node])
                if verdict != PASS:
                    return verdict, node
        flow.answered = True
        return PASS, -1

    def end(self, flow: Flow, reason: str) -> None:
        """The flow is over: release in walk order, its record, its keys."""
        flow.alive = False
        self.finish(flow)
        kept = [dict(way.state) for way in flow.ways]
        for node in flow.elements:
            self._leave(flow, node)
        for way, state in zip(flow.ways, kept, strict=True):
            way.state = state
        self.ended(flow, reason)
        for d, way in enumerate(flow.ways):
            place = (flow.stage.number, way.key)
            if self.table.get(place) == (flow, d):
                del self.table[place]
        self.active.pop(flow.number, None)

    def _evict(self) -> None:
        there = [f for f in self.active.values() if f.alive]
        young = [f for f in there if not f.answered]
        self.end(min(young, key=lambda f: f.number) if young else min(there, key=lambda f: (f.last_tick, f.number)),
                 "evicted")

    # ---------------------------------------------------------- time and TCP

    def next_due(self) -> int | None:
        """When the next flow ends if nothing comes, in ns."""
        due = [d for f in self.active.values() if (d := f.deadline()) is not None]
        return self.start + min(due) * TICK if due else None

    def expire(self) -> None:
        """End what is due now, the flow created first first."""
        tick = self.tick()
        for f in sorted(self.active.values(), key=lambda f: f.number):
            due = f.deadline()
            if f.alive and due is not None and due <= tick:
                self.end(f, f.reason)

    def tcp_before(self, flow: Flow, d: int, p: PacketState, payload: int) -> str:
        """What a packet's TCP flags, as it came, mean for the flow once it has been handled: "rst", "fin" or ""."""
        at = p.found.l4
        flags = p.data[at + 13]
        if flags & RST:
            return "rst"
        seq, ack = (int.from_bytes(p.data[at + k:at + k + 4], "big") for k in (4, 8))
        if flags & FIN:
            flow.ways[d].fin = (seq + payload + 1 + (1 if flags & SYN else 0)) & 0xFFFFFFFF
        other = flow.ways[1 - d]
        if flags & ACK and other.fin is not None and (ack - other.fin) & 0xFFFFFFFF < 1 << 31:
            other.acked = True
        return "fin" if all(w.acked for w in flow.ways) and flow.reason != "fin" else ""

    def tcp_after(self, flow: Flow, what: str) -> None:
        if what == "rst":
            self.end(flow, "rst")
        elif what in ("fin", "closed"):
            flow.reason = what
            flow.timeout = min(flow.timeout or ticks(LINGER), ticks(LINGER))


def _family(key: Key) -> str:
    names = {f.partition(".")[0] for f, _ in key.values}
    return "ip" if "ip" in names else "ip6" if "ip6" in names else ""
