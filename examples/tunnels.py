"""Streams inside tunnels: the CRC of each direction, whatever is around the connection (here VXLAN). Without inner=True
the chain sees UDP to port 4789.

    mcc run examples/tunnels.py examples/captures/vxlan.pcap -o out.pcap --sessions -
"""

from collections.abc import Iterator

from mcc import Duplex, Port, chain, duplex, tcp
from mcc.std import StreamCRC


@chain
def tunnels() -> Iterator[Duplex]:
    yield duplex(Port("lan", inner=True), tcp(StreamCRC()), Port("wan", inner=True))
