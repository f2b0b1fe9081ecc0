"""Figure 8 of the paper: takes a word out of TCP streams, wherever packets cut it, and both ends stay in step: sequence
numbers, acknowledgements and selective ones are moved by what was taken out. Here the word is the name of the browser's engine.

    mcc run examples/word_remover.py examples/captures/http.pcap -o out.pcap
"""

from collections.abc import Iterator

from mcc import Duplex, Port, chain, duplex, tcp
from mcc.std import WordMatcher


@chain
def word_remover() -> Iterator[Duplex]:
    yield duplex(Port("lan"), tcp(WordMatcher([b"AppleWebKit", b"Chrome"])), Port("wan"))
