"""A proxy in front of one server, between two kernels that are on one network."""

from collections.abc import Iterator

from mcc import Graph, Port, chain, duplex, ip4
from mcc.std import ReverseProxy


@chain
def proxy() -> Iterator[Graph]:
    yield duplex(Port("lan"), ReverseProxy(ip4("198.18.7.60"), [ip4("198.18.7.2")]), Port("wan"))
