"""Figure 10 of the paper: the CRC of each direction of every stream, used when the stream ends: contents whose CRC is
known to be bad are counted.

    mcc run examples/crc.py examples/captures/http.pcap -o out.pcap --sessions -
"""

from collections.abc import Iterator

from mcc import Duplex, Port, chain, duplex, tcp
from mcc.std import StreamCRC

BAD = [0xE8F64502]


@chain
def crc() -> Iterator[Duplex]:
    yield duplex(Port("lan"), tcp(StreamCRC(bad=BAD)), Port("wan"))
