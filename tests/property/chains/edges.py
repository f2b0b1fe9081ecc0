"""Operators at the values where simplifying goes wrong: neutral operands on either side, equal bounds, casts within casts,
shifts at the width, conditions that decide, loops that end at the end of their type."""

from collections.abc import Iterator

from mcc import (
    IP,
    PASS,
    TCP4,
    Action,
    Duplex,
    Element,
    Packet,
    Port,
    Table,
    chain,
    duplex,
    element,
    i32,
    struct,
    u8,
    u16,
    u32,
    u64,
)


@struct
class Seen:
    a: u32 = 1
    b: u16 = 2
    c: u64 = 3
    d: i32 = -4
    e: u8 = 5
    n: u32 = 0


@element(session=TCP4, scratch=Seen, cls=IP)
class Edges(Element):
    def setup(self) -> None:
        self.five = Table(u8, [10, 20, 30, 40, 50])

    def process_packet(self, s: Seen, pkt: Packet) -> Action:
        x = pkt.tcp.seq
        y = pkt.tcp.window
        t = pkt.ip.ttl
        s.a = s.a * 31 + (0 - x)
        s.a += (0 ^ x) + (x - 0) + (1 * x) + (x // 1) + (0 + x)
        s.b = s.b * 7 + (0 - y)
        s.c = s.c * 13 + u64(u32(u8(x))) + u64(u16(x >> 3))
        s.d = i32(u16(x)) - s.d * 3 + (0 - i32(y))
        s.d ^= i32(x) & -8
        s.e += (t & 4) % 4 + min(t, 5) % 5
        s.e ^= t - 200
        if x >= x and y <= y:
            s.n += 1
        if x > x or y != y or (t & 3) >= 3 or (t & 3) <= 0:
            s.n += 2
        k = t & 7
        s.c += u64(x << k) + u64(x >> 32) + u64(x << (t & 63)) + u64(y << (k * 2))
        s.d += (s.d >> (t & 63)) + (s.d >> 40)
        s.n += x - (u32(y) - (x - u32(t)))
        for i in range(250, min(u8(y), 255), 3):
            s.n += i
        for j in range(0, min(y, 10), 4):
            s.n += 1000 * u32(j) + 1
        match t & 3:
            case 0:
                s.n += 5
            case 1 | 2:
                s.n += 6
        if y > 100 and self.five[t & 7] > 20:
            s.n += 9
        s.n += self.five[min(t, 5)]
        return PASS


@chain
def edges() -> Iterator[Duplex]:
    yield duplex(Port("lan"), Edges(), Port("wan"))
