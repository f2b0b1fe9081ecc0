"""Flow keys in the reference: which fields, read off which packet, and what answers carry."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from mcc.lang.session import Session, l4_name
from mcc.lang.tested import MIRROR
from mcc.protocols.headers import BY_KEY, BY_LAYER
from mcc.reference.packet import PacketState

_ADDRESSES = {"ip.src", "ip.dst", "ip6.src", "ip6.dst"}
_PROTO = {1: "icmp", 6: "tcp", 17: "udp", 58: "icmp6"}


def family(p: PacketState) -> str:
    """"ip", "ip6", or "" for a packet without a network layer."""
    return "ip" if p.has("ip") else "ip6" if p.has("ip6") else ""


def fields_of(sessions: Iterable[Session], fam: str) -> frozenset[str]:
    """The union of the sessions' fields; net.src is ip.src or ip6.src, tcp.sport and udp.sport are l4.sport."""
    names = {l4_name(f.key) for s in sessions for f in s.fields}
    return frozenset(f"{fam}.{k[4:]}" if fam and k.startswith("net.") else k for k in names)


def layers_of(fields: Iterable[str]) -> set[str]:
    """Layers that a packet with these fields has; "l4": TCP or UDP."""
    return {f.partition(".")[0] for f in fields} - {"in"}


@dataclass(frozen=True)
class Key:
    """Values by field, sorted; `proto`: of ports, else 0; `port`: by which the packet came, -1: it does not count.
    `beside`: tags and link, or the walk, where they are a part of the key."""

    values: tuple[tuple[str, int], ...]
    proto: int
    port: int
    beside: Any = None

    @property
    def fields(self) -> frozenset[str]:
        return frozenset(f for f, _ in self.values)

    def mirrored(self, port: int) -> Key:
        """The key of answers, which come in by `port`."""
        values = tuple(sorted((MIRROR.get(f, f), v) for f, v in self.values))
        return replace(self, values=values, port=port if self.port >= 0 else -1)

    def replied(self, given: dict[str, int], port: int) -> Key:
        """The key of answers that carry what flow.reply_key said."""
        back = self.mirrored(port)
        return replace(back, values=tuple((f, given[_place(f)] if _place(f) in given else v) for f, v in back.values))

    def narrowed(self, fields: frozenset[str]) -> Key:
        """The part of the key that a coarser session has; the port does not count."""
        proto = self.proto if any(f.startswith("l4.") for f in fields) else 0
        return Key(tuple((f, v) for f, v in self.values if f in fields), proto, -1)

    def shown(self) -> dict[str, Any]:
        """As --sessions shows it: proto, src, dst, sport, dport, vlan, eth_src; other fields by their full names."""
        out: dict[str, Any] = {"proto": _PROTO.get(self.proto, self.proto)} if self.proto else {}
        for f, v in self.values:
            layer, _, short = f.partition(".")
            if f in _ADDRESSES:
                out[short] = str(ipaddress.IPv4Address(v) if layer == "ip" else ipaddress.IPv6Address(v))
            elif f in ("eth.src", "eth.dst"):
                out[f"eth_{short}"] = v.to_bytes(6, "big").hex(":")
            else:
                out[short if layer == "l4" else "vlan" if f == "vlan.vid" else f] = v
        return out


def _place(field: str) -> str:
    """The argument of reply_key that a field takes; "" for none."""
    return {"ip.src": "src", "ip6.src": "src", "ip.dst": "dst", "ip6.dst": "dst", "l4.sport": "sport",
            "l4.dport": "dport"}.get(field, "")


def key_of(p: PacketState, fields: frozenset[str], with_port: bool, beside: Any = None) -> Key:
    """The key of a packet that has the fields' layers."""
    values = tuple(sorted((f, _value(p, f)) for f in fields))
    proto = p.found.proto if any(f.startswith("l4.") for f in fields) else 0
    return Key(values, proto, p.in_port if with_port else -1, beside)


def _value(p: PacketState, field: str) -> int:
    if field == "in.port":
        return p.in_port
    layer, _, name = field.partition(".")
    return p.read(BY_KEY[field] if field in BY_KEY else BY_LAYER[layer][name])
