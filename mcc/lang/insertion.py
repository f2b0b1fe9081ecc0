"""`>> ~element`: a context link to a stream element brings the contexts that are missing (LANGUAGE 2.3).

    a >> ~x >> b          =>   a >> ~TCPIn >> x >> TCPOut >> b           (one pair a protocol of the session)
    a >> ~x >> ~y >> b    =>   a >> ~TCPIn >> x >> y >> TCPOut >> b
    duplex(p, a >> ~x, q) =>   duplex(p, a >> TCPIn >> x >> TCPOut, q)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeGuard

from mcc.diag import CompileError, Diagnostic, Span
from mcc.lang.context import ContextNode, Options, context_class, pair
from mcc.lang.element import Element
from mcc.lang.node import At, Link, Node


@dataclass
class Run:
    """Stream elements in a row that share the contexts around them."""

    pairs: list[tuple[ContextNode, ContextNode]]


def _plain(n: Node) -> Node:
    return n.node if isinstance(n, At) else n


def is_stream(n: Node) -> TypeGuard[Element]:
    """Whether it reads a stream."""
    return isinstance(n, Element) and n.__mcc_elem__.handler("process_data") is not None


def protocols(x: Element) -> tuple[str, ...]:
    """The protocols that carry the sessions of an element: where= of its session names them."""
    session = x.__mcc_elem__.session
    text = str(session.where) if session is not None else ""
    found = tuple(p for p in ("tcp", "udp") if p.upper() in text)
    return found or ("ip",)


def insert_contexts(links: Sequence[Link]) -> list[Link]:
    """The links of one path, contexts put in where a context link leads to a stream element outside of one."""
    runs: dict[int, Run] = {}
    inside: set[int] = set()
    for link in links:  # what stands between written contexts needs none
        src, dst = _plain(link.src), _plain(link.dst)
        opens = isinstance(src, ContextNode) and src.role == "in"
        if (opens or id(src) in inside) and is_stream(dst):
            inside.add(id(dst))
    out: list[Link] = []
    for link in links:
        src, dst = _plain(link.src), _plain(link.dst)
        run = runs.get(id(src))
        if is_stream(dst) and id(dst) not in inside and (link.context or run is not None):
            if run is not None:
                runs[id(dst)] = run
                out.append(replace(link, context=False))
                continue
            if id(dst) not in runs:
                runs[id(dst)] = Run([_new_pair(p, link.span) for p in protocols(dst)])
                out += [Link(first, 0, dst, 0, False, None, link.span) for first, _ in runs[id(dst)].pairs]
            out += [Link(link.src, link.out, first, 0, True, link.cls, link.span) for first, _ in runs[id(dst)].pairs]
        elif run is not None and link.out == 0:
            several = len(run.pairs) > 1
            for _, last in run.pairs:
                leave = Link(link.src, 0, last, 0, False, context_class(last.protocol) if several else None, link.span)
                out += [x for x in (leave,) if x not in out]
                out.append(replace(link, src=last))
        else:
            out.append(link)
    return out


def insert_in_line(line: Sequence[Node], led: Sequence[Node], span: Span) -> list[Node]:
    """The elements of a duplex; `led`: those to which a context link leads. Stream elements in a row, the first of them
    led to and outside of written contexts, get one pair of ends around them. Raises CompileError where these could be
    of several protocols: a line has one way."""
    out: list[Node] = []
    last: ContextNode | None = None
    written = 0
    for n in line:
        if isinstance(n, ContextNode):
            written += 1 if n.role == "in" else -1
        if last is not None and not is_stream(n):
            out.append(last)
            last = None
        if last is None and not written and is_stream(n) and any(n is x for x in led):
            found = protocols(n)
            if len(found) > 1:
                message = f"a context link to {n.__mcc_elem__.name} in a duplex could mean {' or '.join(found)}"
                raise CompileError((Diagnostic("error", span, message, "tcp(..) or udp(..), or one behind the other"),))
            first, last = _new_pair(found[0], span)
            out.append(first)
        out.append(n)
    return out if last is None else [*out, last]


def _new_pair(protocol: str, span: Span) -> tuple[ContextNode, ContextNode]:
    a = ContextNode(protocol, "in", Options(), span)
    b = ContextNode(protocol, "out", Options(), span)
    pair(a, b)
    return a, b
