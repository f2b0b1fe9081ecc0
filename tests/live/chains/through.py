"""Everything passes: what is measured and compared without a middlebox."""

from collections.abc import Iterator

from mcc import Graph, Port, chain, duplex
from mcc.std import PacketStats


@chain
def through() -> Iterator[Graph]:
    yield duplex(Port("lan"), PacketStats(), Port("wan"))
