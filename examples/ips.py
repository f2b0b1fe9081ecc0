"""Figure 11 of the paper: intrusion prevention on streams. Words are searched for across packets, and only the bytes
of a possible one are kept back; rules have several contents, with Snort's offset, depth, distance and within.

    mcc run examples/ips.py examples/captures/http.pcap -o out.pcap --alerts -
"""

from collections.abc import Iterator

from mcc import Duplex, Port, chain, duplex, tcp
from mcc.std import IPS, Content, Rule

RULES = [
    Rule([Content(b"GET ", depth=4), Content(b"/bowls", distance=0, within=40)], "alert", 1001, b"bowls are asked for"),
    Rule([Content(b"HTTP/1.", depth=7), Content(b"content-type: image/gif", nocase=True, distance=0)], "alert", 1002,
         b"an image is sent"),
    Rule([Content(b"GET /a?f=", depth=9)], "close", 1003, b"an advertisement is asked for"),
]


@chain
def ips() -> Iterator[Duplex]:
    yield duplex(Port("lan"), tcp(IPS([b"ATTACK", b"/etc/passwd"], RULES)), Port("wan"))
