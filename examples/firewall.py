"""A stateful firewall: ordered rules in the class language, compiled into one classifier. Answers of sessions that a
rule lets in pass, whatever the rules say about them.

    mcc run examples/firewall.py examples/captures/http.pcap -o out.pcap --stats -

"packets" of the elements rule1_drop, rule2_pass, .. are the rules' counters.
"""

from collections.abc import Iterator

from mcc import ARP, HTTP, ICMP, Duplex, Ip, Port, Tcp, chain, cls, duplex
from mcc.std import Firewall

RULES = [
    (cls("tcp dst port 22 or tcp dst port 23"), "drop"),
    (HTTP & Ip.dst.within("98.138.0.0/16"), "drop"),
    (HTTP | (Tcp.dport == 443), "pass"),
    (cls("udp dst port 53"), "pass"),
    (ICMP | ARP, "pass"),
]


@chain
def firewall() -> Iterator[Duplex]:
    yield duplex(Port("lan"), Firewall(RULES, default="drop"), Port("wan"))
