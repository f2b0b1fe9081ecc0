"""A reverse proxy by round robin with statistics around it, batches, a rate limit, a port counter."""

from collections.abc import Iterator

from mcc import (
    PASS,
    Action,
    Batch,
    Counter,
    Duplex,
    Element,
    Net,
    Port,
    Session,
    chain,
    duplex,
    element,
    ip4,
    struct,
    u64,
)
from mcc.std import PacketStats, RateLimiter, ReverseProxy

SOURCES = Session(Net.src, timeout=10)


@struct
class Load:
    packets: u64 = 0
    bytes: u64 = 0


@element(session=SOURCES, scratch=Load)
class Sources(Element):
    def setup(self) -> None:
        self.packets = Counter()

    def process_batch(self, s: Load, batch: Batch) -> Action:
        s.packets += len(batch)
        self.packets += len(batch)
        for p in batch:
            s.bytes += p.length
        return PASS


@chain
def proxy() -> Iterator[Duplex]:
    servers = [ip4("10.0.1.2"), ip4("10.0.2.3"), ip4("1.2.3.4")]
    yield duplex(Port("lan"), Sources() >> PacketStats() >> ReverseProxy(ip4("10.0.1.2"), servers) >> RateLimiter(100_000),
                 Port("wan"))
