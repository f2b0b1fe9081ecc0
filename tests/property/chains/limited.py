"""Elements that share state between sessions beside one with a batch handler: whoever comes first is served first, be it
a packet of a session, one without, or the first of a new session."""

from collections.abc import Iterator

from mcc import PASS, TCP4, UDP4, Action, Element, Flow, HashMap, Packet, Path, Port, chain, element, struct, u8, u32
from mcc.std import PacketStats, RateLimiter


@struct
class Turn:
    mine: u32 = 0
    last: u32 = 0


@element(session=TCP4 | UDP4, scratch=Turn, cores=1)
class Turns(Element):
    """The number of the newest session, as each packet finds it; forgotten `after` seconds."""

    after: float = 0

    def setup(self) -> None:
        self.newest: HashMap[u8, u32] = HashMap(4, timeout=self.after)

    def new_session(self, s: Turn, pkt: Packet, flow: Flow) -> Action:
        newest = self.newest.get(0)
        s.mine = u32(1) if newest is None else newest + 1
        self.newest.put(0, s.mine)
        return PASS

    def process_packet(self, s: Turn, pkt: Packet) -> Action:
        newest = self.newest.get(0)
        if newest is not None:
            s.last = s.last * 31 + newest
        return PASS


@chain
def limited() -> Iterator[Path]:
    yield Port("lan") >> RateLimiter(20_000, burst=4_000) >> Turns() >> PacketStats() >> Port("wan")
    yield Port("wan") >> RateLimiter(20_000, burst=4_000) >> Turns(0.05) >> PacketStats() >> Port("lan")
