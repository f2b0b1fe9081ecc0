"""Copies of what passes: to a second port (`Mirror`), into a capture (`Capture`)."""

from dataclasses import replace

from mcc import ANY, PASS, Action, Cls, Element, Packet, PerCore, element, emit, u64
from mcc.std.select import set_class


@element(ports=(1, 2))
class Mirror(Element):
    """Output 0: every packet, as it came. Output 1: a copy of those in `only`.

    Class: `only`, the rest goes by. The copy is taken as the packet is here, with what elements before have rewritten,
    and is not in the order of the walk behind output 0: it leaves before the packet.
    """

    only: Cls = ANY

    def setup(self) -> None:
        set_class(self, self.only)

    def process_packet(self, pkt: Packet) -> Action:
        emit(pkt, port=1)
        return PASS


@element(ports=(1, 2))
class Capture(Element):
    """A tap inside a chain: `tap = Capture(cls("port 53")); src >> tap >> dst; tap[1] >> Port("tap")`, and
    `mcc run --port tap=pcap:,tap.pcap` writes the file.

    Class: `only`, the rest goes by. Output 0: every packet. Output 1: copies of the first `limit` of `only` (0: all).
    With a limit one core counts.
    """

    only: Cls = ANY
    limit: u64 = 0

    def setup(self) -> None:
        set_class(self, self.only)
        if self.limit:
            self.__mcc_elem__ = replace(self.__mcc_elem__, cores=1)
        self.taken: PerCore[u64] = PerCore(u64, 0)

    def process_packet(self, pkt: Packet) -> Action:
        if self.limit == 0:
            emit(pkt, port=1)
        elif self.taken.value < self.limit:
            self.taken.value += 1
            emit(pkt, port=1)
        return PASS
