"""What the reference reports, in the shapes of --stats, --sessions and --alerts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mcc.reference.flows import Flow, FlowView, Session, Way
from mcc.reference.packet import PacketState

if TYPE_CHECKING:
    from mcc.reference.box import PythonBox, Turn

SECOND = 10**9
DIRECTIONS = ("to_server", "to_client")


def payload(p: PacketState) -> int:
    """Payload bytes of TCP and UDP, what is behind the IP header else."""
    at = p.found.l4
    if p.has("tcp"):
        at += p.data[p.found.l4 + 12] >> 4 << 2
    elif p.has("udp"):
        at += 8
    elif not p.has("net"):
        return 0
    return max(0, p.found.ip_end - at)


def session(flow: Flow, reason: str, names: dict[int, str]) -> dict[str, Any]:
    """One line of --sessions. State of elements that have groups is in the records of the groups."""
    out: dict[str, Any] = {"key": flow.ways[0].key.shown(), "first": flow.first / SECOND, "last": flow.last / SECOND,
                           "end": reason}
    if flow.bidirectional:
        out |= {DIRECTIONS[d]: _way(flow, d, w, names) for d, w in enumerate(flow.ways)}
    else:
        out |= _way(flow, 0, flow.ways[0], names)
    if not flow.bidirectional:
        return out
    conn = {names[n]: s.conn.values() for n, (s, _) in flow.ways[0].state.items() if s.conn is not None and not s.key}
    return {**out, "conn": conn}


def _way(flow: Flow, d: int, way: Way, names: dict[int, str]) -> dict[str, Any]:
    scratch = {names[n]: kept.values() for n, (s, inside) in way.state.items()
               if (kept := s.scratch[inside]) is not None and not s.key}
    return {"packets": way.packets, "bytes": way.bytes, "payload_bytes": way.payload, "scratch": scratch}


def group(g: Session, name: str, two: bool) -> dict[str, Any]:
    """The record of a group at its end: its own fields, its element's state. `two`: the session is bidirectional."""
    out: dict[str, Any] = {"key": g.key[2].shown(), "first": g.first / SECOND, "last": g.last / SECOND,
                           "end": "timeout", "element": name}
    sides = []
    for (packets, size, payload_bytes), s in zip(g.counts, g.scratch, strict=True):
        sides.append({"packets": packets, "bytes": size, "payload_bytes": payload_bytes,
                      "scratch": {name: s.values()} if s is not None else {}})
    if not two:
        return {**out, **sides[0]}
    conn = {name: g.conn.values()} if g.conn is not None else {}
    return {**out, "to_server": sides[0], "to_client": sides[1], "conn": conn}


def alert(now: int, name: str, number: int, text: str, view: FlowView | None, turn: Turn | None) -> dict[str, Any]:
    """One line of --alerts."""
    flow = view.flow if view is not None else None
    direction = view.direction if view is not None else 0
    if flow is None and turn is not None:
        flow, direction = turn.flow, turn.direction
    out: dict[str, Any] = {"time": now / SECOND, "element": name, "id": number, "text": text}
    if flow is not None:
        out["key"] = flow.ways[0].key.shown()
        if flow.bidirectional:
            out["direction"] = DIRECTIONS[direction]
    return out


def stats(box: PythonBox) -> dict[str, Any]:
    """The object of --stats."""
    ports = {name: {"rx_packets": rx.packets, "rx_bytes": rx.bytes, "tx_packets": tx.packets, "tx_bytes": tx.bytes,
                    "rx_errors": 0} for name, rx, tx in zip(box.graph.ports, box._rx, box._tx, strict=True)}
    elements = {r.name: {"type": r.elem.name, "packets": box._visits[n].packets, "bytes": box._visits[n].bytes,
                         "counters": r.counters(), "faults": r.faults} for n, r in box.runners.items()}
    held = sum(m.held() for r in box.runners.values() for m in r.maps()) + box.contexts.held()
    return {"chain": box.graph.name, "ports": ports, "classes": [], "elements": elements,
            "sessions": {"created": box.flows.created, "active": len(box.flows.active), "peak": box.flows.peak,
                         "ended": dict(box.ended), "memory_bytes": 0},
            "contexts": {p: dict(box.contexts.counts) for p in sorted({n.protocol for n in box.graph.contexts})},
            "drops": dict(sorted(box.drops.items())), "made": box.made,
            "sent": sum(t.packets for t in box._tx), "held": held,
            "buffers": held}
