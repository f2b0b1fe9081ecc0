"""A stateful firewall in a duplex, with the port of entry and tags in its rules."""

from collections.abc import Iterator

from mcc import ARP, HTTP, ICMP, UDP, VLAN, Duplex, In, Ip, Port, Tcp, chain, cls, duplex
from mcc.std import Firewall

RULES = [
    (cls("tcp dst port 22") & (In.port == 1), "drop"),
    (VLAN & Ip.dst.within("1.2.3.0/24"), "drop"),
    (HTTP | (Tcp.dport == 443), "pass"),
    (UDP & (In.port == 0), "pass"),
    (ICMP | ARP, "pass"),
]


@chain
def wall() -> Iterator[Duplex]:
    yield duplex(Port("lan"), Firewall(RULES, default="drop"), Port("wan"))
