"""Frames made to break a box: cut short, lying about their lengths, nested too deeply, too long, not what they say.

`nasty()` is the list; each item is the way the frame begins (a name of mcc.run.box.LINKS) and its bytes.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import IPv6, IPv6ExtHdrFragment, IPv6ExtHdrHopByHop
from scapy.layers.l2 import ARP, Dot1Q, Ether

CLIENT, SERVER, PUBLIC, VIP, BOX = "10.0.0.5", "198.51.100.7", "192.0.2.1", "98.138.19.88", "10.0.0.1"
L3 = 14
MAX_FRAME = 262144

Frame = tuple[str, bytes]


def eth() -> Ether:
    return Ether(src="02:00:00:00:00:0a", dst="02:00:00:00:00:01")


def tcp(dst: str = SERVER, flags: str = "S", data: bytes = b"", sport: int = 4000, dport: int = 80,
        src: str = CLIENT) -> bytes:
    return bytes(eth() / IP(src=src, dst=dst) / TCP(sport=sport, dport=dport, flags=flags) / data)


def udp(dst: str = SERVER, data: bytes = b"query", sport: int = 4000, dport: int = 53) -> bytes:
    return bytes(eth() / IP(src=CLIENT, dst=dst) / UDP(sport=sport, dport=dport) / data)


def whole() -> list[bytes]:
    """One good frame of each kind that the chains look for."""
    arp = [bytes(eth() / ARP(op=op, psrc=CLIENT, pdst=BOX, hwsrc="02:00:00:00:00:0a")) for op in (1, 2)]
    v6 = IPv6(src="2001:db8::5", dst="2001:db8::7")
    return [tcp(), tcp(VIP, "PA", b"GET /bowls HTTP/1.1\r\nHost: a\r\n\r\n"), tcp(PUBLIC, "FA"), udp(), udp(PUBLIC),
            bytes(eth() / IP(src=CLIENT, dst=SERVER) / ICMP(id=7) / b"abcdefgh"),
            bytes(eth() / v6 / TCP(dport=80) / (b"x" * 9)), bytes(eth() / v6 / UDP(dport=53) / (b"x" * 9)),
            bytes(eth() / v6 / IPv6ExtHdrHopByHop() / UDP(dport=53) / b"x"), *arp,
            bytes(eth() / Dot1Q(vlan=5) / Dot1Q(vlan=7) / IP(src=CLIENT, dst=SERVER) / TCP(dport=80) / b"GET /")]


def short() -> Iterator[bytes]:
    """Every length from 0 to 100, of every kind."""
    for frame in whole():
        for n in range(101):
            yield frame[:n] if n <= len(frame) else frame + bytes(n - len(frame))


def patched(frame: bytes, at: int, value: bytes) -> bytes:
    return frame[:at] + value + frame[at + len(value):]


def lies() -> Iterator[bytes]:
    """Headers whose lengths are not true."""
    for frame in (tcp(data=b"payload"), tcp(VIP, "S"), udp(), udp(PUBLIC), whole()[5]):
        for total in (0, 1, 19, 20, 21, 27, 28, 39, 40, 41, 60, 1500, 65535):
            yield patched(frame, L3 + 2, total.to_bytes(2, "big"))
        for version in (0, 4, 5, 6, 15):
            for ihl in range(16):
                yield patched(frame, L3, bytes([version << 4 | ihl]))
        for field in (0x2000, 0x4000, 0x8000, 1, 0x1FFF, 0x3FFF):
            yield patched(frame, L3 + 6, field.to_bytes(2, "big"))
    for frame in (whole()[6], whole()[7], whole()[8]):
        for payload in (0, 1, 7, 8, 19, 20, 21, 1500, 65535):
            yield patched(frame, L3 + 4, payload.to_bytes(2, "big"))
        for header in (0, 6, 17, 43, 44, 50, 51, 58, 59, 60, 255):
            yield patched(frame, L3 + 6, bytes([header]))
    for dst in (SERVER, VIP, PUBLIC):
        for doff in range(16):
            yield patched(tcp(dst, data=b"some bytes"), L3 + 32, bytes([doff << 4]))
        for length in (0, 1, 7, 8, 9, 13, 14, 512, 65535):
            yield patched(udp(dst), L3 + 24, length.to_bytes(2, "big"))
        for flags in range(256):
            yield patched(tcp(dst), L3 + 33, bytes([flags]))


def nested() -> Iterator[bytes]:
    """VLAN tags to any depth, tags cut in the middle, EtherTypes that are lengths."""
    inner = tcp()[12:]
    for tpid in (b"\x81\0", b"\x88\xa8", b"\x91\0"):
        for n in (1, 2, 7, 8, 9, 40, 360):
            frame = tcp()[:12] + (tpid + b"\x0f\xff") * n + inner
            yield frame
            yield frame[:12 + 4 * n]
            yield frame[:12 + 4 * n + 1]
            yield frame[:12 + 4 * n - 1]
    for kind in (0, 1, 46, 1500, 1501, 0x05FF, 0x0600, 0xFFFF):
        yield patched(tcp(), 12, kind.to_bytes(2, "big"))


def long() -> Iterator[bytes]:
    """Jumbo frames, the longest that captures hold, and the sizes around the borders between kinds of buffers."""
    for size in (1514, 1515, 2175, 2176, 2177, 9018, 65535, 65549, 65550, MAX_FRAME - 4, MAX_FRAME):
        yield (tcp(VIP, "PA") + b"x" * size)[:size]
        yield patched((udp() + b"x" * size)[:size], L3 + 2, b"\xff\xff")


def strange() -> Iterator[bytes]:
    """Packets that answer themselves, fragments that overlap, options that are garbage, addresses of nobody."""
    for src, dst in ((SERVER, SERVER), (VIP, VIP), (PUBLIC, PUBLIC), ("0.0.0.0", "0.0.0.0"),
                     ("255.255.255.255", "255.255.255.255"), (CLIENT, "224.0.0.1"), (VIP, PUBLIC), (PUBLIC, VIP)):
        for port in (0, 80, 65535):
            yield tcp(dst, "S", sport=port, dport=port, src=src)
            yield tcp(dst, "SFRPAU", sport=port, dport=port, src=src)
    for offset, more in ((0, 1), (1, 1), (2, 0), (0, 0), (8191, 1), (8189, 0)):
        yield bytes(eth() / IP(src=CLIENT, dst=VIP, proto=6, frag=offset, flags=more) / (b"y" * 64))
        yield bytes(eth() / IPv6(src="::1", dst="::2") / IPv6ExtHdrFragment(offset=offset, m=more, nh=6) / (b"y" * 64))
    rng = random.Random(1)
    for _ in range(40):
        options = rng.randbytes(40)
        head = bytearray(tcp(VIP)[:L3 + 20])
        head[L3] = 0x4F
        yield bytes(head) + options + tcp(VIP)[L3 + 20:]
        yield patched(tcp(VIP), L3 + 32, b"\xf0") + options


def on_other_links() -> Iterator[Frame]:
    """IPv4 and IPv6 behind other link headers, whole and cut."""
    four, six = tcp()[L3:], whole()[6][L3:]
    for frame, etype, families in ((four, b"\x08\0", (2,)), (six, b"\x86\xdd", (10, 24, 28, 30))):
        heads = [("raw", b""), ("sll", bytes(14) + etype), ("sll2", etype + bytes(18)), ("opaque", b"")]
        heads += [("null", n.to_bytes(4, order)) for n in families for order in ("little", "big")]  # type: ignore[arg-type]
        heads += [("sll", bytes(14) + b"\x81\0" + b"\0\x05" + etype), ("sll2", b"\x81\0" + bytes(18) + b"\0\x05" + etype)]
        for link, head in heads:
            for n in (*range(0, 24), 38, 39, 40, 41, 59, 60, 61, 63, 64, 80, 200):
                yield link, (head + frame)[:n]
    for link in ("raw", "sll", "sll2", "null", "opaque"):
        for frame in whole():
            yield link, frame


def noise(seed: int, n: int) -> Iterator[Frame]:
    """Random bytes; half of them with a beginning that leads on."""
    rng = random.Random(seed)
    links = ("ethernet", "ethernet", "raw", "sll", "sll2", "null", "opaque")
    starts = [f[:rng.randrange(12, len(f))] for f in whole()]
    for _ in range(n):
        start = rng.choice(starts) if rng.random() < 0.5 else b""
        yield rng.choice(links), start + rng.randbytes(rng.randrange(120))


def nasty() -> list[Frame]:
    """All of them."""
    plain = (f for make in (short, lies, nested, long, strange) for f in make())
    return [*(("ethernet", f) for f in plain), *on_other_links(), *noise(2, 1500)]


def mutated(rng: random.Random, frame: bytes) -> bytes:
    """A frame of a real capture with bits flipped, bytes exchanged or made extreme, cut or lengthened."""
    out = bytearray(frame)
    for _ in range(rng.randrange(1, 5)):
        if not out:
            break
        at = rng.randrange(min(len(out), 80))
        what = rng.randrange(6)
        if what == 0:
            out[at] ^= 1 << rng.randrange(8)
        elif what == 1:
            out[at] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, 0x45, 0x60))
        elif what == 2:
            other = rng.randrange(len(out))
            out[at], out[other] = out[other], out[at]
        elif what == 3:
            del out[rng.randrange(len(out)):]
        elif what == 4:
            out[at:at] = rng.randbytes(rng.randrange(1, 9))
        else:
            out += rng.randbytes(rng.randrange(64))
    return bytes(out)
