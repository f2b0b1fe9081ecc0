"""Contexts: `tcp(x)`, `udp(x)`, `ip(x)` put a pair of nodes around stream elements (docs/streams.md, docs/contexts.md).

Between the pair elements see streams; the pair is one thing with one state a session, whichever end packets come in by.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mcc.diag import CompileError, Diagnostic, Span
from mcc.lang.algebra import Cls, has
from mcc.lang.node import Node, Path, _as_path
from mcc.lang.session import TCP4, UDP4, IPPair, Session
from mcc.lang.where import caller_span

PROTOCOLS = ("ip", "udp", "tcp")

SECONDS = ("hold_timeout", "reorder_timeout", "timeout")
BYTES = ("buffer",)
CHOICES = {
    "midstream": ("pick", "pass", "drop"),
    "at_cap": ("pass", "drop", "reset"),
    "urgent": ("map", "clear"),
    "protected": ("pass", "drop"),
}
"""Policies; the first is the default. midstream: connections whose SYN was not seen; at_cap: more is to be kept than
`buffer`; urgent: the urgent pointer; protected: connections with TCP-AO or MD5 signatures."""

OPTIONS = {
    "tcp": ("hold_timeout", "reorder_timeout", "buffer", "preack", *CHOICES),
    "udp": ("timeout", "hold_timeout"),
    "ip": ("timeout", "hold_timeout"),
}


@dataclass(frozen=True)
class Options:
    """What a context was told. Times in seconds (0: never), `buffer` in bytes a connection."""

    hold_timeout: float = 1.0
    reorder_timeout: float = 60.0
    timeout: float = 0.0
    buffer: int = 8 << 20
    preack: bool = True
    midstream: str = "pick"
    at_cap: str = "pass"
    urgent: str = "map"
    protected: str = "pass"


class ContextNode(Node):
    """One end of a context. `partner` is the other one; both share `options`."""

    partner: "ContextNode | None" = None

    def __init__(self, protocol: str, role: str, options: Options, span: Span) -> None:
        super().__init__(span)
        self.protocol, self.role, self.options = protocol, role, options

    @property
    def title(self) -> str:
        return f"{self.protocol.upper()}{self.role.capitalize()}"


def context_class(protocol: str) -> Cls:
    """Packets that a context takes; others go by."""
    return has("ip") | has("ip6") if protocol == "ip" else has(protocol)


def context_session(protocol: str, options: Options | None = None) -> Session:
    """What a context's state is kept by; with the timeout of its options, where they have one."""
    session = {"tcp": TCP4, "udp": UDP4, "ip": IPPair}[protocol]
    if options is None or not options.timeout:
        return session
    return Session(*session.fields, where=session.where, bidirectional=session.bidirectional, timeout=options.timeout,
                   name=session.name)


def make_options(protocol: str, given: dict[str, Any], span: Span) -> Options:
    """Options from keywords. Raises CompileError for what the protocol does not have."""
    def bad(message: str, hint: str) -> CompileError:
        return CompileError((Diagnostic("error", span, message, hint),))

    known = OPTIONS[protocol]
    for k, v in given.items():
        if k not in known:
            raise bad(f"{protocol}() has no option {k!r}", f"it has {', '.join(known)}")
        if k in CHOICES and v not in CHOICES[k]:
            raise bad(f"{k}={v!r} is not a policy", f"one of {', '.join(map(repr, CHOICES[k]))}")
        if k in SECONDS and (isinstance(v, bool) or not isinstance(v, (int, float)) or not 0 <= v <= 1e6):
            raise bad(f"{k}={v!r} is not a time in seconds", "such as 1.0; 0: never")
        if k in BYTES and (isinstance(v, bool) or not isinstance(v, int) or not 1 << 12 <= v <= 1 << 30):
            raise bad(f"{k}={v!r} is not a number of bytes", "from 4096 to 1 << 30")
        if k == "preack" and not isinstance(v, bool):
            raise bad(f"preack={v!r} is neither True nor False", "")
    return Options(**given)


def pair(a: ContextNode, b: ContextNode) -> None:
    """Make two ends one context."""
    a.partner, b.partner = b, a


def _inside(protocol: str, items: list[Any] | tuple[Any, ...], span: Span) -> list[Path]:
    """What a context is put around. Raises CompileError for nothing, and for a context of this layer or one below."""
    def bad(message: str, hint: str) -> CompileError:
        return CompileError((Diagnostic("error", span, message, hint),))

    if not items:
        raise bad(f"{protocol}() is around nothing", f"{protocol}(Element()), or a list of elements in a row")
    paths = [_as_path(item, span) for item in items]
    inner = next((n for p in paths for n in p.linear if isinstance(n, ContextNode)), None)
    if inner is not None and PROTOCOLS.index(inner.protocol) <= PROTOCOLS.index(protocol):
        raise bad(f"{inner.protocol}() is inside {protocol}()",
                  f"a context is entered and left once, for all elements between: {protocol}([A(), B()])")
    return paths


def _around(protocol: str, x: Any, given: dict[str, Any], span: Span) -> Path:
    options = make_options(protocol, given, span)
    paths = _inside(protocol, x if isinstance(x, (list, tuple)) else [x], span)
    first = ContextNode(protocol, "in", options, span)
    last = ContextNode(protocol, "out", options, span)
    pair(first, last)
    out = Path(first)
    for path in paths:
        out = out >> path
    return out >> last


def tcp(x: Any, **options: Any) -> Path:
    """TCP streams for `x`, one element or a list of elements in a row.

    hold_timeout: seconds after which held bytes are let go (0: never). reorder_timeout: seconds that segments wait for
    one that is missing. buffer: bytes kept a connection. preack: acknowledge held bytes early. midstream, at_cap,
    urgent, protected: policies (docs/contexts.md). Raises CompileError for options that cannot be right.
    """
    return _around("tcp", x, options, caller_span())


def udp(x: Any, **options: Any) -> Path:
    """Datagram streams for `x`. timeout: seconds of silence that end a stream (0: the session's)."""
    return _around("udp", x, options, caller_span())


def ip(x: Any, **options: Any) -> Path:
    """Streams of what IP packets carry, behind all IP headers, for `x`."""
    return _around("ip", x, options, caller_span())
