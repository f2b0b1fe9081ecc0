"""Figure 8 of the paper: takes a word out of TCP streams, wherever packets cut it, and both ends stay in step: sequence
numbers and acknowledgements are moved by what was taken out. Here
the words are those by which a browser says what it is.

    mcc run examples/word_remover.py examples/captures/http.pcap -o out.pcap
"""

from collections.abc import Iterator

from mcc import Duplex, Port, chain, duplex, tcp
from mcc.std import WordMatcher


@chain
def word_remover() -> Iterator[Duplex]:
    yield duplex(Port("lan"), tcp(WordMatcher([b"AppleWebKit", b"Safari"])), Port("wan"))
