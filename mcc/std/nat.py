"""Network address and port translation for IPv4 (NAPT44; RFC 3022, terms of RFC 4787): TCP, UDP, ICMP echo.

    client:port -> server   becomes   public:taken -> server,   and the answers come back to client:port
"""

from mcc import (
    DROP,
    ICMP,
    IP,
    PASS,
    TCP4,
    UDP4,
    Action,
    Addr4,
    Counter,
    Element,
    Flow,
    HashMap,
    Icmp,
    Packet,
    PerCore,
    Ports,
    element,
    struct,
    u16,
    u32,
    u64,
)

ECHO_REPLY, ECHO_REQUEST = 0, 8


@struct
class Translation:
    """The client behind the public port, one a connection."""

    port: u16 = 0
    client: u32 = 0
    client_port: u16 = 0


@element(session=TCP4 | UDP4, conn=Translation, cls=IP)
class NAT(Element):
    """Clients share the address `public`: source address and port of what they send, and back in the answers.

    Class and session: TCP and UDP over IPv4, a connection each (endpoint-dependent filtering: only the server that
    was addressed may answer). All other packets go by; put `NATIcmp` beside it, and `Filter` for the rest.
    For a duplex; clients are on port number `inside`. A connection from elsewhere is dropped, and TCP that does not
    begin with SYN. State: one of the ports `low`-`high` a connection, given back when it ends; without one the
    connection is dropped (counter `exhausted`). Output 0: translated packets.
    """

    public: Addr4
    inside: u16 = 0
    low: int = 1024
    high: int = 65535

    def setup(self) -> None:
        self.ports = Ports(self.low, self.high)
        self.sessions = Counter()
        self.refused = Counter()
        self.exhausted = Counter()

    def new_session(self, c: Translation, pkt: Packet, flow: Flow) -> Action:
        if pkt.in_port != self.inside or pkt.ip.dst == self.public:
            self.refused += 1
            return DROP
        if pkt.is_tcp:
            if not pkt.tcp.syn or pkt.tcp.ackflag:
                self.refused += 1
                return DROP
        c.port = self.ports.take()
        if c.port == 0:
            self.exhausted += 1
            return DROP
        c.client = pkt.ip.src
        c.client_port = pkt.l4.sport
        flow.reply_key(dst=self.public, dport=c.port)
        self.sessions += 1
        return PASS

    def process_packet(self, c: Translation, pkt: Packet, flow: Flow) -> Action:
        if flow.to_server:
            pkt.ip.src = self.public
            pkt.l4.sport = c.port
        else:
            pkt.ip.dst = c.client
            pkt.l4.dport = c.client_port
        return PASS

    def release(self, c: Translation) -> None:
        self.ports.give(c.port)


@element(cls=ICMP & Icmp.type.any_of(ECHO_REPLY, ECHO_REQUEST), cores=1)
class NATIcmp(Element):
    """`NAT` for ping: the identifier of an echo request takes the place of a port.

    Class: ICMP echo requests and replies over IPv4. No session: two maps (client and identifier to the public
    identifier, and back) hold up to `cap` queries, each for 60 s from its last request (RFC 5508, REQ-1). Identifiers
    are counted up. Requests from elsewhere than port number `inside`, and replies that nobody waits for, are dropped.
    """

    public: Addr4
    inside: u16 = 0
    cap: int = 4096

    def setup(self) -> None:
        self.ids = HashMap[u64, u16](self.cap, timeout=60)
        self.clients = HashMap[u16, u64](self.cap, timeout=60)
        self.last: PerCore[u16] = PerCore(u16, 0)
        self.refused = Counter()

    def process_packet(self, pkt: Packet) -> Action:
        if pkt.icmp.type == ECHO_REQUEST:
            if pkt.in_port != self.inside:
                self.refused += 1
                return DROP
            client = u64(pkt.ip.src) << 16 | u64(pkt.icmp.id)
            known = self.ids.get(client)
            id: u16 = 0
            if known is None:
                self.last.value += 1
                id = self.last.value
            else:
                id = known
            self.ids.put(client, id)
            self.clients.put(id, client)
            pkt.ip.src = self.public
            pkt.icmp.id = id
            return PASS
        asked = self.clients.get(pkt.icmp.id)
        if asked is None or pkt.in_port == self.inside or pkt.ip.dst != self.public:
            self.refused += 1
            return DROP
        pkt.ip.dst = u32(asked >> 16)
        pkt.icmp.id = u16(asked & 0xFFFF)
        return PASS
