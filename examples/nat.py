"""Figure 5 of the paper, a NAT without any library: a session with a structure for its state, the key of the answers.
`from mcc.std import NAT` is the same for UDP and ping too, and checks who may begin.

    mcc run examples/nat.py examples/captures/http.pcap -o out.pcap --sessions -
"""

from collections.abc import Iterator  # noqa: I001  (the names stay on two lines)

from mcc import DROP, IP, PASS, TCP4, Action, Addr4, Duplex, Element, Flow, Packet, Port, Ports
from mcc import chain, duplex, element, ip4, struct, u16, u32


@struct
class NatState:
    port: u16 = 0
    client: u32 = 0
    client_port: u16 = 0


@element(session=TCP4, conn=NatState, cls=IP)  # conn: one copy, shared by both directions
class NAT(Element):
    public: Addr4

    def setup(self) -> None:
        self.ports = Ports(1024, 65535)

    def new_session(self, c: NatState, pkt: Packet, flow: Flow) -> Action:
        if not pkt.tcp.syn or pkt.tcp.ackflag:  # a connection begins with SYN, an answer is SYN and ACK
            return DROP
        c.port = self.ports.take()
        if c.port == 0:
            return DROP
        c.client = pkt.ip.src
        c.client_port = pkt.tcp.sport
        flow.reply_key(src=pkt.ip.dst, sport=pkt.tcp.dport, dst=self.public, dport=c.port)
        return PASS

    def process_packet(self, c: NatState, pkt: Packet, flow: Flow) -> Action:
        if flow.to_server:
            pkt.ip.src = self.public
            pkt.tcp.sport = c.port
        else:
            pkt.ip.dst = c.client
            pkt.tcp.dport = c.client_port
        return PASS

    def release(self, c: NatState) -> None:
        self.ports.give(c.port)


@chain
def nat() -> Iterator[Duplex]:
    yield duplex(Port("lan"), NAT(ip4("192.0.2.1")), Port("wan"))
