"""Which byte strings a chain cares about, so that drawn streams contain them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

MOST, LONGEST = 16, 64


def tokens_of(graph: Any, transform: Any = None) -> tuple[bytes, ...]:
    """Byte strings (and ASCII strings) in the parameters of a graph's elements, and literals of the transform; at most
    16 of at most 64 bytes."""
    found: list[bytes] = []
    for n in graph.elements:
        found += _bytes_in(vars(n.elem.inst) if hasattr(n.elem, "inst") else {}, 0)
    code = getattr(transform, "__code__", None)
    found += _bytes_in(code.co_consts if code is not None else (), 0, texts=False)
    good = [t for t in dict.fromkeys(found) if 1 <= len(t) <= LONGEST]
    return tuple(good[:MOST])


def _bytes_in(value: Any, depth: int, texts: bool = True) -> Iterator[bytes]:
    if isinstance(value, bytes):
        yield value
    elif isinstance(value, str) and texts and depth > 1 and value.isascii():
        yield value.encode()
    elif depth < 3 and isinstance(value, dict):
        for v in value.values():
            yield from _bytes_in(v, depth + 1, texts)
    elif depth < 3 and isinstance(value, (list, tuple, set, frozenset)):
        for v in value:
            yield from _bytes_in(v, depth + 1, texts)
