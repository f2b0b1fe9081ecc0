"""Random traffic, hostile and plain: what a box may meet on its ports, as (port, frame, time in seconds).

    arrivals = traffic(random.Random(7), 300, Mix(public=0xC0000201))
    @given(arrivals(Mix()))                    # the same, drawn by Hypothesis

Conversations of TCP (SYN to FIN or RST, both directions), UDP, ping and ARP over IPv4, IPv6 and up to three VLAN tags
run beside each other; some frames are doubled, cut, padded, fragmented, bent or junk; time goes by in steps from
nothing to days. Answers know address translation: where `Mix.public` is set, some go to that address and a port that
the box may have taken.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from hypothesis import strategies as st

Arrival = tuple[str, bytes, float]

FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
MACS = (0x020000000001, 0x020000000002, 0x020000000003, 0xFFFFFFFFFFFF, 0x01005E000001)


@dataclass(frozen=True)
class Mix:
    """What traffic looks like. `left`, `right`: ports of clients and of servers; `public`: the address of a translating
    box, 0: none, with the ports `taken`; `mac`: the box's own; `junk`: share of frames that are spoilt."""

    left: str = "lan"
    right: str = "wan"
    clients: tuple[int, ...] = (0x0A000002, 0x0A000003, 0x0A010004)
    servers: tuple[int, ...] = (0x0A000102, 0x0A000203, 0x01020304)
    sports: tuple[int, ...] = (4000, 4001, 80)
    dports: tuple[int, ...] = (80, 443, 22, 53)
    public: int = 0
    taken: tuple[int, ...] = tuple(range(1024, 1032))
    mac: int = 0x020000000001
    vlans: bool = True
    ip6: bool = True
    junk: float = 0.06
    jumps: float = 0.05
    kinds: tuple[str, ...] = ("tcp", "tcp", "tcp", "udp", "icmp", "arp")
    open: int = 6
    pace: tuple[float, ...] = (0.0, 0.0, 0.0001, 0.003, 0.02, 0.3)


# ---------------------------------------------------------------- frames


def checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071)."""
    data += b"\0" * (len(data) & 1)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


def ether(src: int, dst: int, etype: int, payload: bytes, tags: tuple[tuple[int, int], ...] = ()) -> bytes:
    """An Ethernet frame; tags are (TPID, TCI), the outermost first."""
    head = dst.to_bytes(6, "big") + src.to_bytes(6, "big")
    head += b"".join(struct.pack("!HH", tpid, tci) for tpid, tci in tags)
    return head + struct.pack("!H", etype) + payload


def ip4(src: int, dst: int, proto: int, payload: bytes, *, ident: int = 1, ttl: int = 64, tos: int = 0,
        frag: int = 0, options: bytes = b"") -> bytes:
    """An IPv4 packet; `frag`: flags and fragment offset as on the wire."""
    ihl = 5 + len(options) // 4
    head = struct.pack("!BBHHHBBHII", 0x40 | ihl, tos, ihl * 4 + len(payload), ident, frag, ttl, proto, 0, src, dst)
    head += options
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + payload


def ip6(src: int, dst: int, following: int, payload: bytes) -> bytes:
    """An IPv6 packet between 2001:db8::SRC and 2001:db8::DST."""
    base = 0x20010DB8 << 96
    return (struct.pack("!IHBB", 0x60000000, len(payload), following, 64) + (base | src).to_bytes(16, "big")
            + (base | dst).to_bytes(16, "big") + payload)


def pseudo(src: int, dst: int, proto: int, length: int, six: bool) -> bytes:
    if six:
        base = 0x20010DB8 << 96
        return (base | src).to_bytes(16, "big") + (base | dst).to_bytes(16, "big") + struct.pack("!II", length, proto)
    return struct.pack("!IIBBH", src, dst, 0, proto, length)


def tcp(src: int, dst: int, sport: int, dport: int, flags: int, seq: int, ack: int, payload: bytes = b"", *,
        six: bool = False, options: bytes = b"", window: int = 1000) -> bytes:
    doff = 5 + len(options) // 4
    head = struct.pack("!HHIIBBHHH", sport, dport, seq & 0xFFFFFFFF, ack & 0xFFFFFFFF, doff << 4, flags, window, 0, 0)
    data = head + options + payload
    found = checksum(pseudo(src, dst, 6, len(data), six) + data)
    return data[:16] + struct.pack("!H", found) + data[18:]


def udp(src: int, dst: int, sport: int, dport: int, payload: bytes, *, six: bool = False, summed: bool = True) -> bytes:
    data = struct.pack("!HHHH", sport, dport, 8 + len(payload), 0) + payload
    found = (checksum(pseudo(src, dst, 17, len(data), six) + data) or 0xFFFF) if summed else 0
    return data[:6] + struct.pack("!H", found) + data[8:]


def icmp(kind: int, code: int, ident: int, seq: int, payload: bytes = b"") -> bytes:
    data = struct.pack("!BBHHH", kind, code, 0, ident, seq) + payload
    return data[:2] + struct.pack("!H", checksum(data)) + data[4:]


def arp(op: int, sha: int, spa: int, tha: int, tpa: int) -> bytes:
    return (struct.pack("!HHBBH", 1, 0x0800, 6, 4, op) + sha.to_bytes(6, "big") + spa.to_bytes(4, "big")
            + tha.to_bytes(6, "big") + tpa.to_bytes(4, "big"))


# ---------------------------------------------------------------- conversations


@dataclass
class Talk:
    """One conversation: who, where (tags, IPv6), and an iterator of (from the client?, frame)."""

    r: random.Random
    mix: Mix
    six: bool = False
    tags: tuple[tuple[int, int], ...] = ()
    client: int = field(init=False)
    server: int = field(init=False)
    sport: int = field(init=False)
    dport: int = field(init=False)
    seen: int = field(init=False)

    def __post_init__(self) -> None:
        r, mix = self.r, self.mix
        self.client, self.server = r.choice(mix.clients), r.choice(mix.servers)
        self.sport, self.dport = r.choice(mix.sports), r.choice(mix.dports)
        self.six = mix.ip6 and r.random() < 0.15
        self.seen = r.choice(mix.taken)
        if mix.vlans and r.random() < 0.35:
            self.tags = tuple((r.choice((0x8100, 0x8100, 0x88A8, 0x9100)), r.choice((1, 2, 2, 0x6002, 4095)))
                              for _ in range(r.choice((1, 1, 1, 2, 3))))

    def ends(self, up: bool) -> tuple[int, int, int, int]:
        """Source, destination, ports of a packet from the client (`up`) or to it, as the wire beside its sender has
        them: answers go to the translated address, mostly."""
        client, sport = self.client, self.sport
        if not up and self.mix.public and self.r.random() < 0.9:
            client, sport = self.mix.public, self.seen if self.r.random() < 0.8 else self.r.choice(self.mix.taken)
        return (client, self.server, sport, self.dport) if up else (self.server, client, self.dport, sport)

    def frame(self, up: bool, proto: int, body: bytes, src: int, dst: int) -> bytes:
        r = self.r
        tags = self.tags if r.random() < 0.96 else ()
        a, b = (MACS[0], MACS[1]) if up else (MACS[1], MACS[0])
        if self.six:
            return ether(a, b, 0x86DD, ip6(src, dst, proto, body), tags)
        options = bytes(4 * r.randint(1, 10)) if r.random() < 0.05 else b""
        return ether(a, b, 0x0800, ip4(src, dst, proto, body, ident=r.randrange(65536), tos=r.choice((0, 0, 0x10)),
                                       ttl=r.choice((64, 64, 1, 255)), options=options), tags)

    def payload(self) -> bytes:
        n = self.r.choice((0, 0, 1, 7, 30, 200, 1200))
        return self.r.choice((b"GET / HTTP/1.1\r\n", b"DELETE /x", b"\0\xff", b"ab"))[:n] + bytes(max(0, n - 16))

    def tcp(self) -> Iterator[tuple[bool, bytes]]:
        r = self.r
        nxt = {True: r.choice((0, 1000, 0xFFFFFFF0)), False: r.randrange(1 << 32)}

        def one(up: bool, flags: int, payload: bytes = b"") -> tuple[bool, bytes]:
            src, dst, sport, dport = self.ends(up)
            options = r.choice((b"", b"", b"\x02\x04\x05\xb4", b"\x01" * 12))
            body = tcp(src, dst, sport, dport, flags, nxt[up], nxt[not up] if flags & ACK else 0, payload,
                       six=self.six, options=options, window=r.choice((0, 1000, 65535)))
            nxt[up] = (nxt[up] + len(payload) + bool(flags & SYN) + bool(flags & FIN)) & 0xFFFFFFFF
            return up, self.frame(up, 6, body, src, dst)
        if r.random() < 0.9:
            yield one(True, SYN)
        if r.random() < 0.85:
            yield one(False, SYN | ACK)
            yield one(True, ACK)
        for _ in range(r.randint(0, 5)):
            yield one(r.random() < 0.5, ACK | r.choice((0, PSH)), self.payload())
        last = r.random()
        if last < 0.5:
            first = r.random() < 0.5
            yield one(first, FIN | ACK)
            if r.random() < 0.5:
                yield one(not first, ACK)
            yield one(not first, FIN | ACK, self.payload() if r.random() < 0.3 else b"")
            yield one(first, ACK)
        elif last < 0.7:
            yield one(r.random() < 0.5, RST | r.choice((0, ACK)))

    def udp(self) -> Iterator[tuple[bool, bytes]]:
        for i in range(self.r.randint(1, 6)):
            up = i == 0 or self.r.random() < 0.5
            src, dst, sport, dport = self.ends(up)
            yield up, self.frame(up, 17, udp(src, dst, sport, dport, self.payload(), six=self.six,
                                             summed=self.six or self.r.random() < 0.8), src, dst)

    def icmp(self) -> Iterator[tuple[bool, bytes]]:
        self.six = False
        for i in range(self.r.randint(1, 4)):
            up = i % 2 == 0
            src, dst, *_ = self.ends(up)
            kind = self.r.choice((8, 8, 8, 3, 11)) if up else self.r.choice((0, 0, 0, 3))
            ident = self.r.randint(1, 6)
            yield up, self.frame(up, 1, icmp(kind, 0, ident, i, b"ping"), src, dst)

    def arp(self) -> Iterator[tuple[bool, bytes]]:
        r, mix = self.r, self.mix
        addresses = (*mix.clients, *mix.servers, mix.public or 0x0A000001, 0x0A000001)
        for _ in range(r.randint(1, 3)):
            op = r.choice((1, 2, 2, 2, 3))
            own = r.choice((mix.public or 0x0A000001, 0x0A000001)) if r.random() < 0.9 else r.choice(addresses)
            body = arp(op, r.choice(MACS), r.choice(addresses), mix.mac if op == 2 and r.random() < 0.8 else 0, own)
            up = r.random() < 0.4
            yield up, ether(MACS[2], mix.mac, 0x0806, body + bytes(r.choice((0, 18))), self.tags)


# ---------------------------------------------------------------- spoilt frames, time, the whole


def spoil(r: random.Random, frame: bytes) -> bytes:
    """A frame with something wrong: cut, padded, a bit bent, a fragment, junk, another EtherType, a bad length."""
    data = bytearray(frame)
    pick = r.randrange(8)
    if pick == 0:
        return bytes(data[:r.randint(0, len(data))])
    if pick == 1:
        return bytes(data) + r.randbytes(r.randint(1, 30))
    if pick == 2 and data:
        data[r.randrange(len(data))] ^= 1 << r.randrange(8)
        return bytes(data)
    if pick == 3 and len(data) > 34 and data[12:14] == b"\x08\x00":
        data[20:22] = struct.pack("!H", r.choice((0x2000, 0x4000, 0x2001, 185, 0x8000)))
        return bytes(data)
    if pick == 4:
        return r.randbytes(r.choice((0, 1, 13, 14, 15, 20, 60, 300)))
    if pick == 5 and len(data) >= 14:
        data[12:14] = struct.pack("!H", r.choice((0x0800, 0x86DD, 0x0806, 0x8100, 0x88A8, 0x1234, 0x05DC)))
        return bytes(data)
    if pick == 6 and len(data) > 34 and data[12:14] == b"\x08\x00":
        where = r.choice((14, 16, 17, 23, 46))
        data[min(where, len(data) - 1)] = r.choice((0, 0x44, 0x45, 0x46, 0x4F, 0x55, 0x50, 0xF0, 6, 17, 1, 255))
        return bytes(data)
    tags = tuple((0x8100, r.randrange(4096)) for _ in range(r.choice((1, 4, 8, 9))))
    return bytes(data[:12]) + b"".join(struct.pack("!HH", *t) for t in tags) + bytes(data[12:])


def step(r: random.Random, mix: Mix) -> float:
    """Seconds to the next packet: mostly as in `mix.pace`, at times minutes, seldom days."""
    if r.random() >= mix.jumps:
        return r.choice(mix.pace)
    return r.choice((1.0, 2.5, 5.0, 61.0, 299.9, 300.0, 301.0, 86400.0) if r.random() < 0.95 else (4e6,))


def traffic(r: random.Random, count: int, mix: Mix | None = None, *, start: float = 0.0) -> list[Arrival]:
    """`count` arrivals of a mix, in order of time (sometimes a little back)."""
    mix = mix or Mix()
    out: list[Arrival] = []
    now, going = start + r.choice((0.0, 0.5)), []
    while len(out) < count:
        while len(going) < mix.open:
            talk = Talk(r, mix)
            going.append(getattr(talk, r.choice(mix.kinds))())
        try:
            it = r.choice(going)
            up, frame = next(it)
        except StopIteration:
            going.remove(it)
            continue
        now += step(r, mix)
        if r.random() < mix.junk:
            frame = spoil(r, frame)
        port = mix.left if up == (r.random() < 0.985) else mix.right
        at = now if r.random() < 0.98 else max(start, now - 0.05)
        out.append((port, frame, round(at, 9)))
        if r.random() < 0.03:
            out.append(out[-1])
    return out[:count]


def arrivals(mix: Mix | None = None, *, most: int = 60) -> st.SearchStrategy[list[Arrival]]:
    """Traffic drawn by Hypothesis."""
    return st.builds(lambda r, n: traffic(r, n, mix), st.randoms(use_true_random=False), st.integers(1, most))
