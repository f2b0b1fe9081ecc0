"""Sessions: how packets group. A listed field is populate-from-packet (paper II-B), a class restricts the session."""

from __future__ import annotations

from mcc.diag import CompileError, Diagnostic
from mcc.lang.classes import ANY, IP, L4, TCP, UDP, Cls, Field, Ip, Net, Tcp, Udp, Vlan
from mcc.lang.where import caller_span


class Session:
    """`Session(Ip.src, Ip.dst, where=TCP)`: one session per value of the listed fields, among packets of `where`.

    bidirectional: a packet and its answer (src and dst fields exchanged) are one connection with two directions.
    timeout: seconds without a packet after which the session ends (0: never by time).
    `a | b`: packets of either, each grouped by its own fields, which must be the same in kind (TCP4 | UDP4).
    Raises CompileError for something that is not a field, or a bidirectional session without a src/dst pair.
    """

    def __init__(self, *fields: Field, where: Cls | None = None, bidirectional: bool = False,
                 timeout: float = 300, name: str = "") -> None:
        span = caller_span()
        for f in fields:
            if not isinstance(f, Field):
                raise CompileError((Diagnostic("error", span, f"a Session lists header fields, not {f!r}",
                                               "such as Session(Ip.src, Ip.dst, where=TCP)"),))
        if timeout < 0:
            raise CompileError((Diagnostic("error", span, "a timeout cannot be negative", "0 means never"),))
        self.fields: tuple[Field, ...] = fields
        self.where: Cls = ANY if where is None else where
        self.bidirectional, self.timeout, self.name = bidirectional, timeout, name
        self.span = span

    def __or__(self, other: "Session") -> "Session":
        mine, theirs = (tuple(l4_name(f.key) for f in s.fields) for s in (self, other))
        if mine != theirs or self.bidirectional != other.bidirectional:
            raise CompileError((Diagnostic(
                "error", caller_span(), "the two sessions group by different fields: "
                f"{', '.join(f.key for f in self.fields)} and {', '.join(f.key for f in other.fields)}",
                "two elements, one a session, or one Session over the common fields"),))
        either = tuple(f if f.key == g.key else _either(f, g) for f, g in zip(self.fields, other.fields, strict=True))
        return Session(*either, where=self.where | other.where, bidirectional=self.bidirectional,
                       timeout=min(self.timeout, other.timeout) if self.timeout and other.timeout
                       else self.timeout or other.timeout,
                       name=f"{self.name}|{other.name}" if self.name and other.name else "")

    @staticmethod
    def parse(spec: str) -> "Session":
        """The paper's notation: "proto=TCP, dport=PFP" is Session(Tcp.dport, where=TCP).

        Names: src, dst, sport, dport, proto, vlan; values: PFP, or a constant that narrows the class.
        """
        return _parse(spec)

    def __repr__(self) -> str:
        return self.name or f"Session({', '.join(f.key for f in self.fields)})"


def l4_name(key: str) -> str:
    """tcp.sport and udp.sport are one column of a key: l4.sport."""
    layer, _, name = key.partition(".")
    return f"l4.{name}" if layer in ("tcp", "udp") and name in ("sport", "dport") else key


def _either(f: Field, g: Field) -> Field:
    return L4.sport if l4_name(f.key) == "l4.sport" else L4.dport


def _parse(spec: str) -> Session:
    span = caller_span()

    def bad(message: str) -> CompileError:
        return CompileError((Diagnostic("error", span, message, 'as in "proto=TCP, dport=PFP"'),))

    fields: list[Field] = []
    where: Cls = ANY
    items = [i.strip().partition("=") for i in spec.split(",") if i.strip()]
    words = {k.strip(): v.strip() for k, _, v in items}
    proto = words.pop("proto", "").upper()
    if proto and proto not in ("TCP", "UDP", "IP", "PFP"):
        raise bad(f"unknown protocol {proto!r}; known: TCP, UDP, IP, PFP")
    if proto == "PFP":
        fields.append(Ip.proto)
    elif proto:
        where = {"TCP": TCP, "UDP": UDP, "IP": IP}[proto]
    l4 = {"TCP": Tcp, "UDP": Udp}.get(proto, L4)
    names = {"src": Ip.src, "dst": Ip.dst, "sport": l4.sport, "dport": l4.dport, "vlan": Vlan.vid}
    for k, v in words.items():
        if k not in names:
            raise bad(f"unknown field {k!r}; known: {', '.join(['proto', *names])}")
        if v == "PFP":
            fields.append(names[k])
        elif v.isdigit():
            where = where & (names[k] == int(v))
        else:
            raise bad(f"the value of {k} is PFP or a number, not {v!r}")
    return Session(*fields, where=where, name=spec)


TCP4 = Session(Net.src, Net.dst, Tcp.sport, Tcp.dport, where=TCP, bidirectional=True, timeout=300, name="TCP4")
UDP4 = Session(Net.src, Net.dst, Udp.sport, Udp.dport, where=UDP, bidirectional=True, timeout=300, name="UDP4")
IPPair = Session(Net.src, Net.dst, where=ANY, name="IPPair")
PerVLAN = Session(Vlan.vid, name="PerVLAN")
