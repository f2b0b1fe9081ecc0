"""How a run was divided between its cores: each one's share, how uneven they are, and the statistics of all as one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

LARGEST = frozenset({"held_bytes_peak"})
"""Numbers of which the largest counts, not the sum."""


@dataclass(frozen=True)
class Share:
    """What one core has done. packets: handled by it; handed_out, handed_in: packets that another core had to handle,
    or had received; sent_out, sent_in: packets that left by a device of core 0; most: packets of its most frequent flow
    (at least), which no other core can take off it; busy: of its time, 0 to 1, None: not known (captures)."""

    packets: int
    handed_out: int = 0
    handed_in: int = 0
    sent_out: int = 0
    sent_in: int = 0
    most: int = 0
    busy: float | None = None


def described(shares: Sequence[Share], stats: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The member "cores" of `--stats`: one object a core, and the skew (most packets of a core to the mean)."""
    mean = sum(s.packets for s in shares) / len(shares)
    each = []
    for i, (s, of) in enumerate(zip(shares, stats, strict=True)):
        one: dict[str, Any] = {"core": i, "packets": s.packets, "sessions": of["sessions"]["created"],
                               "active": of["sessions"]["active"]}
        if s.busy is not None:
            one["busy"] = round(s.busy, 3)
        each.append({**one, "handed_out": s.handed_out, "handed_in": s.handed_in, "sent_out": s.sent_out,
                     "sent_in": s.sent_in, "core_full": of["drops"].get("core_full", 0),
                     "biggest_flow": round(s.most / s.packets, 3) if s.packets else 0.0})
    return {"each": each, "skew": round(max(s.packets for s in shares) / mean, 3) if mean else 1.0}


def merged(stats: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The statistics of all cores as those of one box: numbers are added, the rest is of the first."""
    return {k: _merged(k, [s[k] for s in stats if k in s]) for k in _keys(stats)}


def _keys(dicts: Sequence[dict[str, Any]]) -> list[str]:
    return list(dict.fromkeys(k for d in dicts for k in d))


def _merged(key: str, values: list[Any]) -> Any:
    first = values[0]
    if isinstance(first, dict):
        return {k: _merged(k, [v[k] for v in values if k in v]) for k in _keys(values)}
    if isinstance(first, list) and first and isinstance(first[0], dict):
        return [{k: _merged(k, [v[i][k] for v in values]) for k in first[i]} for i in range(len(first))]
    if isinstance(first, int) and not isinstance(first, bool):
        return max(values) if key in LARGEST else sum(values)
    return first
