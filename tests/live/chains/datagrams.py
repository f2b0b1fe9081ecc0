"""Datagrams that grow."""

from collections.abc import Iterator

from mcc import Graph, Port, chain, duplex, udp
from mcc.std import WordMatcher


@chain
def longer() -> Iterator[Graph]:
    yield duplex(Port("lan"), udp(WordMatcher(b"ATTACK", mode="replace", text=b"[taken out by the box]")), Port("wan"))
