"""Section V-A of the paper: a reverse proxy at 198.51.100.80 that gives each new HTTP connection to the next of four
servers; clients see only the proxy, and so do the servers.

    mcc run examples/reverse_proxy.py examples/captures/proxy.pcap -o out.pcap --sessions -
"""

from collections.abc import Iterator

from mcc import Duplex, Port, chain, duplex, ip4
from mcc.std import PacketStats, ReverseProxy

VIP = ip4("198.51.100.80")
SERVERS = [ip4(f"10.0.1.{i}") for i in range(1, 5)]


@chain
def reverse_proxy() -> Iterator[Duplex]:
    yield duplex(Port("lan"), PacketStats() >> ReverseProxy(VIP, SERVERS), Port("wan"))
