"""Regular expressions in streams with Hyperscan, wherever packets cut what matches; needs `apt-get install
libhyperscan-dev`. A match is reported; `action="reset"` ends its session.

    mcc run examples/regex.py examples/captures/http.pcap -o out.pcap --alerts -
"""

from collections.abc import Iterator

from mcc import Duplex, Port, chain, duplex, tcp
from mcc.std import RegexMatcher

PATTERNS = [r"union\s+select", r"<script[^>]{0,80}>", r"HTTP/1\.[01] 30[1-4]", r"GET /\w+/bowls"]


@chain
def dpi() -> Iterator[Duplex]:
    yield duplex(Port("lan"), tcp(RegexMatcher(PATTERNS, flags="i")), Port("wan"))
