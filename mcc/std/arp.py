"""ARP for IPv4 over Ethernet (RFC 826): answers for an address of the box, and next hops looked up by asking."""

from mcc import (
    ARP,
    DROP,
    IP,
    PASS,
    Action,
    Addr4,
    Arp,
    Counter,
    Element,
    HashMap,
    Mac,
    Packet,
    arp_request,
    element,
    emit,
    on,
    u8,
    u32,
    u64,
)

REQUEST, REPLY = 1, 2


@element(cls=ARP & (Arp.op == REQUEST))
class ARPResponder(Element):
    """Answers who-has `ip` with `mac`; requests for other addresses are dropped.

    Class: ARP requests, the rest goes by, so link it with a context link:
    `lan >> ~ARPResponder(ip, mac) >> Port("lan")`.
    Output 0: the answer, made out of the request; it keeps its VLAN tag and padding.
    """

    ip: Addr4
    mac: Mac

    def setup(self) -> None:
        self.answered = Counter()

    def process_packet(self, pkt: Packet) -> Action:
        if pkt.arp.tpa != self.ip:
            return DROP
        asker = pkt.arp.sha
        pkt.eth.dst = asker
        pkt.eth.src = self.mac
        pkt.arp.op = REPLY
        pkt.arp.tha = asker
        pkt.arp.tpa = pkt.arp.spa
        pkt.arp.sha = self.mac
        pkt.arp.spa = self.ip
        self.answered += 1
        return PASS


@element(ports=(2, 1), cores=1)
class ARPQuerier(Element):
    """Puts the MAC address of the next hop into IPv4 packets, asking for it where it is not known.

    Input 0, class IP: to be sent; the next hop is `pkt.next_hop`, by default the destination. Broadcast and multicast
    addresses are not asked for (RFC 1112, 6.4). Input 1: ARP answers, `wan >> ~querier[1]`; only answers to `ip` and
    `mac` teach anything. Output 0: packets with their addresses, and requests.
    State: 4096 hops for 300 s; up to 8 packets a hop and 1024 in all wait, the oldest of a hop is dropped first; a
    hop is asked for at most once a second.
    """

    ip: Addr4
    mac: Mac

    def setup(self) -> None:
        self.hops = HashMap[u32, u64](4096, timeout=300)
        self.asked = HashMap[u32, u8](4096, timeout=1)
        self.requests = Counter()
        self.learned = Counter()

    @on(port=0, cls=IP)
    def resolve(self, pkt: Packet) -> Action:
        hop = pkt.next_hop
        if hop >> 28 == 14:
            pkt.eth.dst = 0x01_00_5E_00_00_00 | u64(hop & 0x7F_FFFF)
            pkt.eth.src = self.mac
            return PASS
        if hop == 0xFFFF_FFFF:
            pkt.eth.dst = 0xFFFF_FFFF_FFFF
            pkt.eth.src = self.mac
            return PASS
        known = self.hops.get(hop)
        if known is None:
            lately = self.asked.get(hop)
            if lately is None:
                self.asked.put(hop, 1)
                self.requests += 1
                emit(arp_request(self.ip, self.mac, hop))
            return self.hops.park(hop, pkt)
        pkt.eth.dst = known
        pkt.eth.src = self.mac
        return PASS

    @on(port=1, cls=ARP & (Arp.op == REPLY))
    def learn(self, pkt: Packet) -> Action:
        if pkt.arp.tpa == self.ip and pkt.arp.tha == self.mac:
            self.hops.put(pkt.arp.spa, pkt.arp.sha)
            self.learned += 1
        return DROP
