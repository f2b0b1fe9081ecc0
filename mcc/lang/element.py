"""`@element`: what an element declares, collected once per class; instances carry parameters and state."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar, dataclass_transform, overload

from mcc.diag import CompileError, Diagnostic, Span
from mcc.lang.classes import Cls
from mcc.lang.node import Node
from mcc.lang.session import Session
from mcc.lang.where import caller_span, class_span

C = TypeVar("C")
F = TypeVar("F", bound=Callable[..., Any])

HANDLERS = ("new_session", "process_packet", "process_batch", "process_data", "release_stream", "release", "on_timer")
"""Handlers by name. A method marked `@on(port=, cls=)` is a process_packet for one input port."""

MAX_HOLD = 1 << 24
"""The most that max_hold= may be, in bytes."""


@dataclass(frozen=True)
class Handler:
    """One handler of an element class. `port`: the input it serves (0 unless `@on` says otherwise)."""

    name: str
    func: Callable[..., Any]
    role: str
    port: int = 0
    cls: Cls | None = None


@dataclass(frozen=True)
class Param:
    """A constructor parameter: class-level annotated field, in order. `default` is MISSING where there is none."""

    name: str
    annotation: Any
    default: Any


MISSING: Any = object()


@dataclass(frozen=True)
class ElemType:
    """What the decorator collected. `others`: what happens on a plain link to a packet outside the class:
    "pass" (it goes by, to output 0) or "drop". `every`: seconds between calls of on_timer, 0: never. max_hold: bytes
    of a stream that may be held; on_overflow: what happens beyond, "release" or "close". cores: 1: core 0 alone handles
    what reaches it, 0: any."""

    name: str
    python: type
    session: Session | None
    cls: Cls | None
    scratch: type | None
    conn: type | None
    ports: tuple[int, int]
    others: str
    every: float
    params: tuple[Param, ...]
    handlers: tuple[Handler, ...]
    span: Span
    max_hold: int = 65536
    on_overflow: str = "release"
    cores: int = 0

    def handler(self, role: str, port: int = 0) -> Handler | None:
        return next((h for h in self.handlers if h.role == role and h.port == port), None)


def fail(span: Span, message: str, hint: str = "") -> typing.NoReturn:
    """Raise the one error of a declaration."""
    raise CompileError((Diagnostic("error", span, message, hint),))


class Element(Node):
    """Base class of elements. Subclasses are decorated with `@element`; instances are nodes of a chain.

    Class-level annotated fields are the constructor's parameters. `setup(self)` is ordinary Python, run once an
    instance: what it stores in `self` is state (Table, HashMap, Counter, ...) or a build-time constant.
    """

    __mcc_elem__: ElemType

    if TYPE_CHECKING:

        def __init__(self) -> None:
            """For type checkers, of elements without parameters; `@element` makes the real one."""

    def setup(self) -> None:
        """Override to build tables and state."""


def _collect_params(c: type) -> tuple[Param, ...]:
    out: dict[str, Param] = {}
    for base in reversed(c.__mro__):
        if base in (object, Element, Node) or not issubclass(base, Element):
            continue
        hints = typing.get_type_hints(base, include_extras=True)
        for name in inspect.get_annotations(base):
            if not name.startswith("_"):
                out[name] = Param(name, hints[name], getattr(base, name, MISSING))
    return tuple(out.values())


def _collect_handlers(c: type) -> tuple[Handler, ...]:
    found: list[Handler] = []
    for name, f in inspect.getmembers(c, inspect.isfunction):
        mark = getattr(f, "__mcc_on__", None)
        if mark is not None:
            found.append(Handler(name, f, "process_packet", mark[0], mark[1]))
        elif name in HANDLERS:
            found.append(Handler(name, f, name))
    order = {h: i for i, h in enumerate(HANDLERS)}
    return tuple(sorted(found, key=lambda h: (order[h.role], h.port)))


def _make_init(params: tuple[Param, ...]) -> Callable[..., None]:
    def __init__(self: Element, *args: Any, **kw: Any) -> None:
        Node.__init__(self, caller_span(1))
        names = [p.name for p in params]
        shown = f"{type(self).__name__}({', '.join(names)})"
        if len(args) > len(names):
            fail(self.span, f"{type(self).__name__} takes {len(names)} arguments, {len(args)} given", shown)
        given = dict(zip(names, args, strict=False))
        for k, v in kw.items():
            if k not in names or k in given:
                fail(self.span, f"{type(self).__name__} has no parameter {k!r}" if k not in names
                     else f"{k!r} is given twice", shown)
            given[k] = v
        for p in params:
            if p.name not in given and p.default is MISSING:
                fail(self.span, f"{type(self).__name__} needs a value for {p.name!r}", shown)
            setattr(self, p.name, given.get(p.name, p.default))
        self.setup()
    return __init__


def _check_declaration(t: ElemType) -> None:
    if t.session is not None and not isinstance(t.session, Session):
        fail(t.span, f"session= of {t.name} is no Session", "a class says which packets, cls=TCP; a session how they "
             "group: session=TCP4, or Session(Ip.src, Ip.dst, bidirectional=True)")
    for what, s in (("scratch", t.scratch), ("conn", t.conn)):
        if s is not None and "__mcc_struct__" not in vars(s):
            fail(t.span, f"{what}= of {t.name} wants a class decorated with @struct")
        if s is not None and t.session is None:
            fail(t.span, f"{t.name} declares {what}= but no session=", "state is kept per session: say which, "
                 "such as session=TCP4")
    if t.conn is not None and t.session is not None and not t.session.bidirectional:
        fail(t.span, f"{t.name} declares conn=, but its session is not bidirectional",
             "conn= is shared by both directions; use scratch=, or Session(..., bidirectional=True)")
    if t.others not in ("pass", "drop"):
        fail(t.span, f"others={t.others!r} of {t.name} is neither 'pass' nor 'drop'")
    if t.cores not in (0, 1):
        fail(t.span, f"cores={t.cores!r} of {t.name} is neither 0 nor 1", "cores=1: one core has its packets")
    if t.handler("process_packet") and t.handler("process_batch"):
        fail(t.span, f"{t.name} has both process_packet and process_batch", "keep one of them")
    if not t.handlers:
        fail(t.span, f"{t.name} has no handler",
             "write process_packet(self, pkt), process_batch(self, batch) or process_data(self, stream)")
    _check_stream(t)
    if t.handler("on_timer") and not t.every:
        fail(t.span, f"{t.name} has on_timer, but no every=", "say how often: @element(every=1.0)")
    if t.handler("new_session") and t.session is None:
        fail(t.span, f"{t.name} has new_session, but no session=")
    for h in t.handlers:
        if h.port >= t.ports[0]:
            fail(t.span, f"{t.name}.{h.name} is for input {h.port}, but the element has {t.ports[0]}",
                 f"declare ports=({h.port + 1}, {t.ports[1]})")


def _check_stream(t: ElemType) -> None:
    packets = next((h.name for h in t.handlers if h.role in ("process_packet", "process_batch")), None)
    if t.handler("process_data") and packets:
        fail(t.span, f"{t.name} has both process_data and {packets}", "an element sees a stream or packets: make two")
    if t.handler("process_data") and t.session is None:
        fail(t.span, f"{t.name} has process_data, but no session=", "a stream is one direction of a session: "
             "say which, such as session=TCP4")
    if t.handler("release_stream") and not t.handler("process_data"):
        fail(t.span, f"{t.name} has release_stream, but no process_data",
             "release_stream ends a stream; release(self) is called where a session ends")
    if not isinstance(t.max_hold, int) or not 1 <= t.max_hold <= MAX_HOLD:
        fail(t.span, f"max_hold={t.max_hold!r} of {t.name} is not a number of bytes from 1 to {MAX_HOLD}")
    if t.on_overflow not in ("release", "close"):
        fail(t.span, f"on_overflow={t.on_overflow!r} of {t.name} is neither 'release' nor 'close'")


@overload
@dataclass_transform(field_specifiers=(), kw_only_default=False)
def element(c: type[C], /) -> type[C]: ...


@overload
@dataclass_transform(field_specifiers=(), kw_only_default=False)
def element(*, session: Session | None = None, cls: Cls | None = None, scratch: type | None = None,
            conn: type | None = None, ports: tuple[int, int] = (1, 1), others: str = "pass", every: float = 0,
            max_hold: int = 65536, on_overflow: str = "release", cores: int = 0,
            name: str = "") -> Callable[[type[C]], type[C]]: ...


def element(c: Any = None, /, *, session: Session | None = None, cls: Cls | None = None, scratch: type | None = None,
            conn: type | None = None, ports: tuple[int, int] = (1, 1), others: str = "pass", every: float = 0,
            max_hold: int = 65536, on_overflow: str = "release", cores: int = 0, name: str = "") -> Any:
    """Declare an element: which packets it wants, how they group into sessions, how much state it keeps (paper II).

    cls: traffic class; session: grouping, each listed field is populate-from-packet; scratch: a @struct kept per
    session and direction; conn: a @struct shared by both directions; ports: numbers of inputs and outputs;
    others: "pass" or "drop" for packets outside the class on a plain link; every: seconds between on_timer calls;
    max_hold: bytes of a stream that may be held (1 to 2^24), on_overflow: what happens beyond, "release" or "close";
    cores=1: with `--cores N` one core handles all packets that may reach it, and its timer (docs/live.md, Many cores).
    Raises CompileError, with the class's place, for a declaration that cannot be right.
    """
    def wrap(k: type) -> type:
        span = class_span(k)
        if not issubclass(k, Element):
            fail(span, f"{k.__name__} must derive from Element", f"class {k.__name__}(Element):")
        t = ElemType(name or k.__name__, k, session, cls, scratch, conn, ports, others, every,
                     _collect_params(k), _collect_handlers(k), span, max_hold, on_overflow, cores)
        _check_declaration(t)
        k.__mcc_elem__ = t
        k.__init__ = _make_init(t.params)  # type: ignore[method-assign]
        return k
    return wrap(c) if c is not None else wrap


def on(*, port: int, cls: Cls | None = None) -> Callable[[F], F]:
    """Mark a method as the process_packet of input `port`; `cls` narrows what that input wants."""
    def mark(f: F) -> F:
        f.__mcc_on__ = (port, cls)  # type: ignore[attr-defined]
        return f
    return mark


def inline(f: F) -> F:
    """A helper function compiled into its callers; every argument and the result are annotated."""
    f.__mcc_inline__ = True  # type: ignore[attr-defined]
    return f
