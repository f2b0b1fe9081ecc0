"""Which header fields a class looks at, and the hash-first rule (docs/semantics.md 4)."""

from __future__ import annotations

from collections.abc import Iterable

from mcc.lang.algebra import And, Cls, Header, Load, Need, Not, Or, Subject, Test
from mcc.lang.session import l4_name
from mcc.protocols.headers import LAYERS

MIRROR = {"ip.src": "ip.dst", "ip6.src": "ip6.dst", "net.src": "net.dst", "l4.sport": "l4.dport", "eth.src": "eth.dst",
          "arp.spa": "arp.tpa", "arp.sha": "arp.tha"}
MIRROR |= {v: k for k, v in MIRROR.items()}
"""The field that carries in an answer what this one carries in the question; others keep their place."""

_KIND_OF_PACKET = frozenset({"eth.type", "ip.proto", "ip6.next", "ip.version", "ip.frag", "vlan.tpid"})
_LOADS = {("l4", 0, 16): "l4.sport", ("l4", 16, 16): "l4.dport", ("l3", 96, 32): "ip.src", ("l3", 128, 32): "ip.dst",
          ("l3", 72, 8): "ip.proto", ("l3", 48, 8): "ip6.next", ("abs", 96, 16): "eth.type", ("abs", 0, 48): "eth.dst",
          ("abs", 48, 48): "eth.src", ("l3", 64, 128): "ip6.src", ("l3", 192, 128): "ip6.dst"}
_NEVER_TOGETHER = ({"arp", "ip"}, {"arp", "ip6"}, {"arp", "net"}, {"arp", "tcp"}, {"arp", "udp"}, {"arp", "l4"},
                   {"arp", "icmp"}, {"arp", "icmp6"}, {"ip", "ip6"}, {"ip", "icmp6"}, {"ip6", "icmp"},
                   {"tcp", "udp"}, {"tcp", "icmp"}, {"tcp", "icmp6"}, {"udp", "icmp"}, {"udp", "icmp6"},
                   {"l4", "icmp"}, {"l4", "icmp6"}, {"icmp", "icmp6"})


def tested_fields(c: Cls) -> frozenset[str]:
    """Keys of the fields whose values decide the class; which layers a packet has, how long it is and where it came
    from do not count. A read that is no named field is "raw"."""
    if isinstance(c, (And, Or)):
        return frozenset().union(*(tested_fields(p) for p in c.parts))
    if isinstance(c, Not):
        return tested_fields(c.part)
    if isinstance(c, Test):
        key = _key(c.subject)
        return frozenset({key}) if key and key not in _KIND_OF_PACKET else frozenset()
    assert isinstance(c, Need) or not hasattr(c, "part")
    return frozenset()


def _key(s: Subject) -> str:
    if isinstance(s, Header):
        return l4_name(f"{s.layer}.{s.name}")
    if isinstance(s, Load):
        if s.base.startswith("x4@") or (s.base == "l3" and (s.bit, s.width) == (48, 16)):
            return ""  # the fragment rule
        return _LOADS.get((s.base, s.bit, s.width), "raw")
    return ""


def is_hash_first(fields: Iterable[str], classes: Iterable[Cls]) -> bool:
    """Whether the key's fields (src and dst exchanged count too) hold all that the classes test on packets that have the
    key's layers. `fields` are resolved: ip.src or ip6.src, l4.sport."""
    known = {*fields}
    known |= {MIRROR.get(f, f) for f in known}
    layers = {f.partition(".")[0] for f in known} & {*LAYERS, "l4"}
    tested = {k for c in classes for k in tested_fields(c)}
    return all(k in known for k in tested if _can_meet(k.partition(".")[0], layers))


def _can_meet(layer: str, layers: set[str]) -> bool:
    return not any({layer, x} in _NEVER_TOGETHER for x in layers if x != layer)
