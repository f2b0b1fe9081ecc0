"""Contexts in the reference: packets become streams, go through the elements between the two ends, and become packets
again (docs/contexts.md). What UDP and IP need is here; TCP is in mcc.reference.tcp.

    enter -> element -> element -> leave -> the walk behind        each element keeps a Window a direction
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mcc.lang.automaton import Matcher
from mcc.lang.context import Options
from mcc.reference import checksum
from mcc.reference.asks import Asks
from mcc.reference.flows import Flow, FlowView, ticks
from mcc.reference.packet import PacketState
from mcc.reference.pieces import ANY_ROOM, Piece, Window, piece_of
from mcc.reference.stream import StreamView
from mcc.reference.tcp import Connection
from mcc.reference.values import CLOSE, DROP, FAULT, PASS, RESET, Fault
from mcc.reference.walk import Plan, Step

if TYPE_CHECKING:
    from mcc.reference.box import PythonBox

COUNTS = ("reordered", "late_dropped", "retransmitted", "overlaps", "conflicts", "out_of_window", "bad_acks", "gaps",
          "keepalives", "midstream", "reused", "bad_checksums", "secured", "swallowed", "split", "early_acks", "resent",
          "made", "resets", "forgotten", "hold_timeouts", "hold_overflows", "held_bytes_peak")


@dataclass
class Inside:
    """One element of a context, one direction."""

    node: int
    asks: Asks
    window: Window
    searches: dict[int, Matcher] = field(default_factory=dict)

    def start_afresh(self) -> None:
        self.searches.clear()


@dataclass
class Side:
    """One direction of a context: its elements in walk order, and the walk behind."""

    inner: list[Inside]
    behind: Plan

    def held(self) -> tuple[int, Piece] | None:
        """Since which tick the oldest bytes are held, and the first packet of them."""
        found = [(x.window.since, i, x.window.pieces[0]) for i, x in enumerate(self.inner) if x.window.pieces]
        oldest = min(found, key=lambda f: f[:2], default=None)
        return (oldest[0], oldest[2]) if oldest is not None else None

    @property
    def stalls(self) -> bool:
        return any(x.asks.stalls for x in self.inner)

    @property
    def resizes(self) -> bool:
        return any(x.asks.resizes for x in self.inner)


@dataclass(eq=False)
class Context:
    """One context of one flow."""

    node: int
    protocol: str
    options: Options
    flow: Flow
    sides: list[Side]
    tcp: Connection | None = None

    @property
    def stalls(self) -> bool:
        return any(s.stalls for s in self.sides)


class Contexts:
    """All contexts of a box. Functions take a context and a direction; they give the verdict that ends the session, or
    PASS."""

    def __init__(self, box: PythonBox) -> None:
        self.box = box
        self.counts = dict.fromkeys(COUNTS, 0)
        self.of_flow: dict[int, dict[int, Context]] = {}

    def of(self, flow: Flow) -> dict[int, Context]:
        """The contexts of a flow, by their "in" ends."""
        found = self.of_flow.get(flow.number)
        if found is None:
            found = self.of_flow[flow.number] = self._make(flow)
        return found

    def held(self) -> int:
        """Packets that contexts keep and that have not left."""
        contexts = [c for x in self.of_flow.values() for c in x.values()]
        windows = [x.window for c in contexts for s in c.sides for x in s.inner]
        waiting = sum(c.tcp.waiting_packets() for c in contexts if c.tcp is not None)
        return waiting + sum(not p.sent for w in windows for p in w.pieces)

    # ---------------------------------------------------------- making

    def _make(self, flow: Flow) -> dict[int, Context]:
        out: dict[int, Context] = {}
        for node in self.box.walker.contexts(flow.ways[0].plan):
            n = self.box.graph.nodes[node]
            assert n.options is not None
            c = Context(node, n.protocol, n.options, flow, [self._side(way.plan, node) for way in flow.ways])
            if n.protocol == "tcp" and any(s.inner for s in c.sides):
                c.tcp = Connection(self, c)
            out[node] = c
        return out

    def _side(self, plan: Plan, node: int) -> Side:
        ends = {node, self.box.graph.nodes[node].partner}
        at: Plan | None = _find(plan, ends)
        assert isinstance(at, Step)
        inner = []
        at = at.outs[0]
        while isinstance(at, Step) and at.node not in ends:
            if at.node in self.box.asks:
                inner.append(Inside(at.node, self.box.asks[at.node], Window(self._made)))
            at = at.outs[0]
        assert isinstance(at, Step)
        return Side(inner, at.outs[0])

    def _made(self) -> None:
        self.box.made += 1

    # ---------------------------------------------------------- packets

    def enter(self, c: Context, d: int, p: PacketState) -> int:
        """A packet of the protocol comes to the context."""
        if c.tcp is not None:
            return c.tcp.receive(d, p)
        bounds = datagram(p, c.protocol == "udp")
        if bounds is None:  # no datagram: it goes on as it is
            self.out(c, d, p)
            return PASS
        piece = piece_of(p, *bounds)
        piece.room = ANY_ROOM
        verdict = self.data(c, d, 0, piece, False)
        return verdict if verdict in (CLOSE, RESET) else PASS

    def data(self, c: Context, d: int, i: int, piece: Piece | None, is_last: bool) -> int:
        """A packet (None: no bytes) goes through element i of a direction, and what that releases through the next."""
        if i == len(c.sides[d].inner):
            if piece is not None:
                self._leave(c, d, piece)
            return PASS
        x = c.sides[d].inner[i]
        w = x.window
        if w.ended:  # nothing is read behind the end
            return self.data(c, d, i + 1, piece, is_last)
        if piece is not None:
            piece.join(piece.content)
        w.open(piece)
        fresh = w.end - (piece.size if piece is not None else 0)
        view = StreamView(w, is_last, d == 0, x.searches, x.asks.holding)
        verdict = self._decided(c, x, self._call(c, d, x, "process_data", view), fresh, piece)
        hold = None if verdict != PASS or is_last else view._hold
        elem = self.box.runners[x.node].elem
        released, overflow = w.close(hold, elem.max_hold, self.box.flows.tick())
        if w.pieces:
            self.counts["held_bytes_peak"] = max(self.counts["held_bytes_peak"], w.end - w.start)
        if c.tcp is not None:
            c.tcp.mapped |= bool(w.pieces or w.map.edits)
        else:
            w.map.edits.clear()
        if overflow:
            self.counts["hold_overflows"] += 1
            x.start_afresh()
            verdict = CLOSE if elem.on_overflow == "close" else verdict
        if verdict != PASS:
            return self._stop(c, d, x, released, verdict)
        if is_last:
            w.ended = True
            self._call(c, d, x, "release_stream")
        return self._onward(c, d, i, released, is_last)

    def _decided(self, c: Context, x: Inside, verdict: int, fresh: int, piece: Piece | None) -> int:
        """DROP and faults take the call's bytes (the datagram) out, where that can be; else a fault resets."""
        if verdict not in (DROP, FAULT):
            return verdict
        if not x.asks.resizes:
            return RESET
        w = x.window
        if piece is not None and c.tcp is None:
            piece.taken = True
        try:
            w.edit(max(fresh, w.low), w.end, b"")
        except Fault:
            pass
        return PASS

    def _onward(self, c: Context, d: int, i: int, released: list[Piece], is_last: bool) -> int:
        """What element i has released goes through the next one; the last call with the last of it."""
        if not released and is_last:
            return self.data(c, d, i + 1, None, True)
        for k, one in enumerate(released):
            last = is_last and k == len(released) - 1
            if one.taken and not one.content:
                self.box._drop(f"drop:{self.box.runners[c.sides[d].inner[i].node].name}", one.packet)
                if not last:
                    continue
            verdict = self.data(c, d, i + 1, None if one.taken and not one.content else one, last)
            if verdict in (CLOSE, RESET):
                self._give_up(released[k + 1:], c.sides[d].inner[i].node, verdict)
                return verdict
        return PASS

    def _call(self, c: Context, d: int, x: Inside, role: str, view: StreamView | None = None) -> int:
        r = self.box.runners[x.node]
        if not r.has(role):
            return PASS
        found = c.flow.ways[d].state.get(x.node)
        session, inside = found if found is not None else (self.box.flows.fresh(x.node), 0)
        verdict = r.call(role, scratch=session.scratch[inside], peer=session.scratch[1 - inside], conn=session.conn,
                         stream=view, flow=FlowView(c.flow, d, False))
        self.box._report(x.node)
        return verdict

    def _stop(self, c: Context, d: int, x: Inside, released: list[Piece], verdict: int) -> int:
        """An element ends the session; nothing more is released."""
        if c.tcp is not None:
            c.tcp.close(d, released[0].packet if released else None, verdict == RESET)
        else:
            for k in range(len(c.sides)):
                self.abandon(c, k)
        self._give_up(released, x.node, verdict)
        return verdict

    def _give_up(self, pieces: list[Piece], node: int, verdict: int) -> None:
        word = "reset" if verdict == RESET else "close"
        for p in pieces:
            if not p.sent:
                self.box._drop(f"{word}:{self.box.runners[node].name}", p.packet)

    def abandon(self, c: Context, d: int) -> None:
        """What is held is dropped, streams that have not ended are released."""
        for x in c.sides[d].inner:
            self._give_up(x.window.release(), x.node, CLOSE)
            x.window.map.edits.clear()
            if not x.window.ended:
                self._call(c, d, x, "release_stream")
            x.window.ended = True

    def let_go(self, c: Context, d: int) -> int:
        """Held bytes have waited too long: they go on unchanged, element by element."""
        self.counts["hold_timeouts"] += 1
        for i, x in enumerate(c.sides[d].inner):
            if x.asks.reader:
                continue
            released = x.window.release()
            x.start_afresh()
            verdict = self._onward(c, d, i, released, False)
            if verdict != PASS:
                return verdict
        return PASS

    def _leave(self, c: Context, d: int, piece: Piece) -> None:
        if c.tcp is not None:
            c.tcp.send(d, piece)
            return
        if piece.changed:
            fit(piece, piece.content)
            p = piece.packet
            none = p.has("udp") and bytes(p.data[p.found.l4 + 6:p.found.l4 + 8]) == b"\0\0"
            if none:
                checksum.fill_ip(p)
            else:
                checksum.fill(p)
        self.out(c, d, piece.packet)

    def out(self, c: Context, d: int, p: PacketState) -> None:
        """The walk behind the context."""
        self.box.behind(c.flow, d, c.sides[d].behind, p)

    # ---------------------------------------------------------- time and ends

    def next_due(self) -> int | None:
        """The tick of the next turn of some context."""
        due = [t for x in self.of_flow.values() for c in x.values() if (t := self._due(c)) is not None]
        return min(due, default=None)

    def _due(self, c: Context) -> int | None:
        if c.tcp is not None:
            return c.tcp.armed or None
        wait = ticks(c.options.hold_timeout)
        since = [h[0] for s in c.sides if (h := s.held()) is not None]
        return min(since) + wait if since and wait else None

    def run_due(self, tick: int) -> None:
        """The turns that are due, the flow created first first."""
        for number in sorted(self.of_flow):
            over = False
            for c in list(self.of_flow.get(number, {}).values()):
                due = self._due(c)
                if due is not None and due <= tick:
                    over |= c.tcp.due() if c.tcp is not None else self._datagrams_due(c, tick)
            if over:
                self.box.flows.end(self.box.flows.active[number], "closed")

    def _datagrams_due(self, c: Context, tick: int) -> bool:
        verdict = PASS
        for d, side in enumerate(c.sides):
            held = side.held()
            if held is not None and held[0] + ticks(c.options.hold_timeout) <= tick:
                verdict = self.let_go(c, d)
            if verdict != PASS:
                return True
        return False

    def finish(self, flow: Flow) -> None:
        """The session ends: last calls, what is held goes on."""
        for c in self.of(flow).values():
            if c.tcp is not None:
                c.tcp.end()
                continue
            for d, side in enumerate(c.sides):
                if side.inner and not side.inner[0].window.ended:
                    self.data(c, d, 0, None, True)
            for d in range(len(c.sides)):
                self.abandon(c, d)
        self.of_flow.pop(flow.number, None)


def _find(plan: Plan, ends: set[int]) -> Plan | None:
    if not isinstance(plan, Step):
        return None
    return plan if plan.node in ends else next((x for out in plan.outs if (x := _find(out, ends)) is not None), None)


def datagram(p: PacketState, udp: bool) -> tuple[int, int] | None:
    """Where the content of a datagram begins and ends in the frame; None: its UDP length is wrong (RFC 768)."""
    l3, l4, end = p.found.l3, p.found.l4, p.found.ip_end
    if not udp or l4 + 8 > end:
        return l4 + (8 if udp else 0), end
    total = _get16(p, l3 + 2) if p.has("ip") else 40 + _get16(p, l3 + 4)
    length = _get16(p, l4 + 4)
    if length and (length < 8 or l4 + length > l3 + total):
        return None
    return l4 + 8, min(end, l4 + length) if length else end


def fit(piece: Piece, content: bytes) -> None:
    """The frame ends behind this content: lengths in IP and UDP headers are put right, checksums are not touched."""
    p = piece.packet
    p.data[piece.head:] = content
    l3, l4, end = p.found.l3, p.found.l4, len(p.data)
    if p.has("ip"):
        _put16(p, l3 + 2, end - l3)
    elif p.has("ip6"):
        _put16(p, l3 + 4, end - l3 - 40)
    if p.has("udp") and end >= l4 + 6:
        _put16(p, l4 + 4, end - l4)
    p.wire_len = end if p.wire_len else 0
    p.found = dataclasses.replace(p.found, ip_end=end)


def _get16(p: PacketState, at: int) -> int:
    return int.from_bytes(p.data[at:at + 2], "big")


def _put16(p: PacketState, at: int, value: int) -> None:
    p.data[at:at + 2] = (value if 0 <= value < 65536 else 0).to_bytes(2, "big")

