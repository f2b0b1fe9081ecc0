"""`module.open(backend="python")`: a whole chain in CPython, packet by packet, as docs/semantics.md says.

The classifier asks every class of every packet, the session table is a dictionary, timers are a search: the compiled
box must do the same, only faster.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from mcc.lang import packet as lang
from mcc.lang.graph import Graph
from mcc.lang.parameter import Parameter, find
from mcc.lang.sent import Sent
from mcc.protocols.dissect import ETHERNET, RAW, dissect
from mcc.protocols.tunnels import Outer, peel, restore
from mcc.reference import checksum, records
from mcc.reference.asks import Asks, Shape, asks
from mcc.reference.context import Contexts, Inside
from mcc.reference.flows import ENDS, TICK, Flow, Flows, FlowView, Session, Way, ticks
from mcc.reference.keys import Key, family, fields_of, key_of, layers_of
from mcc.reference.needs import needs
from mcc.reference.packet import PacketState
from mcc.reference.runner import Effects, Runner
from mcc.reference.stages import Stage, Start, make_stage
from mcc.reference.tcp import refuse_editors
from mcc.reference.values import AGAIN, CLOSE, DROP, FAULT, PARKED, PASS, RESET
from mcc.reference.walk import End, Plan, Step, Walker

SECOND = 10**9
CATCH_UP = 1024
"""Calls of on_timer at one jump of the clock, at most one more."""


@dataclass
class Turn:
    """The packet that is being handled: its flow and direction; where it entered the stage; `ending`: what a TCP
    context says of the connection, "rst", "fin", "closed" or ""."""

    packet: PacketState
    entry_bytes: int
    payload: int
    flow: Flow | None = None
    direction: int = 0
    is_new: bool = False
    start: Start = (0, 0, 0)
    ending: str = ""


@dataclass
class Counts:
    packets: int = 0
    bytes: int = 0


@dataclass
class PythonBox:
    """The box API over the reference. Times are seconds. `checksums`: "keep", "verify" or "fix"; `link`: how frames
    start (mcc.protocols.dissect). Raises KeyError for a port or an element that the chain does not have, ValueError
    for a TCP context whose elements do more than read."""

    graph: Graph
    start: float = 0.0
    max_sessions: int = 1 << 20
    checksums: str = "keep"
    link: int = ETHERNET
    shapes: Mapping[int, Shape] = field(default_factory=dict)
    """By node: what the compiler knows of stream elements beside their calls (mcc.reference.asks)."""
    effects: Effects = field(default_factory=Effects, init=False)
    drops: dict[str, int] = field(default_factory=dict, init=False)
    made: int = field(default=0, init=False)
    ended: dict[str, int] = field(default_factory=lambda: dict.fromkeys(ENDS, 0), init=False)

    def __post_init__(self) -> None:
        begin = round(self.start * SECOND)
        self.effects.now = begin
        elements = [n for n in self.graph.nodes if n.elem is not None]
        self.runners = {n.id: Runner(n.elem, n.name, self.effects) for n in elements if n.elem is not None}
        wanted = {(n.id, inp): needs(r.inst, inp, r._names) for n in elements
                  for r in [self.runners[n.id]] for inp in range(r.elem.ports[0])}
        self.asks: dict[int, Asks] = {n: asks(r.inst, r._names, self.shapes.get(n)) for n, r in self.runners.items()
                                      if r.has("process_data")}
        refuse_editors(self.graph, self.asks)
        self.contexts = Contexts(self)
        self.walker = Walker(self.graph, self.runners, wanted)
        self.flows = Flows(self.runners, lambda n: self.walker.session(n).bidirectional, self._drain, self._log,
                           self._log_group, self.max_sessions, begin, self.contexts.finish, begin)
        self._stages: dict[Start, Stage] = {}
        heads = {n.port: self.graph.start_of(n) for n in self.graph.entries}
        self._entry_of = {n.port: (heads[n.port].id, 0, n.way) for n in self.graph.entries}
        entries = tuple(self._entry_of[n.port] for n in self.graph.entries)
        session = next((h.session for h in heads.values() if h.session is not None), None)
        first = make_stage(self.walker, 0, entries, session)
        self._stages.update(dict.fromkeys(entries, first))
        self._timers = {n: begin + round(r.elem.every * SECOND) for n, r in self.runners.items() if r.has("on_timer")}
        self._out: list[Sent] = []
        self._records: list[dict[str, Any]] = []
        self._alerts: list[dict[str, Any]] = []
        self._rx = [Counts() for _ in self.graph.ports]
        self._tx = [Counts() for _ in self.graph.ports]
        self._visits = {n: Counts() for n in self.runners}
        self._turn: Turn | None = None

    # ---------------------------------------------------------- the box API

    def send(self, port: str, frame: Any, at: float | None = None) -> list[Sent]:
        """One frame (bytes, or what bytes() takes) arrives, now or at `at`; what left, due timers included."""
        return self.send_burst([(port, frame)], at)

    def send_burst(self, frames: Iterable[Any], at: float | None = None) -> list[Sent]:
        """Frames that arrive in this order: (port, frame), or (port, frame, at) each."""
        for item in frames:
            when = at if len(item) < 3 else item[2]
            self.receive(item[0], bytes(item[1]), self.effects.now if when is None else round(when * SECOND))
        return self.drain()

    def advance(self, to: float) -> list[Sent]:
        """Time passes up to `to`: every timer that is due runs."""
        when = round(to * SECOND)
        self._time(when)
        self.effects.now = self.flows.now = max(self.effects.now, when)
        return self.drain()

    def finish(self, *, run_out: bool = True) -> list[Sent]:
        """The end of the run. `run_out`: first let timers run until no session waits for one."""
        while run_out and (due := self.flows.next_due()) is not None:
            self._time(due)
        for r in self.runners.values():
            for m in r.maps():
                for packet in m.give_up():
                    self._drop("parked_long", packet)
        for f in sorted(self.flows.active.values(), key=lambda f: f.number):
            if f.alive:
                self.flows.end(f, "end")
        return self.drain()

    def close(self) -> None:
        """Nothing is held that must be given back."""

    def __enter__(self) -> PythonBox:
        return self

    def __exit__(self, kind: type[BaseException] | None, e: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def stats(self) -> dict[str, Any]:
        """The shape of --stats; times and memory are not measured here."""
        return records.stats(self)

    def sessions(self) -> list[dict[str, Any]]:
        """The sessions that have ended since the last call, in the shape of --sessions, without chain_class."""
        out, self._records = self._records, []
        return out

    def alerts(self) -> list[dict[str, Any]]:
        """What elements have reported since the last call, in the shape of --alerts."""
        out, self._alerts = self._alerts, []
        return out

    def value(self, node: str, name: str) -> int:
        """A Counter, PerCore or Live of an element."""
        return int(self._runner(node).state()[name])

    def set(self, node: str, name: str, value: int) -> None:
        """Change a Live parameter. Raises ParameterError where there is none of this name, or it cannot be this."""
        checked = find(self.parameters(), node, name).check(value)
        self._runner(node).cell(name).set(checked)

    def parameters(self) -> tuple[Parameter, ...]:
        """All Live parameters, in the order of the chain."""
        return tuple(p for r in self.runners.values() for p in r.parameters())

    def _runner(self, name: str) -> Runner:
        found = next((r for r in self.runners.values() if r.name == name), None)
        if found is None:
            raise KeyError(f"no element {name!r}")
        return found

    def drain(self) -> list[Sent]:
        """What has left since the last call."""
        out, self._out = self._out, []
        return out

    # ---------------------------------------------------------- packets

    def receive(self, port: str, frame: bytes, at_ns: int, wire: int = 0, link: int | None = None) -> None:
        """A frame of `wire` bytes on the wire (0: all are here) arrives."""
        if port not in self.graph.ports:
            raise KeyError(f"no port {port!r}: {', '.join(self.graph.ports)}")
        number = self.graph.ports.index(port)
        self._time(at_ns)
        self.effects.now = self.flows.now = max(self.effects.now, at_ns)
        self._rx[number].packets += 1
        self._rx[number].bytes += len(frame)
        kind = self.link if link is None else link
        p = self._arrived(frame, kind, number, wire, at_ns)
        if self.checksums == "verify" and not checksum.verify(p):
            self._drop("checksum", p)
        elif number not in self._entry_of:
            self._drop("unlinked", p)
        else:
            self._enter(self._entry_of[number], p)

    def _arrived(self, frame: bytes, kind: int, number: int, wire: int, at_ns: int) -> PacketState:
        """The frame, or where its port looks into tunnels the innermost IP packet."""
        peeled = peel(frame, kind) if self.graph.ports[number] in self.graph.inner else None
        if peeled is None:
            return PacketState(bytearray(frame), dissect(frame, kind, number, wire), at_ns, number, kind, wire)
        packet, outer = peeled
        wire -= len(frame) - len(packet) if wire else 0
        found = dissect(packet, RAW, number, wire, True)
        return PacketState(bytearray(packet), found, at_ns, number, RAW, wire, outer=outer)

    def _stage(self, start: Start) -> Stage:
        if start not in self._stages:
            node = self.graph.nodes[start[0]]
            self._stages[start] = make_stage(self.walker, len(self._stages), (start,), node.session)
        return self._stages[start]

    def _enter(self, start: Start, p: PacketState) -> None:
        """A packet enters a stage: it is looked at anew, its flow found or made, and it walks."""
        stage, before = self._stage(start), self._turn
        p.parse()
        self._turn = turn = Turn(p, len(p.data), records.payload(p), start=start)
        found = self._first(stage, p)
        if found is not None:
            turn.flow, turn.direction = found
            self._session_packet(turn)
        else:
            node, out, way = start
            plan = self.walker.plan(node, out, way, p) if out >= 0 else self.walker.arrival(node, -1 - out, way, p)
            self._classified(stage, plan, turn)
        self._turn = before

    def _first(self, stage: Stage, p: PacketState) -> tuple[Flow, int] | None:
        """The packet's flow, if flows of its key are looked up before packets are classified."""
        fields = next((k for k in stage.first if all(p.has(layer) for layer in layers_of(k))), None)
        return self.flows.find(stage, key_of(p, fields, stage.ports, _tags(stage, p))) if fields is not None else None

    def _classified(self, stage: Stage, plan: Plan, turn: Turn) -> None:
        p, fam = turn.packet, family(turn.packet)
        elements = self.walker.sessions(plan)
        sessions = [self.walker.session(n) for n in [*elements, *self.walker.contexts(plan)]]
        if stage.session is not None and isinstance(plan, Step):
            sessions.append(stage.session)
        fields = fields_of(sessions, fam)
        if not sessions or not all(p.has(layer) for layer in layers_of(fields)):
            self._walk(plan, turn)
            return
        two = any(s.bidirectional for s in sessions)
        back = self.walker.mirror(plan, p.in_port) if two and stage.number == 0 else None
        walk = _tags(stage, p) if fields in stage.first else frozenset({plan, back if back is not None else plan})
        key = key_of(p, fields, stage.ports, walk)
        found = self.flows.find(stage, key)
        if found is not None:
            turn.flow, turn.direction = found
            self._session_packet(turn)
            return
        waits = [s.timeout for s in sessions if s.timeout]
        ways = [Way(key, plan), Way(key, plan)][:1 + two]
        far = p.in_port
        if back is not None:
            far, ways[1].plan = self.graph.far[p.in_port], back
        flow = Flow(0, stage, elements, ways, two, two and any(f.startswith("l4.") for f in fields),
                    ticks(min(waits)) if waits else 0, p.at, self.effects.now, self.flows.tick())
        turn.flow, turn.is_new = flow, True
        own = {n: fields_of([self.walker.session(n)], fam) for n in elements}

        def answer(f: Flow) -> Key:
            return key.mirrored(far) if f.reply is None else key.replied(f.reply, far)

        verdict, node = self.flows.create(flow, own, p, answer)
        if verdict != PASS:
            self._refused(verdict, node, p)
            return
        self._session_packet(turn)

    def _refused(self, verdict: int, node: int, p: PacketState) -> None:
        word = {CLOSE: "close", RESET: "reset", FAULT: "fault"}.get(verdict, "drop")
        self._drop(f"{word}:{self.runners[node].name}", p)

    def _session_packet(self, turn: Turn) -> None:
        """One packet of a flow that is there."""
        flow, d, p = turn.flow, turn.direction, turn.packet
        assert flow is not None
        flow.last_tick = self.flows.tick()
        if d == 1 and not flow.answered:
            fam = family(p)
            own = {n: fields_of([self.walker.session(n)], fam) for n in flow.elements}
            verdict, node = self.flows.answered(flow, p, own)
            if verdict != PASS:
                self._refused(verdict, node, p)
                return
        way = flow.ways[d]
        way.packets += 1
        way.bytes += turn.entry_bytes
        way.payload += turn.payload
        flow.last = self.effects.now
        streams = any(c.tcp is not None for c in self.contexts.of(flow).values())
        closes = flow.tcp and not streams and p.has("tcp")
        after = self.flows.tcp_before(flow, d, p, turn.payload) if closes else ""
        verdict = self._walk(way.plan, turn)
        if not flow.alive:
            return
        if verdict == AGAIN:  # the same addresses, another connection
            self.flows.end(flow, "replaced")
            self._enter(turn.start, p)
            return
        after = turn.ending or after
        if verdict in (CLOSE, RESET):
            self.flows.end(flow, "closed")
        else:
            self.flows.tcp_after(flow, after)

    # ---------------------------------------------------------- the walk

    def _walk(self, plan: Plan, turn: Turn) -> int:
        """Follow a plan to its end. Returns the verdict that ended it."""
        while isinstance(plan, Step):
            n = self.graph.nodes[plan.node]
            if n.kind == "context":
                c = self.contexts.of(turn.flow).get(self.graph.context_of(n.id)) if turn.flow is not None else None
                if c is not None and c.sides[turn.direction].inner and n.opens(plan.way):
                    self._seen(c.sides[turn.direction].inner, turn)
                    return self.contexts.enter(c, turn.direction, turn.packet)
                plan = plan.outs[0]
                continue
            verdict = self._visit(plan, turn)
            if verdict < 0:
                return verdict
            plan = plan.outs[verdict]
        return self._end(plan, turn)

    def _seen(self, inner: list[Inside], turn: Turn) -> None:
        """A packet has come to a context: it counts for the elements inside."""
        for x in inner:
            self._visits[x.node].packets += 1
            self._visits[x.node].bytes += turn.entry_bytes
            state = turn.flow.ways[turn.direction].state.get(x.node) if turn.flow is not None else None
            if state is not None:
                state[0].seen(state[1], self.effects.now, turn.entry_bytes, turn.payload)

    def behind(self, flow: Flow, direction: int, plan: Plan, p: PacketState) -> None:
        """A packet has left a context and walks on."""
        before = self._turn
        self._turn = turn = Turn(p, len(p.data), records.payload(p), flow, direction)
        self._walk(plan, turn)
        self._turn = before

    def _end(self, end: End, turn: Turn) -> int:
        p = turn.packet
        if end.kind == "port":
            self._leave(end.index, p)
        elif end.kind == "stage":
            self._enter((end.index, 0, end.way), p)
        else:
            self._drop(end.reason, p)
            return DROP
        return PASS

    def _visit(self, step: Step, turn: Turn) -> int:
        """One element handles the packet; a verdict below 0 has been dealt with."""
        r, p = self.runners[step.node], turn.packet
        role = next((x for x in ("process_packet", "process_batch") if r.has(x, step.inp)), "")
        if role or (step.inp == 0 and r.elem.session is not None):
            self._visits[step.node].packets += 1
            self._visits[step.node].bytes += turn.entry_bytes
        if not role:
            return PASS
        r.way = step.way
        verdict = self._handle(step, role, turn)
        self._drain(step.node, step)
        if verdict >= 0:
            return verdict
        if verdict in (CLOSE, RESET) and turn.flow is None:
            verdict = DROP
        if verdict != PARKED:
            word = {CLOSE: "close", RESET: "reset", FAULT: "fault"}.get(verdict, "drop")
            self._drop(f"{word}:{r.name}", p)
        return verdict

    def _handle(self, step: Step, role: str, turn: Turn) -> int:
        p, flow = turn.packet, turn.flow
        packet = p if role == "process_packet" else None
        batch = [p] if role == "process_batch" else None
        state = flow.ways[turn.direction].state.get(step.node) if flow is not None else None
        view = FlowView(flow, turn.direction, turn.is_new)
        if state is None:
            return self.runners[step.node].call(role, step.inp, packet=packet, batch=batch, flow=view)
        session, d = state
        session.seen(d, self.effects.now, turn.entry_bytes, turn.payload)
        return self.flows.call(step.node, role, session, d, view, port=step.inp, packet=packet, batch=batch)

    def _drain(self, node: int, step: Step | None = None) -> None:
        """What a handler emitted, reported, let go or gave up, in that order."""
        way = step.way if step is not None else 0
        self._report(node)
        emitted, self.effects.emitted[:] = list(self.effects.emitted), []
        for what, port in emitted:
            self.made += 1
            self._enter((node, port, way), self._made(what))
        lost, self.effects.lost[:] = list(self.effects.lost), []
        for p in lost:
            self._drop(f"drop:{self.runners[node].name}", p)
        for m in self.runners[node].maps():
            released, m.released = m.released, []
            for packet, (inp, parked_way) in released:
                packet.at = self.effects.now
                self._enter((node, -1 - inp, parked_way), packet)

    def _made(self, what: lang.ArpRequest | PacketState) -> PacketState:
        if isinstance(what, PacketState):
            return what
        frame = b"\xff" * 6 + what.sha.to_bytes(6, "big") + bytes.fromhex("080600010800060400 01".replace(" ", ""))
        frame += what.sha.to_bytes(6, "big") + what.spa.to_bytes(4, "big") + bytes(6) + what.tpa.to_bytes(4, "big")
        frame = frame.ljust(60, b"\0")
        return PacketState(bytearray(frame), dissect(frame, self.link), self.effects.now, 0, self.link)

    def _leave(self, port: int, p: PacketState) -> None:
        checksum.mend(p)
        sealed = p.outer is not None and p.outer.found.sealed
        if self.checksums == "fix" and not sealed:
            checksum.fill(p)
        if p.outer is not None:
            if sealed and bytes(p.data) != p.outer.came:
                self._drop("sealed", p)
                return
            p = self._restored(p, p.outer)
        self._tx[port].packets += 1
        self._tx[port].bytes += len(p.data)
        self._out.append(Sent(self.graph.ports[port], bytes(p.data), p.at / SECOND))

    def _restored(self, p: PacketState, outer: Outer) -> PacketState:
        """A packet with all its headers again."""
        frame = restore(bytes(p.data), outer)
        out = PacketState(bytearray(frame), dissect(frame, outer.link, p.in_port), p.at, p.in_port, outer.link)
        if self.checksums == "fix":
            checksum.fill(out)
        return out

    def _drop(self, reason: str, p: PacketState) -> None:
        del p
        self.drops[reason] = self.drops.get(reason, 0) + 1

    # ---------------------------------------------------------- time

    def _time(self, to: int) -> None:
        """Run what is due up to and including `to`, in order of time: ends of flows, parked packets, on_timer."""
        for node, when in self._timers.items():
            every = round(self.runners[node].elem.every * SECOND)
            if to > when and (to - when) // every > CATCH_UP:
                self._timers[node] += ((to - when) // every - CATCH_UP) * every
        while True:
            parked = [t for r in self.runners.values() for m in r.maps() if (t := m.next_expiry()) is not None]
            flows, wake = self.flows.next_due(), self.contexts.next_due()
            due = min([*parked, *self._timers.values(), *([flows] if flows is not None else []),
                       *([self.flows.start + wake * TICK] if wake is not None else [])], default=None)
            if due is None or due > to:
                return
            self.effects.now = self.flows.now = max(self.effects.now, due)
            self.contexts.run_due(self.flows.tick())
            self.flows.expire()
            for r in self.runners.values():
                for m in r.maps():
                    for packet in m.expired():
                        self._drop("parked_long", packet)
            for node, when in self._timers.items():
                if when <= self.effects.now:
                    self._timers[node] += round(self.runners[node].elem.every * SECOND)
                    self.runners[node].call("on_timer")
                    self._drain(node)

    # ---------------------------------------------------------- records

    def _report(self, node: int) -> None:
        found, self.effects.alerts[:] = list(self.effects.alerts), []
        for number, text, view in found:
            name = self.runners[node].name
            self._alerts.append(records.alert(self.effects.now, name, number, text, view, self._turn))

    def _log(self, flow: Flow, reason: str) -> None:
        self.ended[reason] += 1
        self._records.append(records.session(flow, reason, {n: r.name for n, r in self.runners.items()}))

    def _log_group(self, node: int, group: Session) -> None:
        two = self.walker.session(node).bidirectional
        self._records.append(records.group(group, self.runners[node].name, two))


def _tags(stage: Stage, p: PacketState) -> Any:
    """What hash-first keys hold beside their fields."""
    return (p.found.vlans, p.link) if stage.tags else None
