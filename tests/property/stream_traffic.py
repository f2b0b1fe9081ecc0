"""Datagrams and TCP dialogues for chains of streams: clean, reordered, repeated, overlapping, cut off, damaged, hostile."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import Any

from hypothesis import strategies as st
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Dot1Q, Ether

from tests.property.compare import Arrival

CLIENT, SERVER = ("10.0.0.1", "192.0.2.9"), ("2001:db8::1", "2001:db8::9")
STEPS = (0.0, 0.0001, 0.001, 0.02, 0.4, 1.2)
"""Seconds between two packets: within a tick, over one, beyond what is held."""
LENGTH = 60
"""Bytes of each direction's stream."""


def payloads() -> st.SearchStrategy[bytes]:
    few = st.lists(st.sampled_from(b"aabbccdd"), max_size=24).map(bytes)
    words = st.lists(st.sampled_from([b"abc", b"aa", b"dcd", b"bbbb", b"cab", b"d", b"\x07b"]), max_size=8).map(b"".join)
    return st.one_of(few, few, words, st.binary(max_size=40))


@st.composite
def datagrams(draw: Any) -> list[Arrival]:
    """Arrivals of a few flows, both ways."""
    out, now = [], 100.0
    for _ in range(draw(st.integers(1, 20))):
        now += draw(st.sampled_from(STEPS))
        back, flow, data = draw(st.booleans()), draw(st.integers(0, 2)), draw(payloads())
        out.append(("wan" if back else "lan", datagram(back, flow, data, draw(st.integers(0, 9))), round(now, 6)))
    return out


def datagram(back: bool, flow: int, data: bytes, odd: int = 9) -> bytes:
    """Flows 0 and 1 are IPv4, 2 is IPv6. odd: 0 no checksum, 1 a wrong one, 2 a VLAN tag, 3 padding."""
    udp = UDP(**_ports(back, flow, 53), **({"chksum": 0} if odd == 0 and flow < 2 else {}),
              **({"chksum": 0x1234} if odd == 1 else {}))
    head = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")
    return bytes((head / Dot1Q(vlan=5) if odd == 2 else head) / _net(back, flow) / udp / data) + bytes(6 * (odd == 3))


def _ports(back: bool, flow: int, server: int) -> dict[str, int]:
    mine = 4000 + flow
    return {"sport": server, "dport": mine} if back else {"sport": mine, "dport": server}


def _net(back: bool, flow: int) -> Any:
    a, b = CLIENT if flow < 2 else SERVER
    src, dst = (b, a) if back else (a, b)
    return IP(src=src, dst=dst, id=7) if flow < 2 else IPv6(src=src, dst=dst)


# ---------------------------------------------------------------- TCP


@dataclass
class Host:
    """One side of a connection. isn: the number of its first byte; end: of its FIN, once it has sent one."""

    isn: int
    data: bytes
    at: int = 0
    end: int | None = None


@dataclass
class Dialogues:
    """A few connections at once, drawn by `r`. hostile: a quarter of the numbers is wild."""

    r: Random
    hostile: bool
    now: float = 100.0
    out: list[Arrival] = field(default_factory=list)

    def run(self, connections: int = 3, steps: int = 25) -> list[Arrival]:
        r = self.r
        flows = [[Host(r.choice([0xFFFFFFF0, 1000, 0x7FFFFFFA]), self.text()),
                  Host(r.choice([5000, 0xFFFFFFFC]), self.text())] for _ in range(connections)]
        for f, hosts in enumerate(flows):
            if r.random() < 0.8:
                self.open(f, hosts)
        for _ in range(r.randrange(2, steps)):
            self.now += r.choice(STEPS[:5])
            f, b = r.randrange(connections), r.randrange(2)
            self.step(f, b, flows[f][b], flows[f][1 - b])
        return self.out

    def text(self) -> bytes:
        return bytes(self.r.choices(b"aabbccdd", k=LENGTH))

    def open(self, f: int, hosts: list[Host]) -> None:
        signed = self.r.random() < 0.05
        self.send(f, 0, hosts[0].isn - 1, 0, "S", b"", options=[(19, b"x" * 16)] if signed else [("WScale", 3), ("MSS", 1460)])
        if self.r.random() < 0.9:
            self.send(f, 1, hosts[1].isn - 1, hosts[0].isn, "SA", b"", options=[("WScale", 2)])

    def step(self, f: int, b: int, me: Host, other: Host) -> None:
        """One segment: the next one, an old one, or one from further on."""
        r = self.r
        size, kind = r.choice([0, 1, 3, 7, 12, 20]), r.random()
        at = me.at
        if kind < 0.5:
            me.at = min(LENGTH, me.at + size)
        elif kind < 0.75:
            at = max(0, at - r.randrange(12))
        else:
            at = min(LENGTH, at + r.randrange(12))
        data = me.data[at:at + size]
        if r.random() < 0.15:  # other bytes than before
            data = bytes(r.choices(b"abcdxyz", k=len(data)))
        flags = r.choices(["A", "FA", "RA", "R", "S", "", "FPU"], [80, 12, 2, 1, 2, 2, 1])[0]
        seq, ack = me.isn + at, other.isn + other.at + (0 if r.random() < 0.8 else r.randrange(-5, 8))
        if flags == "FA" and r.random() < 0.7:
            seq, data, me.end = me.isn + me.at, b"", me.at
        if other.end is not None and r.random() < 0.8:
            ack = other.isn + other.end + 1
        if me.end is not None and r.random() < 0.8:
            seq, data, flags = me.isn + me.end + 1, b"", "A"
        if me.end is not None and other.end is not None and r.random() < 0.3:
            seq, data, flags = r.getrandbits(32), b"", "S"
        if flags == "S" and r.random() < 0.5:
            seq = me.isn - 1
        self.send(f, b, self.wild(seq), self.wild(ack), flags, data)

    def wild(self, number: int) -> int:
        if not self.hostile or self.r.random() < 0.75:
            return number
        return self.r.choice([self.r.getrandbits(32), number + self.r.randrange(-100000, 100000)])

    def send(self, f: int, b: int, seq: int, ack: int, flags: str, data: bytes, options: Any = ()) -> None:
        r = self.r
        tcp = TCP(**_ports(bool(b), f, 80), seq=seq & 0xFFFFFFFF, ack=ack & 0xFFFFFFFF, flags=flags, options=list(options),
                  window=r.choice([0, 1, 8192, 65535]), **({"chksum": 0x1111} if r.random() < 0.04 else {}))
        head = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")
        frame = bytes(head / _net(bool(b), f) / tcp / data) + bytes(5 * (r.random() < 0.05))
        if r.random() < 0.04 and len(data) > 2:  # the end was not captured
            frame = frame[:-2]
        self.out.append(("wan" if b else "lan", frame, round(self.now, 6)))


def dialogues(hostile: bool) -> st.SearchStrategy[list[Arrival]]:
    return st.randoms(use_true_random=False, note_method_calls=False).map(lambda r: Dialogues(r, hostile).run())
