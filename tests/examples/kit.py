"""Runs an example over its capture, as `mcc run` does, and reads captures with scapy."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scapy.layers.inet import IP, TCP
from scapy.utils import PcapReader

import mcc
from mcc.run.module import RunnableModule
from mcc.run.ports import bind, parse_port_options
from mcc.run.runner import RunOptions, run_captures

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
CAPTURES = EXAMPLES / "captures"


@dataclass(frozen=True)
class Run:
    stats: dict[str, Any]
    sessions: list[dict[str, Any]]
    frames: list[bytes]

    def counters(self, element: str) -> dict[str, int]:
        return dict(self.stats["elements"][element]["counters"])

    def packets(self, element: str) -> int:
        return int(self.stats["elements"][element]["packets"])


def run(name: str, capture: str, folder: Path, others: dict[str, str] | None = None) -> Run:
    """One capture for both ports, or `others` by port beside `lan`. No packet may be lost."""
    module = mcc.build(EXAMPLES / f"{name}.py")
    out, sessions = folder / "out.pcap", folder / "sessions"
    if others is None:
        bound = bind(module.compiled.graph.ports, str(CAPTURES / capture), str(out), {})
    else:
        wan = str(CAPTURES / others["wan"]) if others["wan"] else ""
        bound = bind(module.compiled.graph.ports, None, None, parse_port_options(
            [f"lan=pcap:{CAPTURES / capture}", f"wan=pcap:{wan},{out}"]))
    result = run_captures(RunnableModule(module), bound, RunOptions(sessions=str(sessions)))
    assert result.exit_code == 0
    conserved(result.stats)
    with PcapReader(str(out)) as reader:
        frames = [bytes(p) for p in reader]
    return Run(result.stats, [json.loads(line) for line in sessions.read_text().splitlines()], frames)


def conserved(s: dict[str, Any]) -> None:
    """received + made = sent + dropped + held."""
    received, sent = (sum(p[k] for p in s["ports"].values()) for k in ("rx_packets", "tx_packets"))
    assert received + s["made"] == sent + sum(s["drops"].values()) + s["held"]


@dataclass(frozen=True)
class Seen:
    """A TCP packet as scapy reads it. `ends`: its connection; `from_first`: sent by the side that sent its first."""

    src: str
    dst: str
    sport: int
    dport: int
    flags: str
    payload: bytes
    length: int
    ends: frozenset[tuple[str, int]]
    from_first: bool
    header: int


def read(capture: str) -> list[Seen]:
    """Every packet, which must be TCP over IPv4, in order."""
    first: dict[frozenset[tuple[str, int]], tuple[str, int]] = {}
    out = []
    with PcapReader(str(CAPTURES / capture)) as reader:
        for p in reader:
            ip, tcp = p[IP], p[TCP]
            me = (ip.src, tcp.sport)
            ends = frozenset({me, (ip.dst, tcp.dport)})
            first.setdefault(ends, me)
            raw = bytes(ip)[ip.ihl * 4 + tcp.dataofs * 4:ip.len]
            out.append(Seen(ip.src, ip.dst, tcp.sport, tcp.dport, str(tcp.flags), raw, len(p), ends, first[ends] == me,
                            tcp.dataofs))
    return out
