"""Hypothesis strategies of streams, hosts, wires and dialogues. Values shrink towards short, clean, lossless ones."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Any

from mcc.testing.needed import st
from mcc.testing.plans import Dialogue, Fate, Host

ISNS = (1000, 2**32 - 1, 2**32 - 7, 2**31 - 3, 0)
ALL = ("lose", "twice", "late", "bend", "cut")


@lru_cache
def streams(tokens: tuple[bytes, ...] = (), *, least: int = 0, pieces: int = 6) -> Any:
    """Bytes in which `tokens`, whole and in halves, are frequent."""
    halves = tuple(t[:max(1, len(t) // 2)] for t in tokens) + tuple(t[len(t) // 2:] for t in tokens)
    parts: list[Any] = [st.binary(max_size=12)]
    if tokens:
        parts = [st.sampled_from(tokens), st.binary(max_size=12), st.sampled_from(tokens + halves)]
    return st.lists(st.one_of(parts), min_size=1 if least else 0, max_size=pieces).map(b"".join).map(
        lambda b: b if len(b) >= least else b + b"." * (least - len(b)))


@lru_cache
def segments(tokens: tuple[bytes, ...] = ()) -> Any:
    """A stream cut into segments."""
    return st.tuples(streams(tokens, least=1), sizes()).map(lambda t: split(t[0], t[1]))


def split(data: bytes, planned: tuple[int, ...]) -> list[bytes]:
    """`data` cut by sizes; the rest is the last piece."""
    out, at = [], 0
    for size in planned:
        if at < len(data):
            out.append(data[at:at + size])
            at += size
    return out + ([data[at:]] if at < len(data) else [])


@lru_cache
def sizes() -> Any:
    """Sizes of segments, small ones first."""
    return st.lists(st.integers(1, 20), max_size=12).map(tuple)


@lru_cache
def impairments(kinds: tuple[str, ...] = ALL, most: int = 10) -> Any:
    """Fates of the first frames of a link; one of a table of fates each, so that drawing is cheap."""
    table = [Fate()]
    for kind in kinds:
        if kind == "late":
            table += [Fate("pass", ms / 1000) for ms in range(1, 5)]
        elif kind in ("bend", "cut"):
            table += [Fate(kind, 0.0, where) for where in range(5)]
        else:
            table += [Fate(kind)] * 3
    return st.lists(st.sampled_from(table), max_size=most).map(tuple)


_ISN = st.sampled_from(ISNS) | st.integers(0, 2**32 - 1)
_GAPS, _WRITES = st.integers(0, 15), st.lists(st.integers(1, 30), max_size=2)
_SETTINGS = st.sampled_from([
    (scale, sack, stamps, mss, delayed) for delayed in (False, True) for scale in (2, 0, 7, None)
    for mss in (1460, 88, 536) for sack in (True, False) for stamps in (True, False)])
"""(window scale, SACK, timestamps, MSS, delayed ACKs): one draw for all."""


@st.composite
def hosts(draw: Any, tokens: tuple[bytes, ...] = (), *, least: int = 0, quiet: bool = False) -> Host:
    """A host with a stream to send; a `quiet` one only closes."""
    data = b"" if quiet else draw(streams(tokens, least=least))
    at, writes = 0.0, []
    for piece in split(data, draw(_WRITES) if data else ()):
        at += draw(_GAPS) / 1000
        writes.append((at, piece))
    scale, sack, stamps, mss, delayed = draw(_SETTINGS)
    return Host(isn=draw(_ISN), writes=tuple(writes), scale=scale, sack=sack, timestamps=stamps,
                clock=draw(st.sampled_from([5000, 2**32 - 3])), mss=mss, delayed_ack=delayed, cuts=draw(sizes()),
                recuts=draw(sizes()))


@st.composite
def dialogues(draw: Any, tokens: tuple[bytes, ...] = (), *, kinds: tuple[str, ...] = ALL, least: int = 0,
              both: bool = True) -> Dialogue:
    """Two hosts and a bad wire: both talk, or the client alone."""
    client = draw(hosts(tokens, least=least))
    server = draw(hosts(tokens, quiet=not both))
    links = tuple(draw(impairments(kinds)) for _ in range(4)) if kinds else ((), (), (), ())
    return Dialogue(client, server, links, ip6=draw(st.booleans()))


@st.composite
def hard(draw: Any, tokens: tuple[bytes, ...] = ()) -> Dialogue:
    """A dialogue in which also windows close, hosts wait, and half-open and simultaneous connections happen."""
    d: Dialogue = draw(dialogues(tokens))
    buffer = draw(st.sampled_from([65535, 64, 16]))
    pause = draw(st.sampled_from([0, 30, 100]))
    server = replace(d.server, buffer=buffer, pauses=((0.0, pause / 1000),) if pause else ())
    client = replace(d.client, stop_and_wait=draw(st.booleans()))
    simultaneous = draw(st.sampled_from([False, False, True]))
    return replace(d, client=client, server=server, simultaneous=simultaneous)
