"""What one field of a packet says about others: the parser's promises (docs/semantics.md, 1) as implications.

    etype is 0x0806          =>  net is none or arp
    net is ip                =>  avail.l3 >= 20; transport is none, tcp, udp or icmp
    transport is tcp, net ip =>  avail.l4 >= 20; ip.proto is 6; ip.frag is 0

A diagram is built as if fields were free; with these facts ways that no packet goes are cut out of it.
"""

from __future__ import annotations

from collections.abc import Mapping

from mcc.ir.classify import NET, TRANSPORT
from mcc.lang.ranges import Ranges, contains, intersect, of
from mcc.protocols.dissect import ETHERNET, LINK_NEEDS, MAX_TAGS, SLL, SLL2

_MOST = (1 << 32) - 1
_PROTO = {"tcp": 6, "udp": 17, "icmp": 1, "icmp6": 58}
_NET_BYTES = {"arp": 28, "ip": 20, "ip6": 40}
_OVER = {"ip": ("none", "tcp", "udp", "icmp"), "ip6": ("none", "tcp", "udp", "icmp6")}

Facts = Mapping[str, Ranges]
"""By key, the values that a field can still have; a key that is not there can have any."""


def learn(facts: Facts, key: str, ranges: Ranges) -> dict[str, Ranges]:
    """`facts` and that field `key` lies in `ranges`, with what follows from both."""
    out = dict(facts)
    out[key] = intersect(out[key], ranges) if key in out else ranges
    match key:
        case "link" | "avail.link":
            _link(out)
        case "vlans":
            if _is(out, "link", ETHERNET) and ranges[0][0]:
                _add(out, "avail.abs", ((14 + 4 * ranges[0][0], _MOST),))
        case "etype":
            _add(out, "net", of([0, *(i for i, t in ((1, 0x0806), (2, 0x0800), (3, 0x86DD)) if contains(ranges, t))]))
            if ranges[0][0] and _is(out, "link", ETHERNET):
                _add(out, "avail.abs", ((14, _MOST),))
        case "net":
            _net(out)
        case "transport":
            _transport(out)
    return out


def _add(out: dict[str, Ranges], key: str, ranges: Ranges) -> None:
    out[key] = intersect(out[key], ranges) if key in out else ranges


def _is(facts: Facts, key: str, value: int) -> bool:
    return facts.get(key) == ((value, value),)


def _names(facts: Facts, key: str, names: tuple[str, ...]) -> set[str]:
    ranges = facts.get(key, ((0, len(names) - 1),))
    return {n for i, n in enumerate(names) if contains(ranges, i)}


def _link(out: dict[str, Ranges]) -> None:
    kinds = [k for k in range(6) if contains(out.get("link", ((0, 5),)), k)]
    if not any(k in (ETHERNET, SLL, SLL2) for k in kinds):
        _add(out, "vlans", ((0, 0),))
    if _is(out, "avail.link", 0):
        _add(out, "vlans", ((0, 0),))
        _add(out, "etype", ((0, 0),))
    needs = [LINK_NEEDS.get(k, 0) for k in kinds]
    if _is(out, "avail.link", 1) and needs:
        _add(out, "avail.abs", ((min(needs), _MOST),))
    if _is(out, "avail.link", 0) and len(kinds) == 1 and needs[0]:
        _add(out, "avail.abs", ((0, needs[0] - 1),))
    if kinds == [ETHERNET]:
        _add(out, "vlans", ((0, MAX_TAGS),))


def _net(out: dict[str, Ranges]) -> None:
    nets = _names(out, "net", NET)
    above = {t for n in nets for t in _OVER.get(n, ("none",))}
    _add(out, "transport", of(i for i, t in enumerate(TRANSPORT) if t in above))
    if "none" not in nets and nets:
        _add(out, "avail.l3", ((min(_NET_BYTES[n] for n in nets), _MOST),))


def _transport(out: dict[str, Ranges]) -> None:
    kinds = _names(out, "transport", TRANSPORT)
    if not kinds or "none" in kinds:
        return
    _add(out, "avail.l4", ((20 if kinds == {"tcp"} else 8, _MOST),))
    protos = of(_PROTO[k] for k in kinds)
    nets = _names(out, "net", NET)
    if nets == {"ip"}:
        _add(out, "ip.proto", protos)
        _add(out, "ip.frag", ((0, 0),))
    if nets == {"ip6"}:
        _add(out, "ip6.next", protos)
