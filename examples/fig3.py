"""Figure 3 of the paper: ARP for the box's address, a filter for HTTP, a load balancer for HTTP and UDP; other TCP
is dropped. The filter looks at the first four bytes of HTTP payload in each packet: it lets no DELETE through.

    mcc run examples/fig3.py --port lan=pcap:examples/captures/http.pcap --port wan=pcap:,out.pcap --stats -
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
DELETE = HTTP & raw("54/44454c45")  # "DELE" behind 20 bytes of IP and 20 of TCP


@element(cls=DELETE & (Tcp.doff == 5))
class HTTPFilter(Element):
    """Drops requests to delete; all other packets go by."""

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
    yield lan >> {HTTP: HTTPFilter() >> lb, UDP: lb, ANY: Drop()}
    yield lb >> arp >> wan
