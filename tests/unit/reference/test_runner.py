"""One handler in CPython: coercions, typed locals, state, faults, header writes."""

from __future__ import annotations

import enum
from typing import Annotated, Any

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Dot1Q, Ether

from mcc.lang.classes import ANY
from mcc.lang.element import Element, element, inline
from mcc.lang.packet import CLOSE, DROP, PASS, Action, Batch, Packet, Peer, alert, emit, to
from mcc.lang.session import TCP4
from mcc.lang.state import Counter, HashMap, Live, PerCore, Ports, Table
from mcc.lang.types import Array, Below, IndexOf, Len, i32, struct, u8, u16, u32, u64
from mcc.protocols.dissect import dissect
from mcc.reference import checksum
from mcc.reference.packet import PacketState
from mcc.reference.runner import Runner
from mcc.reference.values import FAULT

FRAME = bytes(Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02") / IP(src="10.0.0.1", dst="10.0.0.2", ttl=9)
              / TCP(sport=1000, dport=80, flags="S") / b"hello")


class Mode(enum.IntEnum):
    FAST = 1
    SLOW = 2


def packet(frame: bytes = FRAME) -> PacketState:
    return PacketState(bytearray(frame), dissect(frame), 5, 0, 0)


@struct
class S:
    a: u8 = 250
    b: u16 = 0
    n: i32 = -1
    row: Annotated[u16, IndexOf("t")] = 0
    small: Annotated[u8, Below(10)] = 3
    last: Annotated[Array[u32], Len(4)]
    ok: bool = False


@inline
def twice(x: u16) -> u32:
    y = u32(x)
    y += x
    return y


@element(session=TCP4, scratch=S, ports=(1, 3))
class E(Element):
    what: str
    limit: Live[u32]

    def setup(self) -> None:
        self.t = Table(u16, [3, 5, 7])
        self.grid = Table(u8, [[1, 2], [3, 4]])
        self.hits = Counter()
        self.turn: PerCore[u32] = PerCore()
        self.m = HashMap[u32, u16](2)
        self.pool = Ports(10, 11)

    @inline
    def bump(self, by: u8) -> u32:
        self.turn.value += by
        return self.turn.value

    def process_packet(self, s: S, pkt: Packet, other: Peer[S]) -> Action:
        if self.what == "wrap":
            s.a += 10
            wide: u32 = s.a
            s.b = u16(wide - 5)
            s.last[2] = ~wide
        elif self.what == "literal":
            x = s.b
            if s.ok:
                x = s.b + 1
            else:
                x = 0
            s.b = x - 1
            s.a = (s.a if s.ok else u8(5)) - 6
        elif self.what == "inline":
            s.last[0] = twice(0xFFFF) + self.bump(3)
        elif self.what == "minmax":
            s.a = min(s.a, 7) - 8
            s.last[1] = max(s.b, 3) + u32(len(self.t)) + self.limit.value
        elif self.what == "table":
            s.b = self.t[s.last[0]] + self.grid[1, 0]
        elif self.what == "array":
            s.b = 77
            s.last[s.b] = 1
        elif self.what == "loop":
            for i in range(4):
                s.last[i] = i - 1
                if i == 2:
                    break
        elif self.what == "match":
            match s.small:
                case Mode.FAST:
                    s.b = 1
                case 3 | 4:
                    s.b = 34
                case _:
                    return DROP
        elif self.what == "map":
            v = self.m.get(7)
            if v is None:
                self.m.put(7, 9)
            else:
                s.b = v
                return to(2)
        elif self.what == "ports":
            s.b = self.pool.take()
            self.pool.give(10)
            s.last[0] = self.pool.take()
            s.last[1] = self.pool.take()
            s.last[2] = self.pool.take()
        elif self.what == "peer":
            other.a = 1
            self.hits += s.a
            s.b = u16(self.hits.value)
        elif self.what == "emit":
            alert(4, "four")
            emit(pkt, port=1)
            return CLOSE
        elif self.what == "small":
            s.small = u8(s.b)
        elif self.what == "row":
            s.row = s.b
        return PASS


def run(what: str, **start: Any) -> tuple[int, dict[str, Any], Runner]:
    r = Runner(E(what, Live(100)), "e")
    s, other = r.scratch(), r.scratch()
    assert s is not None
    s.load(start)
    return r.call("process_packet", scratch=s, peer=other, packet=packet()), s.values(), r


def test_results_wrap_and_widen() -> None:
    _, s, _ = run("wrap")
    assert (s["a"], s["b"], s["last"][2]) == (4, 65535, 0xFFFFFFFB)


def test_literals_take_the_type_of_the_local() -> None:
    _, s, _ = run("literal")
    assert (s["b"], s["a"]) == (65535, 255)
    _, s, _ = run("literal", ok=True, b=65535, a=5)
    assert (s["b"], s["a"]) == (65535, 255)


def test_inline_helpers_have_declared_types_and_reach_state() -> None:
    _, s, r = run("inline")
    assert s["last"][0] == 2 * 0xFFFF + 3 and r.state()["turn"] == 3


def test_min_max_len_and_live_keep_types() -> None:
    _, s, _ = run("minmax", b=1)
    assert (s["a"], s["last"][1]) == (255, 106)


def test_an_index_outside_is_a_fault_and_earlier_state_stays() -> None:
    assert run("table", last=[2, 0, 0, 0])[1]["b"] == 10
    verdict, s, r = run("table", last=[3, 0, 0, 0])
    assert verdict == FAULT and s["b"] == 0 and r.faults == 1
    verdict, s, _ = run("array")
    assert verdict == FAULT and s["b"] == 77


def test_loops_and_match() -> None:
    assert run("loop")[1]["last"] == [0xFFFFFFFF, 0, 1, 0]
    assert run("match", small=1)[1]["b"] == 1 and run("match", small=4)[1]["b"] == 34
    assert run("match", small=9)[0] == -1


def test_maps_ports_counters_and_peers() -> None:
    r = Runner(E("map", Live(0)))
    s = r.scratch()
    assert [r.call("process_packet", scratch=s, packet=packet()) for _ in range(2)] == [0, 2]
    _, s2, _ = run("ports")
    assert s2["b"] == 10 and s2["last"] == [11, 10, 0, 0]
    assert run("peer")[1]["b"] == 250


def test_a_map_forgets_the_key_put_longest_ago_and_those_whose_time_is_over() -> None:
    @element
    class M(Element):
        def setup(self) -> None:
            self.m = HashMap[u32, u16](2, timeout=3)

        def process_packet(self, pkt: Packet) -> Action:
            return PASS
    r = Runner(M())
    m = r.maps()[0]
    m.put(1, 11)
    m.put(2, 12)
    m.put(2, 12)
    assert m.get(1) == 11
    m.put(1, 13)
    m.put(1, 13)
    m.put(3, 14)
    assert (m.get(1), m.get(2), m.get(3)) == (13, None, 14)
    r.effects.now = 3 * 10**9 - 1
    assert m.get(1) == 13
    r.effects.now += 1
    assert m.get(1) is None


def test_effects_are_noted() -> None:
    verdict, _, r = run("emit")
    assert verdict == -2 and [(n, t) for n, t, _ in r.effects.alerts] == [(4, "four")]
    assert [port for _, port in r.effects.emitted] == [1]


@pytest.mark.parametrize(("what", "start"), [("small", {"b": 10}), ("row", {"b": 3})])
def test_a_broken_invariant_is_our_bug(what: str, start: dict[str, int]) -> None:
    assert run(what, b=2)[0] == 0
    with pytest.raises(AssertionError):
        run(what, **start)


def test_closures_and_module_constants_are_seen() -> None:
    offset = 3

    @element
    class C(Element):
        def setup(self) -> None:
            self.hits = Counter()

        def process_batch(self, batch: Batch) -> Action:
            for p in batch:
                self.hits += p.length + offset
            return DROP if batch.bytes == len(FRAME) and len(batch) == 1 else PASS
    r = Runner(C())
    assert r.call("process_batch", batch=[packet()]) == -1 and r.counters() == {"hits": len(FRAME) + 3}


# ---------------------------------------------------------------- headers


@element(cls=ANY)
class Rewrite(Element):
    def process_packet(self, pkt: Packet) -> Action:
        if pkt.is_ip:
            pkt.ip.src = pkt.ip.src ^ 0x01020304
            pkt.ip.ttl -= 1
        if pkt.is_ip6:
            pkt.ip6.dst += 1
            pkt.ip6.hops -= 1
        if pkt.is_tcp:
            pkt.tcp.seq += 100000
            pkt.tcp.psh = not pkt.tcp.psh
        if pkt.is_udp:
            pkt.udp.dport = 5353
        if pkt.is_icmp:
            pkt.icmp.id = 77
        if pkt.is_icmp6:
            pkt.icmp6.seq = 3
        pkt.eth.src = 0x020000000099
        return PASS


CASES = {
    "tcp": IP(src="10.0.0.1", dst="10.0.0.2") / TCP() / b"abc", "udp": IP(dst="10.0.0.2") / UDP(sport=9) / b"x",
    "icmp": IP(dst="10.0.0.2") / ICMP(id=3) / b"ping", "tcp6": IPv6(src="fe80::1", dst="fe80::2") / TCP() / b"abcd",
    "udp6": IPv6(src="fe80::1", dst="fe80::2") / UDP() / b"q", "tags": Dot1Q(vlan=7) / Dot1Q(vlan=8) / IP() / TCP(),
}


@pytest.mark.parametrize("name", CASES)
def test_rewritten_headers_have_right_checksums(name: str) -> None:
    p = packet(bytes(Ether() / CASES[name]))
    assert checksum.verify(p) and Runner(Rewrite()).call("process_packet", packet=p) == 0
    assert bytes(p.data) != bytes(Ether() / CASES[name])
    checksum.mend(p)
    assert checksum.verify(p)
    again = p.copy()
    checksum.fill(again)
    assert again.data == p.data


def test_a_wrong_checksum_stays_wrong_by_the_same_amount_and_udp_zero_stays() -> None:
    frame = bytearray(bytes(Ether() / CASES["udp"]))
    right = packet(bytes(frame))
    frame[24:26] = (int.from_bytes(frame[24:26], "big") ^ 0x1).to_bytes(2, "big")
    frame[40:42] = b"\0\0"
    wrong = packet(bytes(frame))
    for p in (right, wrong):
        Runner(Rewrite()).call("process_packet", packet=p)
        checksum.mend(p)
    off = [int.from_bytes(p.data[24:26], "big") for p in (right, wrong)]
    assert abs(off[0] - off[1]) == 1 and wrong.data[40:42] == b"\0\0"


def test_tags_come_and_go() -> None:
    @element
    class Tag(Element):
        def process_packet(self, pkt: Packet) -> Action:
            pkt.push_vlan(0xABC)
            if pkt.is_vlan and pkt.vlan.vid == 0xABC and pkt.ip.ttl == 9 and pkt.tcp.dport == 80:
                pkt.vlan.pcp = 5
                pkt.eth.type = 0x1234
                return PASS
            return DROP

    @element
    class Strip(Element):
        def process_packet(self, pkt: Packet) -> Action:
            pkt.pop_vlan()
            pkt.pop_vlan()
            return PASS
    p = packet()
    assert Runner(Tag()).call("process_packet", packet=p) == 0
    assert bytes(p.data) == FRAME[:12] + bytes.fromhex("8100aabc1234") + FRAME[14:]
    assert Runner(Strip()).call("process_packet", packet=p) == 0
    assert bytes(p.data) == FRAME[:12] + bytes.fromhex("1234") + FRAME[14:]
    full = packet(FRAME[:12] + bytes.fromhex("81000001") * 8 + FRAME[12:])
    assert Runner(Tag()).call("process_packet", packet=full) == FAULT


def test_header_reads_have_their_types() -> None:
    @element
    class Read(Element):
        def setup(self) -> None:
            self.hits = Counter()

        def process_packet(self, pkt: Packet) -> Action:
            self.hits += u64(pkt.tcp.dport - 81)
            self.hits += pkt.next_hop
            pkt.next_hop = 1
            self.hits += pkt.next_hop
            return PASS if pkt.tcp.syn and not pkt.tcp.fin and pkt.at == 5 else DROP
    r = Runner(Read())
    assert r.call("process_packet", packet=packet()) == 0
    assert r.counters()["hits"] == 65535 + 0x0A000002 + 1
