"""Ids of pcap-filter: hosts, networks, ports, protocols and MAC addresses under their qualifiers, as classes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from lark import Token

from mcc.lang.algebra import Cls, Load, Meta, Test, conj, disj
from mcc.lang.fields import parse_net6
from mcc.lang.pcaparith import unfragmented
from mcc.lang.pcapview import ARP, IP, IP6, RARP, View, at_depth, wide
from mcc.lang.pcapwords import ETHER_NUMBERS, PROTO_NUMBERS, Refused, ip4, ip6, mac, number, refuse
from mcc.lang.ranges import Ranges, of, prefix
from mcc.protocols.dissect import ETHERNET, LINK_OF_DLT

Direction = Literal["or", "and", "src", "dst"]


@dataclass(frozen=True)
class Quals:
    """The words before an id: protocol, direction, what kind of id. A bare id takes those of the id before it."""

    proto: str
    direction: Direction
    kind: str


class Primitives:
    """What every primitive needs: the link type, and the depth in VLAN tags that the text has reached."""

    def __init__(self, dlt: int | None) -> None:
        self.dlt, self.depth = dlt, 0

    def at(self, sure: int, primitive: Callable[[View], Cls]) -> Cls:
        return at_depth(self.dlt, self.depth, sure, primitive)

    def only_ethernet(self, t: Any, what: str) -> None:
        if self.dlt is not None and LINK_OF_DLT[self.dlt] != ETHERNET:
            raise Refused(f"{what} needs Ethernet; this link type is {self.dlt}", *place(t))

    def on_ethernet(self, c: Cls) -> Cls:
        return conj((Test(Meta("link"), of([ETHERNET])), c)) if self.dlt is None else c

    def ether_proto(self, token: Token, value: int, sure: int) -> Cls:
        """libpcap's reading of a type field: above 1500 an EtherType, else the LLC of an 802.3 frame."""
        if value in (0x80F3, 0x809B, 0xE0):
            raise refuse(token, f"{str(token)!r} also means SNAP frames, which are not supported")
        if value > 1500:
            if value > 0xFFFF:
                return self.at(sure, lambda v: v.linktype(()))
            return self.at(sure, lambda v: v.etype(value))
        if self.dlt is not None and self.dlt != 1:
            raise refuse(token, "802.3 protocols are supported on Ethernet only")
        double = value in (0xFE, 0x06, 0xF0)
        wanted = of([value << 8 | value]) if double else of([value]) if value < 256 else ()
        return self.on_ethernet(
            self.at(sure, lambda v: conj((v.linktype(((0, 1500),)), Test(v.l3(0, 16 if double else 8), wanted))))
        )


def place(t: Any) -> tuple[int, int]:
    if isinstance(t, Token):
        return t.start_pos or 0, (t.start_pos or 0) + len(t)
    return t.meta.start_pos, t.meta.end_pos


def word(c: Primitives, t: Any, q: Quals, sure: int) -> Cls:
    token = t.children[0]
    if token.type == "MAC":
        if q.proto != "ether" or q.kind not in ("", "host"):
            raise refuse(token, "a MAC address needs `ether`", "such as ether src 00:11:22:33:44:55")
        c.only_ethernet(t, "ether host")
        value = mac(token)
        return c.on_ethernet(_directed(q.direction, mac_at(6, value), mac_at(0, value)))
    if q.kind == "proto":
        return _proto_word(c, token, q, sure)
    if q.kind in ("port", "portrange"):
        return _port_word(c, t, q, sure)
    if token.type in ("ID", "RANGE"):
        raise refuse(token, f"{str(token)!r}: names are not looked up here", "write the address")
    if q.proto == "ether":
        raise refuse(token, f"{str(token)!r} is not a link-layer address", "such as 00:11:22:33:44:55")
    if q.proto not in ("", "ip", "ip6", "arp", "rarp"):
        raise refuse(
            token, f"{q.proto!r} does not have {q.kind or 'host'} addresses", "ip, ip6, arp or rarp, or nothing"
        )
    return _address6(c, t, q, sure) if token.type == "IP6" else _address4(c, t, q, sure)


def _directed(direction: Direction, src: Cls, dst: Cls) -> Cls:
    return {"src": src, "dst": dst, "and": conj((src, dst)), "or": disj((src, dst))}[direction]


def mac_at(offset: int, value: int) -> Cls:
    words: list[tuple[Load, Ranges]] = [
        (Load("abs", 8 * offset + 16, 32), of([value & 0xFFFFFFFF])),
        (Load("abs", 8 * offset, 16), of([value >> 32])),
    ]
    return wide(Load("abs", 8 * offset, 48), of([value]), words)


def _address4(c: Primitives, t: Any, q: Quals, sure: int) -> Cls:
    value, mask = _net4(t, q)
    if q.proto == "ip6":
        raise refuse(t.children[0], f"{str(t.children[0])!r} is not an IPv6 address")

    def test(load: Load) -> Cls:
        low = ~mask & 0xFFFFFFFF
        if low & (low + 1) == 0:
            return Test(load, ((value, value | low),))
        return Test(Load(load.base, load.bit, load.width, mask), of([value]))

    def primitive(v: View) -> Cls:
        found = []
        for name, etype, src, dst in (("ip", IP, 96, 128), ("arp", ARP, 112, 192), ("rarp", RARP, 112, 192)):
            if q.proto in ("", name):
                here = v.etype(etype)
                found.append(
                    _directed(q.direction, conj((here, test(v.l3(src, 32)))), conj((here, test(v.l3(dst, 32)))))
                )
        return disj(found)

    return c.at(sure, primitive)


def _net4(t: Any, q: Quals) -> tuple[int, int]:
    """(value, mask) of an IPv4 id."""
    token, n = t.children[0], len(t.children)
    if token.type == "NUM":
        value, bits = number(token), 32
        if n == 3:
            bits = 8
        elif q.kind == "net":
            bits = max(8, (value.bit_length() + 7) // 8 * 8) if value else 32
    else:
        value, bits = ip4(token)
    if n > 1 and q.kind != "net":
        raise Refused("a mask is for networks", *place(t), "net instead of host")
    if value >= 1 << bits:
        raise refuse(token, f"{str(token)!r} is not a network")
    value <<= 32 - bits
    mask = 0xFFFFFFFF << (32 - bits) & 0xFFFFFFFF
    if n > 1 and t.children[1].type == "MASK":
        m, m_bits = ip4(t.children[2])
        mask = m << (32 - m_bits)
    elif n > 1:
        length = number(t.children[2])
        if length > 32:
            raise refuse(t.children[2], f"{length} is not a prefix length of 0 to 32")
        mask = 0xFFFFFFFF << (32 - length) & 0xFFFFFFFF
    if value & ~mask:
        raise Refused("the address has bits behind its mask", *place(t))
    return value, mask


def _address6(c: Primitives, t: Any, q: Quals, sure: int) -> Cls:
    token = t.children[0]
    length = number(t.children[2]) if len(t.children) > 1 else 128
    if q.proto not in ("", "ip6"):
        raise refuse(token, f"{str(token)!r} is not an address of {q.proto}")
    if length > 128:
        raise refuse(t.children[2], f"{length} is not a prefix length of 0 to 128")
    if length != 128 and q.kind != "net":
        raise Refused("a prefix length is for networks", *place(t), "net instead of host")
    value = ip6(token)
    if isinstance(parse_net6(f"{token}/{length}"), str):
        raise Refused("the address has bits behind its prefix", *place(t))
    ranges = prefix(value, length, 128)

    def test(v: View, bit: int) -> Cls:
        words = []
        for i in range(4):
            kept = min(32, max(0, length - 32 * i))
            words.append((v.l3(bit + 32 * i, 32), prefix(value >> (96 - 32 * i) & 0xFFFFFFFF, kept, 32)))
        return conj((v.etype(IP6), wide(v.l3(bit, 128), ranges, words)))

    return c.at(sure, lambda v: _directed(q.direction, test(v, 64), test(v, 192)))


def _proto_word(c: Primitives, token: Token, q: Quals, sure: int) -> Cls:
    names = ETHER_NUMBERS if q.proto == "ether" else PROTO_NUMBERS
    if q.proto not in ("", "ip", "ip6", "ether"):
        raise refuse(token, f"{q.proto} proto is not supported", "ip, ip6 or ether proto")
    if token.type == "NUM":
        value = number(token)
    else:
        name = str(token).removeprefix("\\").lower()
        if token.type != "ID" or name not in names:
            raise refuse(token, f"unknown protocol {name!r}", f"a number, or \\ before one of {', '.join(names)}")
        value = names[name]
    if q.proto == "ether":
        return c.ether_proto(token, value, sure)
    return proto(c, (q.proto, value), sure)


def proto(c: Primitives, what: tuple[str, int], sure: int) -> Cls:
    """IP protocol number in IPv4, IPv6 (there also behind one fragment header), or both."""
    where, value = what
    wanted = of([value]) if value < 256 else ()

    def primitive(v: View) -> Cls:
        four = conj((v.etype(IP), Test(v.l3(72, 8), wanted)))
        behind = conj((Test(v.l3(48, 8), of([44])), Test(v.l3(320, 8), wanted)))
        six = conj((v.etype(IP6), disj((Test(v.l3(48, 8), wanted), behind))))
        return {"ip": four, "ip6": six, "": disj((four, six))}[where]

    return c.at(sure, primitive)


def _port_word(c: Primitives, t: Any, q: Quals, sure: int) -> Cls:
    token = t.children[0]
    if q.proto not in ("", "tcp", "udp", "sctp"):
        raise refuse(token, f"{q.proto!r} has no ports", "tcp, udp or sctp, or nothing")
    if token.type == "RANGE" and q.kind == "portrange":
        a, b = (int(x) for x in str(token).split("-"))
    elif token.type == "NUM" and len(t.children) == 1:
        a = b = number(token)
    else:
        raise refuse(token, f"{str(token)!r} is not a port number", "services are not looked up: write the number")
    if max(a, b) > 65535:
        raise refuse(token, f"{max(a, b)} is greater than 65535")
    ports = ((min(a, b), max(a, b)),)
    protos = [{"sctp": 132, "tcp": 6, "udp": 17}[q.proto]] if q.proto else [132, 6, 17]

    def test(v: View, version: int) -> Cls:
        return _directed(q.direction, Test(v.l4(version, 0, 16), ports), Test(v.l4(version, 16, 16), ports))

    def primitive(v: View) -> Cls:
        six = disj(conj((Test(v.l3(48, 8), of([p])), test(v, 6))) for p in protos)
        four = disj(conj((Test(v.l3(72, 8), of([p])), unfragmented(v), test(v, 4))) for p in protos)
        return disj((conj((v.etype(IP6), six)), conj((v.etype(IP), four))))

    return c.at(sure, primitive)
