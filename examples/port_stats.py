"""Section II-B of the paper: one scratchpad for each TCP destination port, `proto=TCP, dport=PFP`.

    mcc run examples/port_stats.py examples/captures/http.pcap --sessions -
"""

from collections.abc import Iterator

from mcc import PASS, Action, Batch, Element, Path, Port, Session, chain, element, struct, u64


@struct
class Count:
    packets: u64 = 0
    bytes: u64 = 0


@element(session=Session.parse("proto=TCP, dport=PFP"), scratch=Count)
class PortStats(Element):
    def process_batch(self, s: Count, batch: Batch) -> Action:
        s.packets += len(batch)
        s.bytes += batch.bytes
        return PASS


@chain
def port_stats() -> Iterator[Path]:
    yield Port("lan") >> PortStats() >> Port("wan")
