"""Printed accessors against the header table: every field read and written in real frames, checksums right after."""

from __future__ import annotations

import ctypes
import random
from pathlib import Path

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import ICMPv6EchoRequest, IPv6
from scapy.layers.l2 import ARP, Dot1Q, Ether

from mcc.emit.accessors import getter, print_accessors, setter
from mcc.ir import func as h
from mcc.ir.func import BOOL, IntType
from mcc.protocols.headers import BY_LAYER, HeaderField, int_width
from tests.unit.emit.kit import AT, PKT, SERVICES, action, element, handler, head, judge, let, load, put, ret

FIELDS = [f for layer in BY_LAYER.values() for f in layer.values()]
LONG = b"some payload of odd length."
FRAMES = {name: bytes(p) for name, p in {
    "tcp": Ether() / IP(src="10.1.2.3", dst="10.4.5.6", ttl=9) / TCP(sport=4000, dport=80, flags="SA") / LONG,
    "udp": Ether() / Dot1Q(vlan=7, prio=3) / IP(src="10.1.2.3", dst="10.4.5.6") / UDP(sport=53, dport=54) / LONG,
    "icmp": Ether() / IP(src="10.1.2.3", dst="10.4.5.6") / ICMP(id=3, seq=4) / LONG,
    "tcp6": Ether() / Dot1Q(vlan=1) / Dot1Q(vlan=2) / IPv6(src="2001::1", dst="2001::2") / TCP(flags="S") / LONG,
    "icmp6": Ether() / IPv6(src="2001::1", dst="2001::2") / ICMPv6EchoRequest(id=9, seq=2) / LONG,
    "arp": Ether() / ARP(op=1, psrc="10.0.0.1", pdst="10.0.0.2"),
    "fragment": Ether() / IP(src="10.1.2.3", dst="10.4.5.6", frag=5, proto=17) / LONG,
}.items()}


def field_type(f: HeaderField) -> object:
    return BOOL if f.width == 1 else IntType(int_width(f))


def code_of_all() -> object:
    lets = tuple(let(f"x{i}", head(field_type(f), f.key)) for i, f in enumerate(FIELDS))
    puts = tuple(put(head(field_type(f), f.key), h.Local(field_type(f), 0, 1, AT, f"x{i}"))  # type: ignore[arg-type]
                 for i, f in enumerate(FIELDS) if f.writable)
    return element(handler((*lets, *puts, ret(action())), {}, PKT))


def wrapper() -> str:
    """C `open`, `get`, `set`, `push`, `pop` on one packet, numbered by FIELDS."""
    out = ["static uint8_t buffer[4096];", "static struct mcc_packet one;", """
void open_frame(const uint8_t *frame, uint32_t n);
void open_frame(const uint8_t *frame, uint32_t n)
{
    one = (struct mcc_packet){.data = buffer + 512, .len = n, .wire_len = n, .headroom = 128, .room = 2000};
    memcpy(one.data, frame, n);
    mcc_parse(&one);
}
uint32_t close_frame(uint8_t *frame, unsigned *wrong, unsigned *facts);
uint32_t close_frame(uint8_t *frame, unsigned *wrong, unsigned *facts)
{
    mcc_fix(&one);
    *wrong = mcc_verify(&one);
    struct mcc_packet again = one;
    mcc_parse(&again);
    *facts = again.l3 == one.l3 && again.l4 == one.l4 && again.layers == one.layers && again.vlans == one.vlans &&
             again.etype == one.etype && again.ip_end == one.ip_end;
    memcpy(frame, one.data, one.len);
    return one.len;
}
int push(unsigned vid);
int push(unsigned vid) { return mcc_push_vlan(&one, (uint16_t)vid); }
void pop(void);
void pop(void) { mcc_pop_vlan(&one); }
unsigned layers_of(void);
unsigned layers_of(void) { return one.layers; }
void headroom(unsigned n);
void headroom(unsigned n) { one.headroom = (uint16_t)n; }
void get(unsigned which, uint64_t *v);
void get(unsigned which, uint64_t *v)
{
    unsigned __int128 x = 0;
    switch (which) {"""]
    out += [f"    case {i}: x = {getter(f.layer, f.name)}(&one); break;" for i, f in enumerate(FIELDS)]
    out += ["    default: break;", "    }", "    v[0] = (uint64_t)x;", "    v[1] = (uint64_t)(x >> 64);", "}",
            "void set(unsigned which, const uint64_t *v);", "void set(unsigned which, const uint64_t *v)", "{",
            "    switch (which) {"]
    for i, f in enumerate(FIELDS):
        if f.writable:
            value = "(mcc_u128)v[1] << 64 | v[0]" if f.width == 128 else \
                "v[0] != 0" if f.width == 1 else f"(uint{int_width(f)}_t)v[0]"
            out.append(f"    case {i}: {setter(f.layer, f.name)}(&one, {value}); break;")
    return "\n".join([*out, "    default: break;", "    }", "}", ""])


@pytest.fixture(scope="module")
def lib(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    where = tmp_path_factory.mktemp("accessors")
    c = SERVICES + print_accessors([code_of_all()]) + wrapper()  # type: ignore[list-item]
    judge(c, where)
    return load(c, where)


class Frame:
    """A frame in the C packet, and what the header table says is in it."""

    def __init__(self, lib: ctypes.CDLL, data: bytes) -> None:
        self.lib, self.data = lib, bytearray(data)
        lib.open_frame(data, len(data))
        self.layers = [n for i, n in enumerate(("eth", "vlan", "arp", "ip", "ip6", "tcp", "udp", "icmp", "icmp6"))
                       if lib.layers_of() >> i & 1]
        tags = 0
        while self.data[12 + 4 * tags:14 + 4 * tags] == b"\x81\x00":
            tags += 1
        self.l3 = 14 + 4 * tags
        self.l4 = self.l3 + (40 if "ip6" in self.layers else 20)

    def place(self, f: HeaderField) -> tuple[int, int]:
        """First bit of the field in the frame."""
        base = {"eth": 0, "vlan": 12, "arp": self.l3, "ip": self.l3, "ip6": self.l3}.get(f.layer, self.l4)
        return (8 * (self.l3 - 2) if f.key == "eth.type" else 8 * base + f.bit), f.width

    def fields(self) -> list[int]:
        have = [*self.layers, *(["l4"] if {"tcp", "udp"} & set(self.layers) else [])]
        return [i for i, f in enumerate(FIELDS) if f.layer in have]

    def expected(self, f: HeaderField) -> int:
        bit, width = self.place(f)
        whole = int.from_bytes(self.data, "big")
        return whole >> (8 * len(self.data) - bit - width) & (1 << width) - 1

    def get(self, i: int) -> int:
        v = (ctypes.c_uint64 * 2)()
        self.lib.get(i, v)
        return v[1] << 64 | v[0]

    def set(self, i: int, value: int) -> None:
        self.lib.set(i, (ctypes.c_uint64 * 2)(value & (1 << 64) - 1, value >> 64))

    def close(self) -> tuple[bytes, int, int]:
        out, wrong, facts = ctypes.create_string_buffer(4096), ctypes.c_uint(), ctypes.c_uint()
        n = self.lib.close_frame(out, ctypes.byref(wrong), ctypes.byref(facts))
        return out.raw[:n], wrong.value, facts.value


@pytest.mark.parametrize("name", FRAMES)
def test_every_field_is_read_from_its_place(lib: ctypes.CDLL, name: str) -> None:
    frame = Frame(lib, FRAMES[name])
    assert frame.fields(), "the parser found layers"
    for i in frame.fields():
        assert frame.get(i) == frame.expected(FIELDS[i]), FIELDS[i].key


@pytest.mark.parametrize("name", FRAMES)
def test_every_field_is_written_to_its_place_and_nothing_else(lib: ctypes.CDLL, name: str) -> None:
    r = random.Random(name)
    for i in Frame(lib, FRAMES[name]).fields():
        f = FIELDS[i]
        if not f.writable:
            continue
        for value in (0, (1 << f.width) - 1, r.getrandbits(f.width)):
            frame = Frame(lib, FRAMES[name])
            before = {j: frame.get(j) for j in frame.fields()}
            frame.set(i, value)
            assert frame.get(i) == value, f.key
            bit, width = frame.place(f)
            for j, was in before.items():
                at, n = frame.place(FIELDS[j])
                if at + n <= bit or bit + width <= at:
                    assert frame.get(j) == was, f"{f.key} disturbs {FIELDS[j].key}"
            _, wrong, _ = frame.close()
            if name != "fragment" and f.key not in ("vlan.tpid", "eth.type"):
                assert wrong == 0, f"{f.key} = {value}: checksum {wrong}"


def test_a_fragment_keeps_the_bytes_behind_its_header(lib: ctypes.CDLL) -> None:
    data = FRAMES["fragment"]
    frame = Frame(lib, data)
    frame.set(next(i for i, f in enumerate(FIELDS) if f.key == "ip.src"), 0xC0000201)
    out, wrong, _ = frame.close()
    assert wrong == 0 and out[34:] == data[34:]


@pytest.mark.parametrize("name", FRAMES)
def test_push_and_pop_are_inverse(lib: ctypes.CDLL, name: str) -> None:
    data = FRAMES[name]
    frame = Frame(lib, data)
    assert lib.push(5) == 1
    tagged, _, facts = frame.close()
    assert tagged == data[:12] + b"\x81\x00\x00\x05" + data[12:] and facts == 1
    lib.pop()
    assert frame.close()[::2] == (data, 1)


def test_push_without_room_and_pop_without_tag(lib: ctypes.CDLL) -> None:
    data = FRAMES["tcp"]
    frame = Frame(lib, data)
    lib.pop()
    assert frame.close()[::2] == (data, 1)
    lib.headroom(3)
    assert lib.push(5) == 0
    assert frame.close()[0] == data
    lib.headroom(128)
    assert [lib.push(i) for i in range(9)] == [1] * 8 + [0]


def test_only_what_is_used_is_printed(tmp_path: Path) -> None:
    code = element(handler((let("n", head(h.U16, "tcp.dport")), put(head(h.U32, "ip.src"), h.Const(h.U32, 1, 1, AT, 1)),
                            ret(action())), {"n": h.U16}, PKT))
    text = print_accessors([code, code])
    assert text == """\
static inline void pkt_set_ip_src(struct mcc_packet *p, uint32_t v)
{
    mcc_write32(p, p->data + p->l3 + 12, v, mcc_cover_address(p, MCC_FIX_IP));
}

static inline uint16_t pkt_tcp_dport(const struct mcc_packet *p)
{
    return mcc_load16(p->data + p->l4 + 2);
}
"""
