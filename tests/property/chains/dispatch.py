"""Dispatch by {class: path} with pcap text and objects, nested; outputs beyond the first; others="drop"; fan-out by
context links; drops of every kind."""

from collections.abc import Iterator

from mcc import (
    ANY,
    ARP,
    CLOSE,
    DROP,
    HTTP,
    IP,
    PASS,
    RESET,
    TCP,
    UDP,
    VLAN,
    Action,
    Counter,
    Drop,
    Element,
    Ip,
    Packet,
    Path,
    Port,
    Tcp,
    Udp,
    chain,
    cls,
    element,
    raw,
    to,
)


@element(cls=IP, ports=(1, 3))
class Spread(Element):
    """By the last bits of the address; class IP, others go by."""

    def process_packet(self, pkt: Packet) -> Action:
        match pkt.ip.src & 7:
            case 2:
                return to(1)
            case 3 | 5:
                return to(2)
            case 4:
                return DROP
        return PASS


@element(cls=TCP | UDP, others="drop")
class Only(Element):
    def setup(self) -> None:
        self.low = Counter()

    def process_packet(self, pkt: Packet) -> Action:
        if pkt.l4.sport < 1000:
            self.low += 1
        return CLOSE if pkt.l4.dport == 22 else PASS


@element(cls=VLAN & (Ip.ttl > 1))
class Tags(Element):
    def process_packet(self, pkt: Packet) -> Action:
        return RESET if pkt.vlan.vid == 4095 else PASS


@element(cls=ARP)
class Asked(Element):
    def setup(self) -> None:
        self.replies = Counter()

    def process_packet(self, pkt: Packet) -> Action:
        if pkt.arp.op == 2:
            self.replies += 1
        return PASS


@element
class Any(Element):
    def setup(self) -> None:
        self.bytes = Counter()

    def process_packet(self, pkt: Packet) -> Action:
        self.bytes += pkt.length
        return PASS


@chain
def dispatch() -> Iterator[Path]:
    lan, wan, dmz = Port("lan"), Port("wan"), Port("dmz")
    spread, only, rest = Spread(), Only(), Any()
    yield lan >> {
        cls("vlan and tcp dst port 80"): Tags() >> wan,
        HTTP & ~Ip.src.within("10.1.0.0/16"): spread,
        cls("udp and not src net 10.0.0.0/24"): dmz,
        (Tcp.dport.between(400, 500) | Udp.dport.any_of(53, 67)): only,
        raw("12/0806 20/0001"): Asked() >> dmz,
        cls("icmp[icmptype] == icmp-echo or ip[6:2] & 0x1fff != 0"): {Ip.dst.within("10.0.1.0/24"): rest, ANY: Drop()},
        cls("greater 900"): Drop(),
        ANY: rest,
    }
    yield spread >> wan
    yield spread[1] >> only
    yield spread[2] >> [~Tags() >> dmz, ~Any() >> wan]
    yield only >> dmz
    yield rest >> wan
    yield wan >> ~Asked() >> lan
    yield dmz >> only
