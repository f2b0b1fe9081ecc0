"""The diagram of ordinary packets: what a person wants to see of a classifier.

    whole Ethernet frames, sane headers, no fragments     =>  lengths, links and fragments are not tested
    etype 0x0800, 0x0806, 0x86dd                          =>  net ip, arp, ip6
    ip.proto or ip6.next 6, 17, 1, 58                     =>  transport tcp, udp, icmp, icmp6

pcap-filter text looks at the bytes, named classes at the parser's layers; for ordinary packets they are the same test.
"""

from __future__ import annotations

from collections.abc import Mapping

from mcc.ir.classify import NET, TRANSPORT, Fdd, Leaf, Switch, meta_field
from mcc.lang.ranges import Ranges, of, subtract
from mcc.passes.fdd import Manager
from mcc.passes.feasible import learn

_NETS = {0x0800: NET.index("ip"), 0x0806: NET.index("arp"), 0x86DD: NET.index("ip6")}
_TRANSPORTS = {"ip.proto": {6: TRANSPORT.index("tcp"), 17: TRANSPORT.index("udp"), 1: TRANSPORT.index("icmp")},
               "ip6.next": {6: TRANSPORT.index("tcp"), 17: TRANSPORT.index("udp"), 58: TRANSPORT.index("icmp6")}}
_ETHERNET: Mapping[str, Ranges] = {"link": ((0, 0),), "avail.link": ((1, 1),)}
_UNFRAGMENTED: Mapping[str, Ranges] = {"ip.frag": ((0, 0),), "ip6.next": ((0, 43), (45, 255))}


def ordinary(manager: Manager, diagram: Fdd) -> Fdd:
    """The diagram, made of nodes of `manager`, for such packets only; other answers may be lost."""
    mine = manager.restrict(manager.map_leaves(diagram, lambda v: v), {"link": _ETHERNET["link"]})
    by_layer = _renamed(manager, _without_lengths(manager, mine))
    return _sane(manager, _sane(manager, by_layer))


def _without_lengths(m: Manager, diagram: Fdd) -> Fdd:
    """Everything is captured."""
    memo: dict[int, Fdd] = {}

    def go(n: Fdd) -> Fdd:
        if isinstance(n, Leaf):
            return n
        if n.uid not in memo:
            cut = n.field.key.startswith("avail.")
            memo[n.uid] = go(n.children[-1]) if cut else m.switch(n.field, n.starts, [go(c) for c in n.children])
        return memo[n.uid]

    return go(diagram)


def _renamed(m: Manager, diagram: Fdd) -> Fdd:
    """Numbers in headers that mean a layer become tests of the layer, where all other numbers lead to one place."""
    memo: dict[int, Fdd] = {}

    def go(n: Fdd) -> Fdd:
        if isinstance(n, Leaf):
            return n
        if n.uid not in memo:
            memo[n.uid] = node(n)
        return memo[n.uid]

    def node(n: Switch) -> Fdd:
        names = _NETS if n.field.key == "etype" else _TRANSPORTS.get(n.field.key)
        if names is None:
            return rebuilt(n)
        layer = meta_field("net" if n.field.key == "etype" else "transport")
        others = {c.uid: c for c in (m.restrict(c, {layer.key: ((0, 0),)}) for c in _others(n, names))}
        if len(others) != 1:
            return rebuilt(n)
        out = go(others.popitem()[1])
        for number, value in names.items():
            yes = m.test(layer, ((value, value),), m.true, m.false)
            out = m.ite(yes, go(n.child(number)), out)
        return out

    def rebuilt(n: Switch) -> Fdd:
        out = go(n.children[0])
        for start, child in zip(n.starts[1:], n.children[1:], strict=True):
            out = m.ite(m.test(n.field, ((start, n.field.top),), m.true, m.false), go(child), out)
        return out

    return go(diagram)


def _others(n: Switch, names: Mapping[int, int]) -> list[Fdd]:
    """Where the values that name no layer lead; the one that announces an IPv6 fragment does not count."""
    named = of((*names, 44) if n.field.key == "ip6.next" else names)
    ends = (*(s - 1 for s in n.starts[1:]), n.field.top)
    return [c for start, end, c in zip(n.starts, ends, n.children, strict=True) if subtract(((start, end),), named)]


def _sane(m: Manager, diagram: Fdd) -> Fdd:
    """Without ways that no ordinary packet goes: a header that is announced is there."""
    memo: dict[tuple[int, tuple[tuple[str, Ranges], ...]], Fdd] = {}

    def go(n: Fdd, facts: dict[str, Ranges]) -> Fdd:
        if isinstance(n, Leaf):
            return n
        key = (n.uid, tuple(sorted(facts.items())))
        if key not in memo:
            memo[key] = below(n, facts)
        return memo[key]

    def below(n: Switch, facts: dict[str, Ranges]) -> Fdd:
        starts: list[int] = []
        children: list[Fdd] = []
        known = facts.get(n.field.key)
        for i, (start, child) in enumerate(zip(n.starts, n.children, strict=True)):
            end = n.starts[i + 1] - 1 if i + 1 < len(n.starts) else n.field.top
            left: Ranges = ((start, end),)
            if known is not None:
                left = subtract(left, subtract(((0, n.field.top),), known))
            if left:
                starts.append(start if starts else 0)
                children.append(go(child, _promised(learn(facts, n.field.key, left), n.field.key)))
        return m.switch(n.field, starts or [0], children or [go(n.children[0], facts)])

    return go(diagram, {**_ETHERNET, **_UNFRAGMENTED})


def _promised(facts: dict[str, Ranges], key: str) -> dict[str, Ranges]:
    """What an ordinary packet has, too: the layer that its type announces, none but those."""
    if key == "etype":
        announced = [v for t, v in _NETS.items() if any(a <= t <= b for a, b in facts["etype"])]
        only = not subtract(facts["etype"], of(_NETS))
        return learn(facts, "net", of(announced if only else [0, *announced]))
    if key == "transport" and facts["transport"] == ((0, 0),):
        out = facts
        for field, numbers in _TRANSPORTS.items():
            out = learn(out, field, subtract(((0, 255),), of(numbers)))
        return out
    return facts
