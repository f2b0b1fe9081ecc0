"""Figure 13 of the paper, by VLAN: sessions of the first VLAN tag beside sessions of connections, in one lookup.

    mcc run examples/vlan_stats.py examples/captures/vlan.pcap --sessions -

VlanStats has one counter a VLAN, shared by all connections in it; PacketStats one a connection and direction. Packets
leave without their outer tag.
"""

from collections.abc import Iterator

from mcc import Duplex, Port, chain, duplex
from mcc.std import PacketStats, VlanStats, VlanStrip


@chain
def vlan_stats() -> Iterator[Duplex]:
    yield duplex(Port("lan"), VlanStats() >> PacketStats() >> VlanStrip(), Port("wan"))
