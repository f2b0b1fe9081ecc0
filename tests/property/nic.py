"""A stand-in for a NIC: it parses frames as NICs do, matches the patterns that a module exports, and says a mark.

Of mcc it knows only the C table (runtime_c/mcc_offload.h). `sloppy` is a NIC that looks past VLAN tags, past extension headers
of IPv6 and into fragments; as rte_flow lets it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

ARP, IP, IP6, TCP, UDP, ICMP, ICMP6 = (1 << n for n in range(2, 9))
NETS, TRANSPORTS = ARP | IP | IP6, TCP | UDP | ICMP | ICMP6
BYTES = 82
PROTOS = {(IP, 6): (TCP, 20), (IP, 17): (UDP, 8), (IP, 1): (ICMP, 8), (IP6, 6): (TCP, 20), (IP6, 17): (UDP, 8),
          (IP6, 58): (ICMP6, 8)}


@dataclass(frozen=True)
class Rule:
    port: int
    tags: int
    layers: int
    priority: int
    mark: int
    spec: int
    mask: int


@dataclass(frozen=True)
class Parsed:
    """`heads[n]`: the headers behind n tags, one behind the other, without what is not understood."""

    tags: int
    layers: int
    heads: tuple[int, ...]


def rules(module: Any) -> list[Rule]:
    """What the built module asks NICs for."""
    ffi, lib = module.built.ffi, module.built.lib
    ops = ffi.new("struct mcc_loop_ops *")
    lib.mcc_box_loop_ops(ops)

    def number(data: Any) -> int:
        return int.from_bytes(bytes(data), "big")

    return [Rule(p.port, p.tags, p.layers, p.priority, p.mark, number(p.spec), number(p.mask))
            for p in (ops.patterns[i] for i in range(ops.pattern_count))]


def parse(frame: bytes, sloppy: bool = False) -> Parsed | None:
    if len(frame) < 14:
        return None
    at, tags = 14, 0
    while frame[at - 2 : at] in (b"\x81\x00", b"\x88\xa8") and tags < 2 and len(frame) >= at + 4:
        at, tags = at + 4, tags + 1
    layers, rest = network(frame, at, sloppy)
    heads = [frame[: 14 + 4 * n] + (rest if n == tags else b"") for n in range(tags + 1)]
    if sloppy:
        heads = [frame[: 14 + 4 * n] + rest for n in range(tags + 1)]
    return Parsed(tags, layers, tuple(int.from_bytes(h.ljust(BYTES, b"\0")[:BYTES], "big") for h in heads))


def network(frame: bytes, at: int, sloppy: bool) -> tuple[int, bytes]:
    """Layers behind Ethernet, and their fixed headers."""
    kind, data = int.from_bytes(frame[at - 2 : at], "big"), frame[at:]
    if kind == 0x0806 and len(data) >= 28:
        return ARP, data[:28]
    if kind == 0x0800 and len(data) >= 20 and data[0] >> 4 == 4 and data[0] & 15 >= 5:
        fragment = int.from_bytes(data[6:8], "big") & 0x1FFF
        size = 4 * (data[0] & 15)
        return transport(IP, data[:20], data[9], data[size:] if not fragment or sloppy else b"")
    if kind == 0x86DD and len(data) >= 40 and data[0] >> 4 == 6:
        proto, rest = data[6], data[40:]
        if sloppy and proto in (0, 43, 44, 60) and len(rest) >= 8:
            proto, rest = rest[0], rest[8 if proto == 44 else 8 + 8 * rest[1] :]
        return transport(IP6, data[:40], proto, rest)
    return 0, b""


def transport(net: int, head: bytes, proto: int, data: bytes) -> tuple[int, bytes]:
    layer, size = PROTOS.get((net, proto), (0, 0))
    return (net | layer, head + data[:size]) if layer and len(data) >= size else (net, head)


def matches(rule: Rule, p: Parsed, sloppy: bool = False) -> bool:
    if rule.tags > p.tags or rule.layers & ~p.layers:
        return False
    if rule.layers & NETS and rule.tags != p.tags and not sloppy:
        return False
    return p.heads[rule.tags] & rule.mask == rule.spec


class Nic:
    """Called with the index of a port and a frame: its mark, 0 for none. `marked`: frames that got one."""

    def __init__(self, table: Sequence[Rule], *, sloppy: bool = False) -> None:
        self.sloppy, self.marked = sloppy, 0
        self.ports = {r.port: sorted((x for x in table if x.port == r.port), key=lambda x: x.priority) for r in table}

    def __call__(self, port: int, frame: bytes) -> int:
        p = parse(frame, self.sloppy)
        if p is None:
            return 0
        found = [r for r in self.ports.get(port, ()) if matches(r, p, self.sloppy)]
        if not found:
            return 0
        if not self.sloppy:
            said = {r.mark for r in found if r.priority == found[0].priority}
            assert len(said) == 1, f"patterns of one priority say {said} of {frame.hex()}"
        self.marked += found[0].mark > 0
        return found[0].mark
