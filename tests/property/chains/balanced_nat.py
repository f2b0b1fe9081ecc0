"""Two translators in one duplex, each of which says its part of what answers carry."""

from collections.abc import Iterator

from mcc import Duplex, Port, chain, duplex, ip4
from mcc.std import NAT, LoadBalancer

SERVERS = [ip4("10.0.1.2"), ip4("10.0.2.3")]


@chain
def balanced_nat() -> Iterator[Duplex]:
    yield duplex(Port("lan"), LoadBalancer(SERVERS) >> NAT(ip4("192.0.2.1"), high=1031), Port("wan"))
