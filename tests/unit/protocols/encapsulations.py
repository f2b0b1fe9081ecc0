"""Random frames with tunnels in tunnels, built by scapy, which says what their innermost IP packet is."""

from __future__ import annotations

import random

from scapy.contrib.geneve import GENEVE
from scapy.contrib.gtp import GTP_U_Header
from scapy.contrib.mpls import MPLS
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrHopByHop, PadN
from scapy.layers.l2 import GRE, Dot1Q, Ether
from scapy.layers.ppp import PPP, PPPoE
from scapy.layers.vxlan import VXLAN
from scapy.packet import Packet, Raw

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
