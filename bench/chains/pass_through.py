"""Headers are parsed, and packets go to the other port: the floor under every other figure."""

from collections.abc import Iterator

from mcc import Graph, Port, chain


@chain
def pass_through() -> Iterator[Graph]:
    lan, wan = Port("lan"), Port("wan")
    yield lan >> wan
    yield wan >> lan
