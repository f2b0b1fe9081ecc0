"""Load balancing by round robin, a server for each new connection (paper, V-A): `LoadBalancer` rewrites one address,
`ReverseProxy` both, so that answers must come back through the box."""

from mcc import (
    DROP,
    IP,
    PASS,
    RESET,
    TCP4,
    UDP4,
    Action,
    Addr4,
    Counter,
    Element,
    Flow,
    Ip,
    Packet,
    PerCore,
    Ports,
    Table,
    element,
    struct,
    u16,
    u32,
)
from mcc.std.select import set_class


@struct
class Balance:
    """The server of a connection, and the address that its client believes to talk to."""

    server: u32 = 0
    service: u32 = 0


@element(session=TCP4 | UDP4, conn=Balance, cls=IP)
class LoadBalancer(Element):
    """Sends each connection to the next of `servers`: the destination address of the client's packets.

    Class and session: TCP and UDP over IPv4, a connection each; a link narrows it: `{HTTP | UDP: LoadBalancer(..)}`.
    Answers that come through the box get the address back that the client knows. With `direct=True` they are expected
    to come from that address itself (the servers own it: direct server return) and pass as they are.
    Output 0: all packets. Counter `sessions`.
    """

    servers: list[Addr4]
    direct: bool = False

    def setup(self) -> None:
        self.pool = Table(u32, self.servers)
        self.turn: PerCore[u32] = PerCore(u32, 0)
        self.sessions = Counter()

    def new_session(self, c: Balance, pkt: Packet, flow: Flow) -> Action:
        c.server = self.pool[self.turn.value % len(self.pool)]
        self.turn.value += 1
        c.service = pkt.ip.dst
        if not self.direct:
            flow.reply_key(src=c.server)
        self.sessions += 1
        return PASS

    def process_packet(self, c: Balance, pkt: Packet, flow: Flow) -> Action:
        if flow.to_server:
            pkt.ip.dst = c.server
        elif not self.direct:
            pkt.ip.src = c.service
        return PASS


@struct
class Proxied:
    """A proxied connection: its server, the port that the box uses towards it, and its client."""

    server: u32 = 0
    port: u16 = 0
    client: u32 = 0
    client_port: u16 = 0


@element(session=TCP4 | UDP4, conn=Proxied)
class ReverseProxy(Element):
    """Stands for `servers` at the address `vip`, port `port`: clients see only it, and so do the servers.

    Class and session: TCP and UDP over IPv4 to `vip`, a connection each, and its answers; all other packets go by.
    A new connection gets the next server and one of the ports `low`-`high` (none left: dropped, counter `exhausted`).
    TCP without a session that is not a SYN to `port` is RESET, UDP to another port dropped (counter `refused`).
    For a duplex, or one port where both sides come in. Output 0: rewritten packets. Counter `sessions`.
    """

    vip: Addr4
    servers: list[Addr4]
    port: u16 = 80
    low: int = 1024
    high: int = 65535

    def setup(self) -> None:
        set_class(self, Ip.dst == self.vip)
        self.pool = Table(u32, self.servers)
        self.ports = Ports(self.low, self.high)
        self.turn: PerCore[u32] = PerCore(u32, 0)
        self.sessions = Counter()
        self.refused = Counter()
        self.exhausted = Counter()

    def new_session(self, c: Proxied, pkt: Packet, flow: Flow) -> Action:
        if pkt.is_tcp:
            if not pkt.tcp.syn or pkt.tcp.ackflag or pkt.tcp.dport != self.port:
                self.refused += 1
                return RESET
        if pkt.l4.dport != self.port:
            self.refused += 1
            return DROP
        c.port = self.ports.take()
        if c.port == 0:
            self.exhausted += 1
            return DROP
        c.server = self.pool[self.turn.value % len(self.pool)]
        self.turn.value += 1
        c.client = pkt.ip.src
        c.client_port = pkt.l4.sport
        flow.reply_key(src=c.server, sport=self.port, dst=self.vip, dport=c.port)
        self.sessions += 1
        return PASS

    def process_packet(self, c: Proxied, pkt: Packet, flow: Flow) -> Action:
        pkt.ip.src = self.vip
        if flow.to_server:
            pkt.l4.sport = c.port
            pkt.ip.dst = c.server
        else:
            pkt.l4.sport = self.port
            pkt.ip.dst = c.client
            pkt.l4.dport = c.client_port
        return PASS

    def release(self, c: Proxied) -> None:
        self.ports.give(c.port)
