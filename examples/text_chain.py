"""The text form of a chain, in the manner of Click: elements of this file and of the library by name, classes as
pcap expressions, `~>` for context links.

    mcc run examples/text_chain.py --port lan=pcap:examples/captures/http.pcap --port wan=pcap:,out.pcap --stats -
"""

from mcc import PASS, Action, Counter, Element, Packet, chain, element


@element
class Count(Element):
    """Counts what comes by."""

    def setup(self) -> None:
        self.packets = Counter()

    def process_packet(self, pkt: Packet) -> Action:
        self.packets += 1
        return PASS


text_chain = chain("""
    lan ~> ARPResponder('10.0.0.1', '02:00:00:00:00:01') -> lan;
    lan -> { 'tcp dst port 80': requests :: Count() -> tag :: VlanTag(80) -> wan,
             'tcp src port 80': answers :: Count() -> wan,
             'udp': RateLimiter(125000) -> wan,
             '-': Discard() }
""", name="text_chain")
