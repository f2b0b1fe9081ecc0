"""What a class looks at, and the hash-first rule (docs/semantics.md 4)."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator

from mcc.lang.algebra import And, Cls, Header, Load, Meta, Not, Or, Subject, Test
from mcc.lang.session import l4_name
from mcc.protocols.headers import BY_LAYER

MIRROR = {"ip.src": "ip.dst", "ip6.src": "ip6.dst", "net.src": "net.dst", "l4.sport": "l4.dport", "eth.src": "eth.dst",
          "arp.spa": "arp.tpa", "arp.sha": "arp.tha"}
MIRROR |= {v: k for k, v in MIRROR.items()}
"""The field that carries in an answer what this one carries in the question; others keep their place."""

_KIND_OF_PACKET = frozenset({"eth.type", "ip.proto", "ip6.next", "ip.version", "ip.frag", "vlan.tpid"})
NETWORK = frozenset({"ip", "ip6", "arp", "net"})
TRANSPORT = frozenset({"tcp", "udp", "icmp", "icmp6", "l4"})
_NEVER_TOGETHER = [{"arp", x} for x in NETWORK | TRANSPORT if x != "arp"] + [
    {"ip", "ip6"}, {"ip", "icmp6"}, {"ip6", "icmp"}, {"tcp", "udp"}, {"tcp", "icmp"}, {"tcp", "icmp6"}, {"udp", "icmp"},
    {"udp", "icmp6"}, {"l4", "icmp"}, {"l4", "icmp6"}, {"icmp", "icmp6"}]


def subjects(c: Cls) -> Iterator[Subject]:
    """Everything that a class tests."""
    if isinstance(c, (And, Or)):
        for p in c.parts:
            yield from subjects(p)
    elif isinstance(c, Not):
        yield from subjects(c.part)
    elif isinstance(c, Test):
        yield c.subject


def tested_fields(c: Cls) -> frozenset[str]:
    """Keys of the fields whose values decide the class; layers and where a packet came from do not count.

    A read of the frame counts for every field that holds its bits, whatever the layer, and is "raw" where none does or
    where it is of the length.
    """
    keys = {k for s in subjects(c) for k in _keys(s)}
    return frozenset(keys - _KIND_OF_PACKET)


def _keys(s: Subject) -> frozenset[str]:
    if isinstance(s, Header):
        return frozenset({l4_name(f"{s.layer}.{s.name}")})
    if isinstance(s, Load):
        if s.base.startswith("x4@") or (s.base, s.bit, s.width) == ("l3", 320, 8):
            return frozenset({"ip.proto"})  # where layer 4 is, and what it is behind an IPv6 fragment header
        return _holders(s.base, s.bit, s.width) or frozenset({"raw"})
    return frozenset({"raw"}) if s.name == "wire" else frozenset()


@functools.cache
def _holders(base: str, bit: int, width: int) -> frozenset[str]:
    """Named fields that hold the bits, of any layer that may start at the base."""
    places = {"l3": (("ip", 0), ("ip6", 0), ("arp", 0)), "abs": (("eth", 0), ("vlan", 96)),
              "l4": (("l4", 0), ("tcp", 0), ("udp", 0), ("icmp", 0), ("icmp6", 0))}[base]
    out = {l4_name(f.key) for layer, at in places for f in BY_LAYER[layer].values()
           if f.bit + at <= bit and bit + width <= f.bit + at + f.width}
    if "eth.type" in out:
        return frozenset({"eth.type"})
    return frozenset(out & {"l4.sport", "l4.dport"} or out)  # text reads ports only behind TCP, UDP or SCTP


def tested_layers(c: Cls) -> frozenset[str]:
    """Layers whose presence the class depends on: names of LAYERS, "net", "l4"; "vlan" also for the number of tags."""
    out: set[str] = set()
    for s in subjects(c):
        if isinstance(s, Header):
            out.add(s.layer)
        elif isinstance(s, Meta):
            name = s.name.removeprefix("layer.")
            out.add({"vlans": "vlan", "etype": "net", "link": "eth"}.get(name, name))
        elif s.base != "abs":
            deep = s.base != "l3" or _keys(s) & {"ip.proto", "ip6.next", "ip.frag"}
            out.add("l4" if deep else "net")
    return frozenset(out & (NETWORK | TRANSPORT | {"vlan", "eth"}))


def tests_tags(classes: Iterable[Cls]) -> bool:
    """Whether tags or the link header decide any of the classes: hash-first keys then hold both."""
    return any(tested_layers(c) & {"vlan", "eth"} for c in classes)


def is_hash_first(fields: Iterable[str], classes: Iterable[Cls]) -> bool:
    """Whether a key determines what the stage's classes say of the packets that have its layers.

    `fields` are resolved: ip.src or ip6.src, l4.sport. They must hold all tested fields (src and dst exchanged count
    too), and the layers that are tested must follow from the key's own: ports tell the transport layer, addresses the
    network layer. Tags and link are added to such keys where they matter (`tests_tags`).
    """
    known = {*fields}
    known |= {MIRROR.get(f, f) for f in known}
    layers = {f.partition(".")[0] for f in known} & (NETWORK | TRANSPORT | {"vlan"})
    wanted = list(classes)
    tested = {k for c in wanted for k in tested_fields(c)}
    met = {k for k in tested if _can_meet(k.partition(".")[0], layers)}
    if not met <= known:
        return False
    asked = {x for c in wanted for x in tested_layers(c)}
    if asked & NETWORK and not layers & (NETWORK - {"net"}):
        return False
    return not asked & TRANSPORT or bool(layers & (TRANSPORT | {"arp"}))


def _can_meet(layer: str, layers: set[str]) -> bool:
    return not any({layer, x} in _NEVER_TOGETHER for x in layers if x != layer)
