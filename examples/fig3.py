"""Figure 3 of the paper: ARP for the box's address, a filter for HTTP, a load balancer for HTTP and UDP; other TCP
is dropped. The filter looks at the first bytes of HTTP payload in each packet: it lets no request for /bowls through.

    mcc run examples/fig3.py --port lan=pcap:examples/captures/http.pcap \\
        --port wan=pcap:examples/captures/fig3_arp.pcap,out.pcap --stats -

Packets wait in ARPQuerier until the answers in fig3_arp.pcap tell the MAC addresses of the next hops.
"""

from collections.abc import Iterator

from mcc import (
    ANY,
    DROP,
    HTTP,
    UDP,
    Action,
    Counter,
    Drop,
    Element,
    FlowClassifier,
    Packet,
    Path,
    Port,
    Tcp,
    chain,
    element,
    ip4,
    mac,
    raw,
)
from mcc.std import ARPQuerier, ARPResponder, LoadBalancer

IP, MAC = ip4("10.0.0.1"), mac("02:00:00:00:00:01")
BOWLS = HTTP & (Tcp.doff == 5) & raw("54/474554202f626f776c7320")  # "GET /bowls " behind 20 bytes of IP and 20 of TCP


@element(cls=BOWLS)
class HTTPFilter(Element):
    """Drops such requests; all other packets go by."""

    def setup(self) -> None:
        self.blocked = Counter()

    def process_packet(self, pkt: Packet) -> Action:
        self.blocked += 1
        return DROP


@chain
def fig3() -> Iterator[Path]:
    lan, wan = Port("lan"), Port("wan")
    arp = ARPQuerier(IP, MAC)
    lb = LoadBalancer([ip4("10.0.1.1"), ip4("10.0.1.2")], direct=True)
    yield lan >> ~ARPResponder(IP, MAC) >> lan
    yield wan >> ~arp[1]
    # behind the second classifier only addresses and ports decide, so that answers find the walk of their session
    yield lan >> HTTPFilter() >> FlowClassifier() >> {HTTP | UDP: lb, ANY: Drop()}
    yield lb >> arp >> wan
