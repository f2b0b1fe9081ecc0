"""The same traffic through the compiled C and through the Python reference, and what must be equal."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import Any

import mcc

Arrival = tuple[str, bytes, float]
"""Port, frame, time in seconds."""


def outcome(module: mcc.Module, backend: str, arrivals: Sequence[Arrival], *, burst: int = 1, until: float | None = None,
            **more: Any) -> dict[str, Any]:
    """Everything that both backends promise to do alike, for packets cut into bursts of `burst`."""
    with module.open(backend=backend, **more) as box:
        sent = []
        for some in batches(arrivals, burst):
            if backend == "c":
                sent += box.send_burst(some)
            else:
                for port, frame, at in some:
                    sent += box.send(port, frame, at)
        end = max([a[2] for a in arrivals], default=0.0)
        sent += box.advance(to=until if until is not None else end + 1.0)
        stats, sessions, alerts = box.stats(), box.sessions(), box.alerts()
    check_conserved(stats)
    return {
        "sent": sent, "drops": {k: v for k, v in sorted(stats["drops"].items()) if v},
        "elements": {n: {k: e[k] for k in ("packets", "bytes", "counters", "faults")}
                     for n, e in stats["elements"].items()},
        "sessions": {k: stats["sessions"][k] for k in ("created", "active", "ended")},
        "ended": sorted((session(s) for s in sessions), key=repr), "alerts": [alert(a) for a in alerts],
        "ports": {n: {k: p[k] for k in ("rx_packets", "rx_bytes", "tx_packets", "tx_bytes")}
                  for n, p in stats["ports"].items()},
    }


def batches(items: Iterable[Arrival], n: int) -> Iterable[list[Arrival]]:
    it = iter(items)
    while some := list(itertools.islice(it, n)):
        yield some


def check_conserved(stats: dict[str, Any]) -> None:
    """received + made = sent + dropped + held."""
    ports = stats["ports"].values()
    came = sum(p["rx_packets"] for p in ports) + stats.get("made", 0)
    went = sum(p["tx_packets"] for p in ports) + sum(stats["drops"].values()) + stats.get("held", 0)
    assert came == went, f"{came} packets came, {went} are accounted for: {stats['drops']}"


def session(s: dict[str, Any]) -> dict[str, Any]:
    """A session's record without what only one backend says."""
    out = {k: v for k, v in s.items() if k not in ("chain_class", "element")}
    out["key"] = dict(sorted(out["key"].items()))
    return dict(sorted(out.items()))


def alert(a: dict[str, Any]) -> dict[str, Any]:
    return {k: a[k] for k in ("time", "element", "id", "text")}


def assert_same(module: mcc.Module, arrivals: Sequence[Arrival], *, bursts: Sequence[int] = (1, 7, 32),
                **more: Any) -> dict[str, Any]:
    """Reference == C, and C does not depend on how packets are cut into bursts."""
    wanted = outcome(module, "python", arrivals, **more)
    for n in bursts:
        got = outcome(module, "c", arrivals, burst=n, **more)
        for part, value in wanted.items():
            assert got[part] == value, f"{part} differs (burst {n}): {difference(value, got[part])}"
    return wanted


def difference(a: Any, b: Any) -> str:
    """Where two outcomes part, for people."""
    if isinstance(a, list) and isinstance(b, list):
        for i, (x, y) in enumerate(itertools.zip_longest(a, b)):
            if x != y:
                return f"item {i}\n  reference: {x}\n  compiled:  {y}"
    return f"\n  reference: {a}\n  compiled:  {b}"
