"""The innermost IP packet of a frame, in Python: docs/tunnels.md to the letter.

runtime_c/mcc_inner_find.c says the same in C.

    peel(frame, link)    what a port that looks into tunnels shows of a frame
    restore(..)          the frame again, with what its enclosing headers say of a packet that was changed
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass, field

from mcc.protocols.dissect import ETHERNET, NULL, RAW, SLL, SLL2, TAGS, beyond
from mcc.protocols.ipcomp import HEADER, IPCOMP, is_read, uncompressed
from mcc.protocols.sums import ones_sum, renew

PPP, WLAN, RADIOTAP = 6, 7, 8
"""Kinds of link beside those of mcc.protocols.dissect that are only looked into, the numbers of enum mcc_link."""

MAX_HEAD = 128
"""Bytes of enclosing headers; what lies deeper is not looked for."""

MAX_STEPS, MAX_LAYERS = 32, 16


@dataclass
class Inside:
    """Where the innermost IP packet is: `at` .. `end`, the end of what encloses it, offsets in bytes.

    tunnelled: something other than a link header and VLAN tags is around it. extended: its transport header is behind
    extension headers. sealed: AH covers it. one_way: the other direction has numbers of its own. fcs: four bytes behind
    the frame are its CRC-32. layers: (kind, offset) of enclosing headers, outermost first; kinds eth, ip, ip6, udp,
    gre, pptp, gtp, pppoe. ipcomp: where its IPComp header is, if DEFLATE may be behind it, 0: nowhere; ipcomp_end:
    where what is compressed ends; ipcomp_said: the byte that says that IPComp follows.
    """

    at: int
    end: int
    tunnelled: bool
    sealed: bool
    one_way: bool
    layers: tuple[tuple[str, int], ...]
    extended: bool = False
    fcs: bool = False
    ipcomp: int = 0
    ipcomp_end: int = 0
    ipcomp_said: int = 0


Next = tuple[Callable[..., "Next | None"], int, int]
"""What follows: a reader, where, and a number that it needs."""


@dataclass
class _Walk:
    data: bytes
    end: int
    found: Inside | None = None
    layers: list[tuple[str, int]] = field(default_factory=list)
    tunnelled: bool = False
    sealed: bool = False
    one_way: bool = False
    fcs: bool = False
    said: int = 0

    def has(self, at: int, n: int) -> bool:
        return at + n <= self.end

    def word(self, at: int) -> int:
        return int.from_bytes(self.data[at:at + 2], "big")

    def layer(self, kind: str, at: int) -> bool:
        self.layers.append((kind, at))
        return len(self.layers) <= MAX_LAYERS

    # ------------------------------------------------------------ link and labels

    def ethernet(self, at: int, _: int = 0) -> Next | None:
        ok = self.has(at, 14) and self.layer("eth", at)
        return (self.etype, at + 14, self.word(at + 12)) if ok else None

    def etype(self, at: int, kind: int) -> Next | None:
        if kind in TAGS:
            return (self.etype, at + 4, self.word(at + 2)) if self.has(at, 4) else None
        readers: dict[int, Callable[..., Next | None]] = {
            0x0800: self.ip, 0x86DD: self.ip6, 0x8847: self.mpls, 0x8848: self.mpls, 0x8864: self.pppoe,
            0x6558: self.ethernet, 0x880B: self.ppp, 0x22EB: self.erspan3}
        return (readers[kind], at, 0) if kind in readers else None

    def pppoe(self, at: int, _: int) -> Next | None:
        if not self.has(at, 6) or self.data[at:at + 2] != b"\x11\0" or not self.layer("pppoe", at):
            return None
        self.end = min(self.end, at + 6 + self.word(at + 4))
        self.tunnelled = True
        return self.ppp, at + 6, 0

    def ppp(self, at: int, _: int = 0) -> Next | None:
        at += 2 if self.has(at, 2) and self.data[at:at + 2] == b"\xff\x03" else 0
        if not self.has(at, 2):
            return None
        self.tunnelled = True
        short = self.data[at] & 1
        protocol = self.data[at] if short else self.word(at)
        reader = {0x21: self.ip, 0x57: self.ip6, 0x281: self.mpls}.get(protocol)
        return (reader, at + (1 if short else 2), 0) if reader else None

    def mpls(self, at: int, _: int) -> Next | None:
        self.tunnelled = self.one_way = True
        if not self.has(at, 5):
            return None
        if not self.data[at + 2] & 1:
            return self.mpls, at + 4, 0
        version = self.data[at + 4] >> 4
        if version in (4, 6):
            return (self.ip if version == 4 else self.ip6), at + 4, 0
        return self.ethernet, at + (4 if version else 8), 0

    def erspan2(self, at: int, _: int) -> Next | None:
        return (self.ethernet, at + 8, 0) if self.has(at, 8) and self.data[at] >> 4 == 1 else None

    def erspan3(self, at: int, _: int) -> Next | None:
        if not self.has(at, 12) or self.data[at] >> 4 != 2:
            return None
        size = 12 + 8 * (self.data[at + 11] & 1)
        return (self.ethernet, at + size, 0) if self.has(at, size) else None

    def wlan(self, at: int, _: int = 0) -> Next | None:
        if not self.has(at, 24) or self.data[at] & 0x0F != 8 or self.data[at] & 0x40 or self.data[at + 1] & 0x44:
            return None
        size = 30 if self.data[at + 1] & 3 == 3 else 24
        if self.data[at] & 0x80:
            if not self.has(at, size + 2) or self.data[at + size] & 0x80:
                return None
            size += 6 if self.data[at + 1] & 0x80 else 2
        if not self.has(at, size + 8) or self.data[at + size:at + size + 6] != b"\xaa\xaa\x03\0\0\0":
            return None
        self.tunnelled = self.one_way = True
        return self.etype, at + size + 8, self.word(at + size + 6)

    def radiotap(self, at: int = 0, _: int = 0) -> Next | None:
        d = self.data
        size = int.from_bytes(d[2:4], "little") if self.has(at, 8) else 0
        if size < 8 or d[0] != 0 or not self.has(at, size):
            return None
        self.fcs = _has_fcs(d[:size])
        if self.fcs:
            if not self.has(at, size + 4):
                return None
            self.end -= 4
        return self.wlan, size, 0

    # ------------------------------------------------------------ IP

    def reached(self, at: int) -> None:
        self.found = Inside(at, self.end, self.tunnelled, self.sealed, self.one_way, tuple(self.layers))
        self.tunnelled = True

    def ip(self, at: int, _: int) -> Next | None:
        if not self.has(at, 20) or self.data[at] >> 4 != 4:
            return None
        header, total = 4 * (self.data[at] & 15), self.word(at + 2)
        if header < 20 or not self.has(at, header) or total < header:
            return None
        self.reached(at)
        if self.word(at + 6) & 0x3FFF or not self.layer("ip", at):
            return None
        self.end, self.said = min(self.end, at + total), at + 9
        return self.proto, at + header, self.data[at + 9]

    def ip6(self, at: int, _: int) -> Next | None:
        if not self.has(at, 40) or self.data[at] >> 4 != 6:
            return None
        self.reached(at)
        if not self.layer("ip6", at):
            return None
        self.end, self.said = min(self.end, at + 40 + self.word(at + 4)), at + 6
        return self.proto, at + 40, self.data[at + 6]

    def proto(self, at: int, number: int) -> Next | None:
        readers: dict[int, Callable[..., Next | None]] = {4: self.ip, 41: self.ip6, 47: self.gre, 137: self.mpls,
                                                           17: self.udp}
        if number in readers:
            return readers[number], at, 0
        assert self.found is not None
        if number == IPCOMP:
            self.compressed(at, self.found)
            return None
        size = beyond(self.data[at:self.end], number, self.data[self.found.at] >> 4)
        if not size:
            return None
        self.found.extended = True
        if number == 51:
            self.sealed = self.found.sealed = True
        self.said = at
        return self.proto, at + size, self.data[at]

    def compressed(self, at: int, ip: Inside) -> None:
        total = self.word(ip.at + 2) if self.data[ip.at] >> 4 == 4 else 40 + self.word(ip.at + 4)
        if self.has(at, HEADER) and self.end - ip.at == total and is_read(self.word(at + 2)):
            ip.ipcomp, ip.ipcomp_end, ip.ipcomp_said = at, self.end, self.said

    # ------------------------------------------------------------ GRE, UDP

    def gre(self, at: int, _: int) -> Next | None:
        if not self.has(at, 4) or self.data[at] & 0x40:
            return None
        flags, version, kind = self.data[at], self.data[at + 1] & 7, self.word(at + 2)
        optional = [flags & 0x10, self.data[at + 1] & 0x80] if version else [flags & 0x80, flags & 0x20, flags & 0x10]
        size = (8 if version else 4) + 4 * sum(map(bool, optional))
        if version > 1 or not self.has(at, size) or not self.layer("pptp" if version else "gre", at):
            return None
        if version:
            self.end = min(self.end, at + size + self.word(at + 4))
            return (self.ppp, at + size, 0) if kind == 0x880B else None
        if kind == 0x88BE:
            return (self.erspan2 if flags & 0x10 else self.ethernet), at + size, 0
        return self.etype, at + size, kind

    def udp(self, at: int, _: int) -> Next | None:
        if not self.has(at, 8):
            return None
        source, to, length = self.word(at), self.word(at + 2), self.word(at + 4)
        by_port: dict[int, Callable[..., Next | None]] = {
            4789: self.vxlan, 8472: self.vxlan, 4790: self.vxlan_gpe, 6081: self.geneve, 2152: self.gtp,
            3544: self.teredo}
        reader = by_port.get(to) or (by_port[source] if source in (2152, 3544) else None)
        if reader is None or length < 8 or not self.layer("udp", at):
            return None
        self.end = min(self.end, at + length)
        return reader, at + 8, 0

    def vxlan(self, at: int, _: int) -> Next | None:
        return (self.ethernet, at + 8, 0) if self.has(at, 8) and self.data[at] & 8 else None

    def vxlan_gpe(self, at: int, _: int) -> Next | None:
        if not self.has(at, 8) or self.data[at] & 12 != 12:
            return None
        reader = {1: self.ip, 2: self.ip6, 3: self.ethernet}.get(self.data[at + 3])
        return (reader, at + 8, 0) if reader else None

    def geneve(self, at: int, _: int) -> Next | None:
        if not self.has(at, 8) or self.data[at] >> 6 or self.data[at + 1] & 0x80:
            return None
        size = 8 + 4 * (self.data[at] & 63)
        return (self.etype, at + size, self.word(at + 2)) if self.has(at, size) else None

    def gtp(self, at: int, _: int) -> Next | None:
        if not self.has(at, 8) or self.data[at] & 0xF0 != 0x30 or self.data[at + 1] != 255:
            return None
        if not self.layer("gtp", at):
            return None
        self.one_way = True
        self.end = min(self.end, at + 8 + self.word(at + 2))
        size = 12 if self.data[at] & 7 else 8
        if not self.has(at, size):
            return None
        more = self.data[at + 11] if self.data[at] & 4 else 0
        while more:
            part = 4 * self.data[at + size] if self.has(at, size + 1) else 0
            if not part or not self.has(at, size + part):
                return None
            size += part
            more = self.data[at + size - 1]
        if not self.has(at, size + 1):
            return None
        return (self.ip if self.data[at + size] >> 4 == 4 else self.ip6), at + size, 0

    def teredo(self, at: int, _: int) -> Next | None:
        if self.has(at, 4) and self.word(at) == 1:
            at += 13 + self.data[at + 2] + self.data[at + 3]
            if at > self.end:
                return None
        return self.ip6, at + (8 if self.has(at, 8) and self.word(at) == 0 else 0), 0


def _has_fcs(header: bytes) -> bool:
    at = 8
    while header[at - 1] & 0x80:
        at += 4
        if at > len(header):
            return False
    if not header[4] & 2:
        return False
    at = (at + 7) // 8 * 8 + 8 if header[4] & 1 else at
    return at < len(header) and bool(header[at] & 0x10)


def inside(data: bytes, link: int) -> Inside | None:
    """The innermost IP packet that can be reached."""
    w = _Walk(data, len(data))
    first: dict[int, tuple[int, Callable[[], Next]]] = {
        ETHERNET: (0, lambda: (w.ethernet, 0, 0)), SLL: (16, lambda: (w.etype, 16, w.word(14))),
        SLL2: (20, lambda: (w.etype, 20, w.word(0))), NULL: (4, lambda: (w.etype, 4, _family(data))),
        RAW: (1, lambda: ((w.ip if data[0] >> 4 == 4 else w.ip6), 0, 0)), PPP: (0, lambda: (w.ppp, 0, 0)),
        WLAN: (0, lambda: (w.wlan, 0, 0)), RADIOTAP: (0, lambda: (w.radiotap, 0, 0))}
    if link not in first or len(data) < first[link][0]:
        return None
    step: Next | None = first[link][1]()
    for _ in range(MAX_STEPS):
        if step is None:
            break
        reader, at, number = step
        step = reader(at, number)
    if w.found is not None:
        w.found.fcs = w.fcs
    return w.found


def _family(data: bytes) -> int:
    little, big = int.from_bytes(data[:4], "little"), int.from_bytes(data[:4], "big")
    family = big if big < 1 << 24 else little
    return 0x0800 if family == 2 else 0x86DD if family in (24, 28, 30) else 0


# ---------------------------------------------------------------- what a port shows, and what leaves


@dataclass(frozen=True)
class Outer:
    """What was around a packet as it came: headers in front, bytes behind what they enclose, how the frame began.

    compressed: it came in IPComp. The headers are those of the frame without, the tail is the whole frame as it came.
    """

    head: bytes
    came: bytes
    tail: bytes
    link: int
    found: Inside
    compressed: bool = False


def peel(frame: bytes, link: int) -> tuple[bytes, Outer] | None:
    """The packet that a port which looks into tunnels shows, and what is around it. None: the frame as it is."""
    found = inside(frame, link)
    plain = _without_ipcomp(frame, link, found) if found is not None else None
    if plain is not None:
        return plain
    if found is None or not (found.tunnelled or found.extended) or found.at > MAX_HEAD \
            or len(frame) - found.end > 0xFFFF:
        return None
    packet = frame[found.at:found.end]
    return packet, Outer(frame[:found.at], packet, frame[found.end:], link, found)


def _without_ipcomp(frame: bytes, link: int, found: Inside) -> tuple[bytes, Outer] | None:
    """The innermost packet of the frame as it would be if what was found had not been compressed."""
    if not found.ipcomp or found.at > MAX_HEAD or len(frame) > 0xFFFF:
        return None
    came = frame[found.at:found.ipcomp_end]
    packet = uncompressed(came, found.ipcomp - found.at, found.ipcomp_said - found.at)
    if packet is None:
        return None
    as_if = restore(packet, Outer(frame[:found.at], came, b"", RAW, found))  # RAW: not padded as Ethernet is
    plain = inside(as_if, link)
    if plain is None or plain.at > MAX_HEAD:
        return None
    packet = as_if[plain.at:plain.end]
    return packet, Outer(as_if[:plain.at], packet, frame, link, plain, True)


def restore(packet: bytes, outer: Outer) -> bytes:
    """The frame that leaves: lengths and checksums of the enclosing headers changed by what the packet has changed. A
    checksum that was wrong is wrong by the same amount, a UDP checksum of 0 stays 0."""
    if packet == outer.came:
        return outer.tail if outer.compressed else outer.head + packet + outer.tail
    was, now = outer.head + outer.came, bytearray(outer.head + packet)
    longer = len(packet) - len(outer.came)
    for kind, at in reversed(outer.found.layers):
        lengths = {"ip": 2, "ip6": 4, "udp": 4, "pptp": 4, "gtp": 2, "pppoe": 4}
        if longer and kind in lengths:
            place = at + lengths[kind]
            length = int.from_bytes(now[place:place + 2], "big") + longer
            now[place:place + 2] = (length & 0xFFFF).to_bytes(2, "big")
        if kind == "ip":
            header = 4 * (was[at] & 15)
            renew(now, at + 10, ones_sum(now[at:at + header]) - ones_sum(was[at:at + header]))
        elif kind == "udp":
            grown = ones_sum(now[at + 4:at + 6]) - ones_sum(was[at + 4:at + 6])  # in the pseudo header too
            if was[at + 6:at + 8] != b"\0\0":
                renew(now, at + 6, ones_sum(now[at:]) - ones_sum(was[at:]) + grown)
                now[at + 6:at + 8] = bytes(now[at + 6:at + 8]) if any(now[at + 6:at + 8]) else b"\xff\xff"
        elif kind == "gre" and was[at] & 0x80:
            renew(now, at + 4, ones_sum(now[at:]) - ones_sum(was[at:]))
    if outer.found.fcs:
        now += zlib.crc32(now[int.from_bytes(now[2:4], "little"):]).to_bytes(4, "little")
    padded = outer.link == ETHERNET and (longer or outer.tail)
    return bytes(now).ljust(60 if padded else 0, b"\0")
