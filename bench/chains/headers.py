"""Headers are parsed, and packets go to the other port: the floor under every other figure."""

from collections.abc import Iterator

from mcc import Path, Port, chain


@chain
def headers() -> Iterator[Path]:
    lan, wan = Port("lan"), Port("wan")
    yield lan >> wan
    yield wan >> lan
