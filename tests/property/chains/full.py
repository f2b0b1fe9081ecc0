"""Few sessions: new_session that refuses or faults, port exhaustion, the order in which embryonic flows are evicted."""

from collections.abc import Iterator

from mcc import (
    DROP,
    PASS,
    RESET,
    TCP4,
    Action,
    Counter,
    Duplex,
    Element,
    Flow,
    Packet,
    PerCore,
    Port,
    Ports,
    Table,
    chain,
    duplex,
    element,
    struct,
    u8,
    u16,
    u32,
)


@struct
class Number:
    port: u16 = 0
    turn: u32 = 0


@element(session=TCP4, conn=Number)
class Takes(Element):
    """Takes a port a connection, and gives it back; refuses some."""

    def setup(self) -> None:
        self.pool = Ports(2000, 2005)
        self.given = Counter()
        self.turn: PerCore[u32] = PerCore(u32, 0)

    def new_session(self, c: Number, pkt: Packet) -> Action:
        c.port = self.pool.take()
        self.turn.value += 1
        c.turn = self.turn.value
        if c.port == 0:
            return DROP
        return PASS

    def process_packet(self, c: Number, pkt: Packet, flow: Flow) -> Action:
        pkt.tcp.urgent = c.port
        return PASS

    def release(self, c: Number) -> None:
        self.given += 1
        self.pool.give(c.port)


@element(session=TCP4, scratch=Number)
class Faults(Element):
    """Refuses and faults in new_session: Takes must release what it took."""

    def setup(self) -> None:
        self.small = Table(u8, [1, 2, 3, 4, 5])
        self.sum = Counter()

    def new_session(self, s: Number, pkt: Packet) -> Action:
        s.port = pkt.tcp.sport
        self.sum += self.small[pkt.tcp.dport & 7]
        if pkt.tcp.rst:
            return RESET
        return PASS

    def process_packet(self, s: Number, pkt: Packet) -> Action:
        self.sum += self.small[pkt.tcp.window & 7]
        s.turn += 1
        return PASS

    def release(self, s: Number) -> None:
        self.sum += s.turn
        self.sum += s.port


@chain
def full() -> Iterator[Duplex]:
    yield duplex(Port("lan"), Takes() >> Faults(), Port("wan"))
