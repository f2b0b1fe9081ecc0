"""Traffic classes as users write them: fields by layer, named classes, and the two text forms.

`HTTP & ~Ip.src.within("10/8")`, `cls("tcp dst port 80")`, `raw("12/0806 20/0001")`.
Named objects are seen behind any VLAN tags; pcap-filter text means what libpcap means.
"""

from __future__ import annotations

from mcc.lang import pcapfilter, rawpattern
from mcc.lang.algebra import ANY, NONE, And, Cls, Const, Header, Load, Meta, Need, Not, Or, Test, has
from mcc.lang.fields import Field, fail
from mcc.lang.where import caller_span
from mcc.protocols.headers import BY_LAYER

__all__ = ["ANY", "ARP", "HTTP", "ICMP", "ICMP6", "IP", "IP6", "L4", "NONE", "TCP", "UDP", "VLAN", "And", "Arp", "Cls",
           "Const", "Eth", "Field", "Header", "Icmp", "Icmp6", "In", "Ip", "Ip6", "Load", "Meta", "Need", "Net", "Not",
           "Or", "Tcp", "Test", "Udp", "Vlan", "cls", "field_by_key", "outer", "raw"]


class _Layer:
    """The fields of one layer as attributes."""

    def __init__(self, layer: str, fields: dict[str, int] | None = None) -> None:
        widths = fields if fields is not None else {f.name: f.width for f in BY_LAYER[layer].values()}
        self._layer = layer
        for name, width in widths.items():
            setattr(self, name, Field(layer, name, width))

    def __getattr__(self, name: str) -> Field:
        if name.startswith("_"):
            raise AttributeError(name)
        known = ", ".join(k for k in vars(self) if not k.startswith("_"))
        return fail(f"header {self._layer!r} has no field {name!r}", f"known fields: {known}")


class _Eth(_Layer):
    src: Field
    dst: Field
    type: Field


class _Vlan(_Layer):
    tpid: Field
    pcp: Field
    dei: Field
    vid: Field


class _Arp(_Layer):
    htype: Field
    ptype: Field
    op: Field
    sha: Field
    spa: Field
    tha: Field
    tpa: Field


class _Ip(_Layer):
    version: Field
    ihl: Field
    tos: Field
    len: Field
    id: Field
    flags: Field
    frag: Field
    ttl: Field
    proto: Field
    checksum: Field
    src: Field
    dst: Field


class _Ip6(_Layer):
    tclass: Field
    flow: Field
    len: Field
    next: Field
    hops: Field
    src: Field
    dst: Field


class _Net(_Layer):
    src: Field
    dst: Field


class _L4(_Layer):
    sport: Field
    dport: Field


class _Tcp(_L4):
    seq: Field
    ack: Field
    doff: Field
    flags: Field
    window: Field
    checksum: Field
    urgent: Field
    cwr: Field
    ece: Field
    urg: Field
    ackflag: Field
    psh: Field
    rst: Field
    syn: Field
    fin: Field


class _Udp(_L4):
    len: Field
    checksum: Field


class _Icmp(_Layer):
    type: Field
    code: Field
    checksum: Field
    id: Field
    seq: Field


class _In(_Layer):
    port: Field


Eth, Vlan, Arp, Ip, Ip6 = _Eth("eth"), _Vlan("vlan"), _Arp("arp"), _Ip("ip"), _Ip6("ip6")
Tcp, Udp, L4, Icmp, Icmp6 = _Tcp("tcp"), _Udp("udp"), _L4("l4"), _Icmp("icmp"), _Icmp("icmp6")
Net = _Net("net", {"src": 128, "dst": 128})
"""The address of the network layer, IPv4 or IPv6; for the fields of a Session only."""
In = _In("in", {"port": 8})
"""In.port: the index of the port by which the packet came in."""

VLAN, ARP, IP, IP6 = (has(n).named(n.upper()) for n in ("vlan", "arp", "ip", "ip6"))
TCP, UDP, ICMP, ICMP6 = (has(n).named(n.upper()) for n in ("tcp", "udp", "icmp", "icmp6"))
HTTP: Cls = (TCP & (Tcp.dport == 80)).named("HTTP")

_GROUPS: dict[str, _Layer] = {"eth": Eth, "vlan": Vlan, "arp": Arp, "ip": Ip, "ip6": Ip6, "net": Net, "tcp": Tcp,
                              "udp": Udp, "l4": L4, "icmp": Icmp, "icmp6": Icmp6, "in": In}
_OUTER: dict[tuple[str, int], Field] = {}


def field_by_key(key: str) -> Field:
    """The field object of "tcp.dport". Raises KeyError for a key that is not in the header table."""
    layer, _, name = key.partition(".")
    found = vars(_GROUPS[layer]).get(name)
    if not isinstance(found, Field):
        raise KeyError(key)
    return found


def outer(f: Field, levels: int = 1) -> Field:
    """The same field, `levels` encapsulations further out than the context it is used in."""
    if levels < 1:
        fail(f"outer() of {levels} levels", "1 is the encapsulation around this context")
    level = f.level + levels
    return _OUTER.setdefault((f.key, level), Field(f.layer, f.name, f.width, level))


def cls(text: str) -> Cls:
    """A class from pcap-filter text. Raises CompileError that points into the text."""
    return pcapfilter.parse(text, where=caller_span(1))


def raw(patterns: str) -> Cls:
    """A class from Click's Classifier patterns: "12/0806 20/0001". Raises CompileError that points into the text."""
    return rawpattern.parse(patterns, where=caller_span(1))
