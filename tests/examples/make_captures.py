"""Makes the captures of the examples that are not real ones: python -m tests.examples.make_captures."""

from __future__ import annotations

from pathlib import Path

from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.l2 import ARP, Ether
from scapy.layers.vxlan import VXLAN
from scapy.utils import PcapReader, PcapWriter

CAPTURES = Path(__file__).resolve().parents[2] / "examples" / "captures"
BOX_IP, BOX_MAC = "10.0.0.1", "02:00:00:00:00:01"
HOPS = {"10.0.1.1": "02:00:00:00:01:01", "10.0.1.2": "02:00:00:00:01:02", "172.16.133.132": "02:00:00:00:02:01"}


def fig3_arp(path: Path) -> None:
    """The answers to fig3's questions about its two servers and the client, 1 ms after http.pcap begins, 1 ms apart."""
    with PcapReader(str(CAPTURES / "http.pcap")) as reader:
        start = next(iter(reader)).time
    with PcapWriter(str(path), linktype=1) as out:
        for i, (ip, mac) in enumerate(HOPS.items(), start=1):
            p = Ether(src=mac, dst=BOX_MAC) / ARP(op=2, psrc=ip, hwsrc=mac, pdst=BOX_IP, hwdst=BOX_MAC)
            p.time = start + i / 1000
            out.write(p)


def vxlan(path: Path) -> None:
    """The first connection of http.pcap between two ends of a VXLAN tunnel; UDP without checksums, as most send it."""
    ends = {"02:00:00:00:00:0a": "192.0.2.1", "02:00:00:00:00:0b": "192.0.2.2"}
    with PcapReader(str(CAPTURES / "http.pcap")) as reader, PcapWriter(str(path), linktype=1) as out:
        first = None
        for p in reader:
            key = frozenset([(p[IP].src, p[TCP].sport), (p[IP].dst, p[TCP].dport)])
            first = first or (key, p[IP].src)
            if key != first[0]:
                continue
            (mac, src), (far, dst) = list(ends.items())[::1 if p[IP].src == first[1] else -1]
            q = Ether(src=mac, dst=far) / IP(src=src, dst=dst) / UDP(sport=49152, dport=4789, chksum=0) / VXLAN(vni=7) / p
            q.time = p.time
            out.write(q)


if __name__ == "__main__":
    fig3_arp(CAPTURES / "fig3_arp.pcap")
    vxlan(CAPTURES / "vxlan.pcap")
