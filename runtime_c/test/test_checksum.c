/* Sums, differences and packet checksums against 16-bit arithmetic as the RFCs write it. */
#include "../mcc_made.h"
#include "test.h"

static uint32_t naive_sum(const uint8_t *b, size_t n)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += i % 2 ? b[i] : (uint32_t)b[i] << 8;
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return sum;
}

static void test_sum(uint64_t *seed, uint8_t *end)
{
    for (size_t n = 0; n <= 300; n++)
        for (int round = 0; round < 40; round++) {
            for (size_t i = 0; i < n; i++)
                end[-(long)n + (long)i] = round == 0   ? 0
                                          : round == 1 ? 0xff
                                                       : (uint8_t)test_random(seed);
            CHECK_EQUAL(mcc_checksum_sum(end - n, n), naive_sum(end - n, n));
        }
    memset(end - 65000, 0xff, 65000);
    CHECK_EQUAL(mcc_checksum_sum(end - 65000, 65000), 0xffff);
}

/* A memory with a right checksum behind it stays right when a field and the checksum are updated.
 * */
static void test_deltas(uint64_t *seed)
{
    for (int round = 0; round < 200000; round++) {
        uint8_t before[32], after[32], field[2], wrong[2];
        for (int i = 0; i < 32; i++)
            before[i] =
                (uint8_t)(test_below(seed, 4) ? test_random(seed) : test_below(seed, 2) * 255);
        memcpy(after, before, 32);
        unsigned width = test_below(seed, 6), at = test_below(seed, 8) * 2;
        static const unsigned bytes[] = {1, 2, 4, 6, 8, 16};
        if (width == 0)
            at += test_below(seed, 2);
        for (unsigned i = 0; i < bytes[width]; i++)
            after[at + i] =
                (uint8_t)(test_below(seed, 4) ? test_random(seed) : test_below(seed, 2) * 255);
        unsigned __int128 old = 0, new = 0;
        for (unsigned i = 0; i < bytes[width]; i++)
            old = old << 8 | before[at + i], new = new << 8 | after[at + i];
        uint32_t acc = test_below(seed, 3) ? 0 : 0xffffffff;
        switch (width) {
        case 0:
            mcc_delta8(&acc, (uint8_t)old, (uint8_t)new, at % 2);
            break;
        case 1:
            mcc_delta16(&acc, (uint16_t)old, (uint16_t)new);
            break;
        case 2:
            mcc_delta32(&acc, (uint32_t)old, (uint32_t)new);
            break;
        case 3:
            mcc_delta48(&acc, (uint64_t)old | 0xabcdull << 48, (uint64_t)new | 0x1234ull << 48);
            break;
        case 4:
            mcc_delta64(&acc, (uint64_t)old, (uint64_t)new);
            break;
        default:
            mcc_delta128(&acc, old, new);
            break;
        }
        before[0] |= 1, after[0] |= at ? 1 : after[0];
        if (at == 0)
            continue; /* word 0 is never 0 in both, so the sum is not +0 */
        uint32_t error = test_below(seed, 65536), right = ~naive_sum(before, 32) & 0xffff;
        field[0] = (uint8_t)(right >> 8), field[1] = (uint8_t)right;
        uint32_t off = ~mcc_checksum_fold((uint64_t)(~right & 0xffff) + error) & 0xffff;
        wrong[0] = (uint8_t)(off >> 8), wrong[1] = (uint8_t)off;
        mcc_checksum_apply(field, acc, false);
        uint32_t want = ~naive_sum(after, 32) & 0xffff;
        if (memcmp(before, after, 32))
            CHECK_EQUAL(mcc_be16(field), want);
        else
            CHECK(mcc_be16(field) == right);
        mcc_checksum_apply(wrong, acc, false);
        uint32_t now_off = mcc_be16(wrong), now_right = mcc_be16(field);
        CHECK_EQUAL((now_off + 0xffff - now_right + error) % 0xffff, 0);
    }
    uint32_t acc = 0;
    for (uint32_t i = 0; i < 300000; i++) /* the accumulator does not overflow */
        mcc_delta16(&acc, 0, 0xffff), mcc_delta32(&acc, 7, 8);
    CHECK_EQUAL(mcc_checksum_fold(acc) % 0xffff, 300000 % 0xffff);
}

static void apply(unsigned old, uint32_t delta, bool udp, unsigned want)
{
    uint8_t field[2] = {(uint8_t)(old >> 8), (uint8_t)old};
    mcc_checksum_apply(field, delta, udp);
    CHECK_EQUAL(mcc_be16(field), want);
}

static void test_corners(void)
{
    apply(0x0000, 0x1234, true, 0x0000); /* UDP without a checksum stays so */
    apply(0x0000, 0x1234, false, 0xedcb);
    apply(0xffff, 0, false, 0xffff);
    apply(0xffff, 0xffff, false, 0x0000); /* two spellings of one number */
    apply(0xffff, 0xffff, true, 0xffff);
    apply(0x0000, 0xffff, false, 0x0000);
    apply(0x0001, 0x0001, false, 0x0000); /* ~(0xfffe + 1) */
    apply(0x0001, 0x0001, true, 0xffff);
    apply(0xffff, 0x0001, false, 0xfffe);
    uint32_t acc = 0; /* RFC 1624, section 4: 0xdd2f, 0x5555 to 0x3285 gives 0x0000 */
    mcc_delta16(&acc, 0x5555, 0x3285);
    apply(0xdd2f, acc, false, 0x0000);
    apply(0xdd2f, acc, true, 0xffff);
}

/* A frame of Ethernet, IPv4 or IPv6, and `proto`, with right checksums by naive sums; `l4` bytes
 * behind IP. */
static uint32_t build(uint8_t *d, int is6, uint8_t proto, uint32_t l4, uint64_t *seed)
{
    static const uint8_t field_at[59] = {[6] = 16, [17] = 6, [1] = 2, [58] = 2};
    uint32_t header = is6 ? 40 : 24, len = 14 + header + l4;
    for (uint32_t i = 0; i < len; i++)
        d[i] = (uint8_t)test_random(seed);
    uint8_t *ip = d + 14, *t = ip + header, pseudo[40] = {0};
    mcc_put16(d + 12, is6 ? 0x86dd : 0x0800);
    if (is6) {
        ip[0] = 0x60, ip[6] = proto;
        mcc_put16(ip + 4, l4);
        memcpy(pseudo, ip + 8, 32);
    } else {
        ip[0] = 0x46, ip[9] = proto;
        mcc_put16(ip + 2, header + l4);
        mcc_put32(ip + 6, 0x40004000u | proto);
        mcc_put16(ip + 10, 0);
        mcc_put16(ip + 10, ~naive_sum(ip, 24));
        memcpy(pseudo, ip + 12, 8);
    }
    if (proto == 6)
        t[12] = 0x50;
    if (proto == 17)
        mcc_put16(t + 4, l4);
    mcc_put32(pseudo + 32, l4);
    mcc_put32(pseudo + 36, proto);
    if (proto == 1)
        memset(pseudo, 0, 40);
    mcc_put16(t + field_at[proto], 0);
    uint32_t sum = naive_sum(t, l4) + naive_sum(pseudo, 40),
             right = ~mcc_checksum_fold(sum) & 0xffffu;
    mcc_put16(t + field_at[proto], proto == 17 && right == 0 ? 0xffff : right);
    return len;
}

static struct mcc_packet parsed(uint8_t *data, uint32_t len)
{
    struct mcc_packet p = {
        .data = data, .len = len, .wire_len = len, .room = len, .link = MCC_LINK_ETHERNET};
    mcc_parse(&p);
    return p;
}

static void test_packets(uint64_t *seed, uint8_t *end)
{
    static const uint8_t kinds[][3] = {{0, 6, 16}, {0, 17, 6}, {0, 1, 2},
                                       {1, 6, 16}, {1, 17, 6}, {1, 58, 2}};
    for (int round = 0; round < 6000; round++) {
        const uint8_t *kind = kinds[round % 6];
        uint8_t frame[600], saved[600];
        uint32_t l4 = 20 + test_below(seed, 200), len = build(frame, kind[0], kind[1], l4, seed),
                 at = len - l4 + kind[2];
        memcpy(saved, frame, len);
        memcpy(end - len, frame, len);
        struct mcc_packet p = parsed(end - len, len);
        CHECK_EQUAL(mcc_verify(&p), 0);
        mcc_checksum_fill(&p);
        CHECK(memcmp(p.data, saved, len) == 0);
        CHECK_EQUAL(mcc_checksum_l4(&p) % 0xffff, mcc_be16(saved + at) % 0xffff);
        p.data[at] ^= 0x40; /* a wrong one is found and put right */
        CHECK_EQUAL(mcc_verify(&p), mcc_be16(p.data + at) || kind[1] != 17 ? MCC_FIX_L4 : 0);
        if (!kind[0]) {
            p.data[14 + 11] ^= 0x10;
            CHECK(mcc_verify(&p) & MCC_FIX_IP);
            CHECK_EQUAL(mcc_checksum_ip4(p.data + 14), mcc_be16(saved + 24));
        }
        mcc_checksum_fill(&p);
        CHECK(memcmp(p.data, saved, len) == 0);
        uint8_t *address = p.data + 14 + (kind[0] ? 8 : 12); /* a rewrite with differences */
        uint32_t new = (uint32_t)test_random(seed);
        if (!kind[0])
            mcc_delta32(&p.ip_delta, mcc_be32(address), new), p.fix |= MCC_FIX_IP;
        if (kind[1] != 1)
            mcc_delta32(&p.l4_delta, mcc_be32(address), new), p.fix |= MCC_FIX_L4;
        mcc_put32(address, new);
        mcc_fix(&p);
        CHECK_EQUAL(mcc_verify(&p), 0);
        CHECK(p.fix == 0 && p.ip_delta == 0 && p.l4_delta == 0);
        uint32_t cut =
            14 + test_below(seed, len - 13); /* cut anywhere: nothing is read beyond the end */
        memcpy(end - cut, frame, cut);
        p = parsed(end - cut, cut);
        p.fix = MCC_FIX_IP | MCC_FIX_L4, p.ip_delta = p.l4_delta = 1;
        mcc_fix(&p);
        mcc_checksum_fill(&p);
        CHECK(cut == len || !(mcc_verify(&p) & MCC_FIX_L4));
    }
}

static void test_not_computed(uint64_t *seed)
{
    uint8_t d[200];
    uint32_t len = build(d, 0, 17, 60, seed);
    struct mcc_packet p = parsed(d, len);
    mcc_put16(d + 38 + 4, 40); /* UDP shorter than IP: the rest is not covered */
    mcc_checksum_fill(&p);
    CHECK_EQUAL(mcc_verify(&p), 0);
    d[38 + 50] ^= 1;
    CHECK_EQUAL(mcc_verify(&p), 0);
    d[38 + 30] ^= 1;
    CHECK_EQUAL(mcc_verify(&p), MCC_FIX_L4);
    for (unsigned bad = 0; bad < 70;
         bad += bad == 7 ? 54 : 1) { /* 0 .. 7 and 61 ..: it cannot be told */
        mcc_put16(d + 38 + 4, bad);
        CHECK_EQUAL(mcc_verify(&p), 0);
        uint32_t before = mcc_be32(d + 38 + 4);
        mcc_checksum_fill(&p);
        CHECK_EQUAL(mcc_be32(d + 38 + 4), before);
    }
    mcc_put32(d + 38 + 4, 60 << 16); /* no checksum */
    CHECK_EQUAL(mcc_verify(&p), 0);
    p.l4_delta = 5, p.fix = MCC_FIX_L4;
    mcc_fix(&p);
    mcc_checksum_fill(&p);
    CHECK_EQUAL(mcc_be16(d + 38 + 6), 0);
    len = build(d, 1, 17, 60, seed);
    p = parsed(d, len);
    uint32_t right = mcc_be16(d + 54 + 6);
    mcc_put16(d + 54 + 6, 0);
    CHECK_EQUAL(mcc_verify(&p), 0);
    mcc_checksum_fill(&p); /* IPv6 demands one */
    CHECK_EQUAL(mcc_be16(d + 54 + 6), right);
    len = build(d, 0, 6, 60, seed);
    d[20] |= 0x20; /* more fragments follow: the IP header is wrong now, TCP cannot be told */
    d[len - 1] ^= 1;
    p = parsed(d, len);
    CHECK(p.layers & MCC_TCP);
    CHECK_EQUAL(mcc_verify(&p), MCC_FIX_IP);
}

static void test_made(uint64_t *seed, uint8_t *end)
{
    struct mcc_packet p = {.data = end - 60, .room = 60};
    mcc_make_arp_request(&p, 0x0a000001, 0x020304050607, 0x0a0000fe);
    static const uint8_t arp[42] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 3, 4, 5, 6,  7, 8, 6,
                                    0,    1,    8,    0,    6,    4,    0, 1, 2, 3, 4,  5, 6, 7,
                                    10,   0,    0,    1,    0,    0,    0, 0, 0, 0, 10, 0, 0, 0xfe};
    CHECK(memcmp(p.data, arp, 42) == 0 && p.len == 60 && p.wire_len == 60);
    CHECK_EQUAL(p.layers, MCC_ETH | MCC_ARP);
    for (int is6 = 0; is6 < 2; is6++)
        for (unsigned flags = 0; flags < 64; flags++) {
            uint8_t d[300];
            uint32_t len = build(d, is6, 6, 20 + flags, seed), l4 = len - 20 - flags;
            d[l4 + 13] = (uint8_t)flags;
            struct mcc_packet of = parsed(d, len), rst = {.data = end - 14 - 60, .room = 14 + 60};
            bool made = mcc_make_rst(&rst, &of);
            CHECK_EQUAL(made, !(flags & 4));
            if (!made)
                continue;
            const uint8_t *t = rst.data + rst.l4, *was = d + l4;
            CHECK_EQUAL(mcc_verify(&rst), 0);
            CHECK_EQUAL(rst.layers, of.layers);
            CHECK(rst.len >= 60 && memcmp(rst.data, d + 6, 6) == 0 &&
                  memcmp(rst.data + 6, d, 6) == 0);
            CHECK(mcc_be16(t) == mcc_be16(was + 2) && mcc_be16(t + 2) == mcc_be16(was));
            if (flags & 16) {
                CHECK(t[13] == 4 && mcc_be32(t + 4) == mcc_be32(was + 8) && mcc_be32(t + 8) == 0);
            } else {
                CHECK(t[13] == 20 && mcc_be32(t + 4) == 0);
                CHECK_EQUAL(mcc_be32(t + 8) - mcc_be32(was + 4),
                            flags + (flags >> 1 & 1) + (flags & 1));
            }
        }
    uint8_t d[300];
    struct mcc_packet of = parsed(d, build(d, 0, 17, 30, seed)), none = {.data = d, .room = 200};
    CHECK(!mcc_make_rst(&none, &of));
}

int main(void)
{
    uint64_t seed = 9;
    uint8_t *end = test_guard_end();
    test_sum(&seed, end);
    test_deltas(&seed);
    test_corners();
    test_packets(&seed, end);
    test_not_computed(&seed);
    test_made(&seed, end);
    puts("checksum: ok");
    return 0;
}
