"""What a TCP context costs, by itself and with each kind of element in it: `python -m bench --streams`.

All contenders are chains through mcc, over the same http8k packets with 1,448 bytes of text in each data segment, in
turn in one process. A figure is the median of the rounds; a difference is the median of each round's difference from a
session without context, so that a neighbour's load falls on both sides alike. In all of them packets are the box's own
buffers, and giving those back is timed.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.building import Stream, StreamBench
from bench.run import LIVES, Budget, cpu_model, harness, instructions

BASE = "session"
CONTENDERS = {
    BASE: Stream("session"),
    "ends": Stream("ends"),
    "ends_keep": Stream("ends", checksums="MCC_CHECKSUMS_KEEP"),
    "stats": Stream("stats"),
    "checksum": Stream("checksum"),
    "crc32": Stream("crc32"),
    "crc32c": Stream("crc32c"),
    "replaced0": Stream("replaced"),
    "replaced12": Stream("replaced", hits=12, shrink=1),
    "removed": Stream("removed", hits=1, shrink=6),
    "ips1": Stream("ips1"),
    "ips10": Stream("ips10"),
    "ips100": Stream("ips100"),
}
TEXTS = {
    BASE: "TCP session, no context",
    "ends": "read-only context: is_last",
    "ends_keep": "  it verifies checksums itself",
    "stats": "  counts bytes (StreamStats)",
    "checksum": "  16-bit sums (StreamChecksum)",
    "crc32": "  CRC32 (StreamCRC)",
    "crc32c": "  CRC32C (StreamCRC)",
    "replaced0": "may remap, no hit (WordMatcher)",
    "replaced12": "  two hits a segment, four live",
    "removed": "word remover, one hit in 8.7 KB",
    "ips1": "IPS, 1 literal",
    "ips10": "IPS, 10 literals",
    "ips100": "IPS, 100 literals",
}
TARGETS = {"ends": "+6 ns", "stats": "+6 ns", "replaced12": "+10 ns (to no hit)", "removed": "15 Gb/s",
           "ips1": "120 Gb/s", "ips10": "60 Gb/s"}
"""Of the whole context, of the edits alone, and of the payload that all the elements cost, as a speed."""
PAYLOAD = {"http8k": (120 + 6 * 1448) / 16, "forever": (120 + 6 * 1448) / 10}
"""Bytes a packet."""
PACKETS = 200_000


def rows_of(life: str, flows: int, rounds: Sequence[Sequence[float]]) -> list[dict[str, Any]]:
    """A row for each contender. gbps: payload by the whole time of a packet; gbps_added: by what the context adds."""
    base, out = rounds[list(CONTENDERS).index(BASE)], []
    no_hit = rounds[list(CONTENDERS).index("replaced0")]
    for name, ns in zip(CONTENDERS, rounds, strict=True):
        added = statistics.median(b - a for a, b in zip(base, ns, strict=True))
        took = statistics.median(ns)
        row = {"traffic": life, "flows": flows, "chain": name, "ns": took, "added": added, "rounds": len(ns),
               "gbps": PAYLOAD[life] * 8 / took, "gbps_added": PAYLOAD[life] * 8 / added if added > 0 else None}
        if name == "replaced12":
            row["edits"] = statistics.median(b - a for a, b in zip(no_hit, ns, strict=True))
        out.append(row)
    return out


def once(bench: StreamBench, flows: Sequence[int], rounds: int) -> list[dict[str, Any]]:
    """All contenders, connections that stay and that come and go."""
    out = []
    for life in LIVES:
        for n in flows:
            got = harness(bench, "traffic", n, life, PACKETS, rounds, contenders=[bench.chain(c) for c in CONTENDERS])
            out += rows_of(life, n, got)
    return out


def print_rows(console: Console, rows: Sequence[dict[str, Any]]) -> None:
    for life, text in LIVES.items():
        flows = sorted({r["flows"] for r in rows})
        table = Table(title=f"ns a packet, {life}: {text}", title_justify="left")
        table.add_column("chain")
        for n in flows:
            for head in ("ns", "added", "Gb/s\nin all", "Gb/s\nadded"):
                table.add_column(f"{head}\n{n:,}", justify="right")
        table.add_column("to reach")
        for name in CONTENDERS:
            cells = [TEXTS[name]]
            for n in flows:
                r = next(r for r in rows if (r["traffic"], r["flows"], r["chain"]) == (life, n, name))
                speed = f"{r['gbps_added']:.0f}" if r["gbps_added"] and name != BASE else ""
                cells += [f"{r['ns']:.0f}", f"{r['added']:+.0f}" if name != BASE else "", f"{r['gbps']:.1f}", speed]
            table.add_row(*cells, TARGETS.get(name, ""))
        console.print(table)
        edits = [f"{r['edits']:+.0f} ns at {r['flows']:,} flows" for r in rows if r["traffic"] == life and "edits" in r]
        console.print(f"edits alone, against the same chain without a hit: {', '.join(edits)}\n", highlight=False)


def print_counts(console: Console, counts: dict[str, float]) -> None:
    table = Table(title="instructions a packet, connections stay, 1,000 flows (callgrind)", title_justify="left")
    for head in ("chain", "instructions", "added"):
        table.add_column(head, justify="left" if head == "chain" else "right")
    for name, count in counts.items():
        table.add_row(TEXTS[name], f"{count:.0f}", f"{count - counts[BASE]:+.0f}")
    console.print(table)


def measure_streams(work: Path, seconds: float, callgrind: bool, console: Console) -> dict[str, Any]:
    """Builds, measures and prints; rounds as the time allows."""
    bench = StreamBench(work, CONTENDERS, debug=callgrind)
    budget = Budget(seconds)
    flows = (1000, 64000)
    begun = time.monotonic()
    once(bench, flows, 1)
    pilot = time.monotonic() - begun  # half of it the check, which is made once however many rounds follow
    rounds = max(3, min(31, int(2 * budget.left() / pilot) - 1))
    result: dict[str, Any] = {"cpu": cpu_model(), "streams": once(bench, flows, rounds)}
    print_rows(console, result["streams"])
    if callgrind:
        result["instructions"] = {c: instructions(bench, bench.chain(c), 1000) for c in CONTENDERS}
        print_counts(console, result["instructions"])
    return result
