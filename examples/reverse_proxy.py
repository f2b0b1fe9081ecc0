"""Section V-A of the paper: a reverse proxy at 98.138.19.88 that gives each new HTTP connection to the next of four
servers; clients see only the proxy, and so do the servers. Connections whose beginning is not in the capture are reset.

    mcc run examples/reverse_proxy.py examples/captures/http.pcap -o out.pcap --sessions -
"""

from collections.abc import Iterator

from mcc import Duplex, Port, chain, duplex, ip4
from mcc.std import ReverseProxy

VIP = ip4("98.138.19.88")
server = "98.138.19.88:80"  # for mcc test: what clients connect to
SERVERS = [ip4(f"10.0.1.{i}") for i in range(1, 5)]


@chain
def reverse_proxy() -> Iterator[Duplex]:
    yield duplex(Port("lan"), ReverseProxy(VIP, SERVERS), Port("wan"))
