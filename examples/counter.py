"""The first chain: counts the packets and bytes of every connection, and lets them pass.

mcc run examples/counter.py examples/captures/http.pcap --sessions -
"""

from collections.abc import Iterator
from typing import Any

from mcc import PASS, TCP4, UDP4, Action, Counter, Element, Packet, Port, chain, duplex, element, struct, u64


@struct
class Count:
    """One for each connection and direction."""

    packets: u64 = 0
    bytes: u64 = 0


@element(session=TCP4 | UDP4, scratch=Count)
class ConnectionCounter(Element):
    """Sees TCP and UDP packets, grouped by connection; all others go by."""

    def setup(self) -> None:
        self.all = Counter()
        self.large = Counter()

    def process_packet(self, s: Count, pkt: Packet) -> Action:
        s.packets += 1
        s.bytes += pkt.length
        self.all += 1
        if pkt.length > 1000:
            self.large += 1
        return PASS


@chain
def counter() -> Iterator[Any]:
    yield duplex(Port("lan"), ConnectionCounter(), Port("wan"))
