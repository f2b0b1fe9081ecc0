"""Random frames with tunnels in tunnels, built by scapy, which says what their innermost IP packet is."""

from __future__ import annotations

import random
import zlib

from scapy.contrib.geneve import GENEVE
from scapy.contrib.gtp import GTP_U_Header
from scapy.contrib.mpls import MPLS
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrHopByHop, PadN
from scapy.layers.l2 import GRE, Dot1Q, Ether
from scapy.layers.ppp import PPP, PPPoE
from scapy.layers.vxlan import VXLAN
from scapy.packet import Packet, Raw
from scapy.utils import checksum

MACS = {"src": "02:00:00:00:00:0a", "dst": "02:00:00:00:00:01"}


def ip(rng: random.Random, **fields: int) -> Packet:
    return IP(src=f"10.0.{rng.randrange(256)}.5", dst="198.51.100.7", ttl=rng.randrange(2, 255), **fields)


def ip6(**fields: int) -> Packet:
    return IPv6(src="2001:db8::5", dst="2001:db8::7", **fields)


def net(rng: random.Random) -> Packet:
    return ip(rng) if rng.random() < 0.6 else ip6()


def udp(rng: random.Random, dport: int) -> Packet:
    return UDP(sport=rng.randrange(20000, 60000), dport=dport, **({} if rng.random() < 0.5 else {"chksum": 0}))


def around(rng: random.Random) -> tuple[str, Packet]:
    """One tunnel, from a network header on: (what it carries: "ip", "eth"; the headers)."""
    kind = rng.choice(["ipip", "gre", "teb", "vxlan", "geneve", "geneve-ip", "gtp", "mpls-udp", "erspan"])
    outer = net(rng)
    if kind == "ipip":
        return "ip", outer
    if kind in ("gre", "teb", "erspan"):
        flags = {k: rng.randrange(2) for k in ("chksum_present", "key_present")}
        if kind == "erspan":
            return "eth", outer / GRE(proto=0x88BE, seqnum_present=0, **flags)
        return ("eth" if kind == "teb" else "ip"), outer / GRE(seqnum_present=rng.randrange(2), **flags)
    if kind == "vxlan":
        return "eth", outer / udp(rng, rng.choice([4789, 8472])) / VXLAN(vni=rng.randrange(1 << 24), flags=8)
    if kind.startswith("geneve"):
        return ("ip" if "-" in kind else "eth"), outer / udp(rng, 6081) / GENEVE(vni=7)
    if kind == "gtp":
        s = rng.randrange(2)
        return "ip", outer / udp(rng, 2152) / GTP_U_Header(teid=rng.randrange(1 << 32), gtp_type=255, S=s, seq=s)
    return "ip", outer / GRE() / MPLS(label=5, s=0) / MPLS(label=9, s=1)


def link(rng: random.Random) -> Packet:
    head = Ether(**MACS)
    kind = rng.choice(["plain", "plain", "vlan", "qinq", "pppoe", "mpls"])
    if kind in ("vlan", "qinq"):
        head /= Dot1Q(vlan=5) if kind == "vlan" else Dot1Q(vlan=5) / Dot1Q(vlan=6)
    if kind == "pppoe":
        head /= PPPoE(sessionid=9) / PPP()
    if kind == "mpls":
        head /= MPLS(label=77, s=1)
    return head


def frame(rng: random.Random) -> tuple[bytes, bytes, bool]:
    """(frame, its innermost IP packet, whether a port that looks into tunnels takes it out)."""
    inner = net(rng)
    extended = isinstance(inner, IPv6) and rng.random() < 0.3
    if extended:
        options = rng.choice([IPv6ExtHdrHopByHop, IPv6ExtHdrDestOpt])
        inner /= options(options=[PadN(optdata=b"\0" * rng.choice([4, 12]))])
    inner /= TCP(sport=4000, dport=80, flags="PA", seq=rng.randrange(1 << 32)) if rng.random() < 0.6 else \
        UDP(sport=4000, dport=53)
    inner /= Raw(rng.randbytes(rng.randrange(60)))
    head, carried, depth = link(rng), inner, rng.choice([0, 1, 1, 1, 2, 2])
    for _ in range(depth):
        what, headers = around(rng)
        carried = headers / (Ether(**MACS) / carried if what == "eth" else carried)
    return bytes(head / carried), bytes(inner), depth > 0 or extended or PPPoE in head or MPLS in head


def deflate(data: bytes, level: int = 9) -> bytes:
    """One raw DEFLATE stream, RFC 1951."""
    stream = zlib.compressobj(level, zlib.DEFLATED, -15)
    return stream.compress(data) + stream.flush()


def fitted(packet: bytes) -> bytes:
    """An IP packet with the length, and the checksum of an IPv4 header without options, that belong to its bytes."""
    if packet[0] >> 4 == 6:
        return packet[:4] + (len(packet) - 40).to_bytes(2, "big") + packet[6:]
    head = packet[:2] + len(packet).to_bytes(2, "big") + packet[4:10] + b"\0\0" + packet[12:20]
    return head[:10] + checksum(head).to_bytes(2, "big") + head[12:] + packet[20:]


def insert(packet: bytes, at: int, protocol: int, header: bytes, payload: bytes | None = None) -> bytes:
    """An IP packet with a header of `protocol` at `at`: behind its IP header, or behind an AH there. The header's first byte, which
    names what follows, is put in front of `header`. Then come `payload`, or the bytes that were there."""
    first, said = (20, 9) if packet[0] >> 4 == 4 else (40, 6)
    said = said if at == first else first
    head = packet[:said] + bytes([protocol]) + packet[said + 1:at] + packet[said:said + 1] + header
    return fitted(head + (packet[at:] if payload is None else payload))


def ipcomp(packet: bytes, index: int = 2, at: int = 0, level: int = 9) -> bytes:
    """The packet with what is behind its IP header, or behind its first `at` bytes, compressed (RFC 3173)."""
    at = at or (20 if packet[0] >> 4 == 4 else 40)
    return insert(packet, at, 108, b"\0" + index.to_bytes(2, "big"), deflate(packet[at:], level))


AH = b"\x04\0\0" + bytes(range(20))
"""A header of RFC 4302 without its first byte, with a check value of 12 bytes."""


def compressed(rng: random.Random) -> tuple[bytes, bytes, bool]:
    """(a frame with a compressed IP packet, the same not compressed, whether AH is in front of it)."""
    packet = net(rng) / (TCP(sport=4000, dport=80, flags="PA", seq=rng.randrange(1 << 32)) if rng.random() < 0.6 else
                         UDP(sport=4000, dport=53)) / Raw(rng.choice([b"GET ", b"ab", rng.randbytes(9)]) * rng.randrange(1, 90))
    plain = bytes(net(rng) / packet if rng.random() < 0.5 else packet)
    sealed, at = rng.random() < 0.3, 20 if plain[0] >> 4 == 4 else 40
    if sealed:
        plain = insert(plain, at, 51, AH)
        at += 1 + len(AH)
    came = ipcomp(plain, rng.choice([2, 2, 256, 0xE3DE]), at, rng.choice([0, 1, 9]))
    head, tunnels, out = link(rng), [around(rng) for _ in range(rng.choice([0, 0, 1]))], []
    for data in (came, plain):
        carried: Packet = (IP if data[0] >> 4 == 4 else IPv6)(data)
        for what, headers in tunnels:
            carried = headers / (Ether(**MACS) / carried if what == "eth" else carried)
        out.append(bytes(head / carried))
    return out[0], out[1], sealed
