"""The first example to read: an element that counts packets by kind, and lets them all pass.

    mcc run examples/packet_counter.py examples/captures/http.pcap --stats -

The counters are in "elements": {"PacketCounter": {"counters": ..}}.
"""

from collections.abc import Iterator

from mcc import PASS, Action, Counter, Element, Packet, Path, Port, chain, element


@element
class PacketCounter(Element):
    """Sees every packet: no class, no session."""

    def setup(self) -> None:  # ordinary Python, run once when the chain is built
        self.tcp = Counter()
        self.udp = Counter()
        self.others = Counter()

    def process_packet(self, pkt: Packet) -> Action:  # compiled to C
        if pkt.is_tcp:
            self.tcp += 1
        elif pkt.is_udp:
            self.udp += 1
        else:
            self.others += 1
        return PASS


@chain
def packet_counter() -> Iterator[Path]:
    yield Port("lan") >> PacketCounter() >> Port("wan")
