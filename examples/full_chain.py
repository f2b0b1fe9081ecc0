"""Section V-B of the paper: statistics, reconstruction of streams, useful bytes, checksum, CRC, intrusion prevention
and a load-balancing proxy, fused into one walk: each packet is classified once and looked up once.

    mcc run examples/full_chain.py examples/captures/http.pcap -o out.pcap --stats -
"""

from collections.abc import Iterator

from mcc import Duplex, Port, chain, duplex, ip4, tcp
from mcc.std import IPS, PacketStats, ReverseProxy, StreamChecksum, StreamCRC, StreamStats

VIP = ip4("98.138.19.88")
SERVERS = [ip4("10.0.1.1"), ip4("10.0.1.2")]


@chain
def full_chain() -> Iterator[Duplex]:
    streams = tcp([StreamStats(), StreamCRC(), StreamChecksum(), IPS([b"ATTACK"])])
    yield duplex(Port("lan"), PacketStats() >> streams >> ReverseProxy(VIP, SERVERS), Port("wan"))
