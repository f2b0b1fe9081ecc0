"""Clients behind one address, between two kernels that are on one network."""

from collections.abc import Iterator

from mcc import Graph, Port, chain, duplex, ip4
from mcc.std import NAT


@chain
def nat() -> Iterator[Graph]:
    yield duplex(Port("lan"), NAT(ip4("198.18.7.50")), Port("wan"))
