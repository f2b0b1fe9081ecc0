/* Reading ICMP errors: random and cut frames that end where memory does; the answer has the quoted addresses, reversed. */
#define _GNU_SOURCE 1
#include <sys/types.h>

#include "../mcc_buffers.c"
#include "../mcc_core.c"
#include "../mcc_context.c"
#include "../mcc_hash.h"
#include "../mcc_icmp.c"
#include "../mcc_mem.c"
#include "test.h"

static uint64_t less_seven(void *flow, uint64_t y)
{
    (void)flow;
    return y < 10 ? y : y + 7;
}

static uint64_t more_three(void *flow, uint64_t x)
{
    (void)flow;
    return x < 5 ? x : x + 3;
}

/* Seven bytes of direction 0 were removed at 10, three of direction 1 inserted at 5. */
static const struct mcc_way ways[2] = {{.back = less_seven}, {.forward = more_three}};

/* An error of `type` and `code` that quotes `quote` bytes of a segment, with right checksums. Its length. */
static uint32_t build(uint8_t *d, bool v6, uint8_t type, uint8_t code, uint32_t quote, uint32_t seq,
                      uint32_t ack)
{
    uint32_t header = v6 ? 40 : 20, tcp = 14 + header + 8 + header, payload = 30;
    memset(d, 0, tcp + 20 + payload);
    mcc_put16(d + 12, v6 ? 0x86dd : 0x0800);
    for (uint32_t i = 0; i < 2; i++) {
        uint8_t *ip = d + 14 + i * (header + 8);
        uint32_t n = i ? 20 + payload : 8 + header + quote;
        ip[0] = v6 ? 0x60 : 0x45;
        mcc_put16(ip + (v6 ? 4 : 2), v6 ? n : header + n);
        ip[v6 ? 6 : 9] = (uint8_t)(i ? 6 : v6 ? 58 : 1);
        for (uint32_t k = 0; k < (v6 ? 32u : 8u); k++)
            ip[(v6 ? 8 : 12) + k] = (uint8_t)(i ? k + 1 : 99);
    }
    uint8_t *t = d + tcp;
    mcc_put16(t, 4000);
    mcc_put16(t + 2, 80);
    mcc_put32(t + 4, seq);
    mcc_put32(t + 8, ack);
    t[12] = 0x50;
    t[13] = MCC_TCP_ACK;
    mcc_put16(t + 16, 0x1234);
    uint8_t *icmp = d + 14 + header;
    icmp[0] = type;
    icmp[1] = code;
    mcc_put16(icmp + 6, 1200);
    struct mcc_packet p = {.data = d, .len = 14 + header + 8 + header + quote};
    p.wire_len = p.len;
    mcc_parse(&p);
    mcc_checksum_fill(&p);
    return p.len;
}

/* The sum that a receiver of the whole quoted segment would check, but for what does not change. */
static uint16_t quoted_sum(const uint8_t *t)
{
    return mcc_checksum_fold((uint64_t)mcc_be16(t + 4) + mcc_be16(t + 6) + mcc_be16(t + 8) +
                             mcc_be16(t + 10) + mcc_be16(t + 16));
}

static void test_mapped(void)
{
    static const uint32_t isns[] = {1000, 0xfffffff0u, 0xffffffffu, 0};
    uint8_t bytes[400], answer[256];
    for (uint32_t round = 0; round < 4 * 2 * 3; round++) {
        bool v6 = round & 1;
        uint32_t quote = (uint32_t[]){8, 20, 50}[round / 2 % 3], isn = isns[round / 6];
        struct mcc_tcp tcp = {.state = MCC_TCP_OPEN, .mapped = true};
        tcp.way[0] =
            (struct mcc_tcp_way){.isn = isn, .known = true, .next = 107, .sent = 100, .acked = 5};
        tcp.way[1] = (struct mcc_tcp_way){.isn = ~isn, .known = true, .next = 50, .sent = 53};
        struct mcc_turn turn = {.ways = ways, .id = 6};
        struct mcc_packet p = {.data = bytes}, q = {.data = answer};
        struct mcc_icmp_error e;
        p.len = p.wire_len = build(bytes, v6, v6 ? 2 : 3, v6 ? 0 : 4, quote, isn + 20, ~isn + 30);
        if (v6)
            mcc_put32(bytes + 58, 1400), bytes[56] = bytes[57] = 0; /* MTU; the checksum anew */
        mcc_parse(&p);
        mcc_checksum_fill(&p);
        CHECK_EQUAL(mcc_verify(&p), 0);
        CHECK(mcc_icmp_read(&p, &e));
        CHECK_EQUAL(e.mtu, v6 ? 1400 : 1200);
        mcc_icmp_answer(&q, &p, &e);
        CHECK(q.layers & MCC_TCP);
        CHECK_EQUAL(mcc_be16(q.data + q.l4), 80);
        CHECK_EQUAL(mcc_be16(q.data + q.l4 + 2), 4000);
        CHECK_EQUAL(q.data[q.l3 + (v6 ? 8 : 12)], v6 ? 17 : 5);
        CHECK_EQUAL(q.data[q.l3 + (v6 ? 24 : 16)], 1);
        const uint8_t *t = bytes + e.tcp;
        uint16_t sum = quoted_sum(t);
        mcc_icmp_map(&turn, &tcp, &p, &e);
        CHECK_EQUAL(mcc_be32(t + 4), isn + 27);
        CHECK_EQUAL(mcc_verify(&p), 0);
        CHECK_EQUAL(tcp.way[0].path, v6 ? 1400 : 1200);
        if (quote >= 20) {
            CHECK_EQUAL(mcc_be32(t + 8), ~isn + 33);
            CHECK_EQUAL(quoted_sum(t) % 0xffff, sum % 0xffff);
        }

        tcp.way[0].path = 0;
        tcp.way[0].acked = 21; /* still in flight */
        mcc_icmp_map(&turn, &tcp, &p, &e);
        CHECK_EQUAL(tcp.way[0].path, e.mtu);
    }
}

static void test_least_path(void)
{
    uint8_t bytes[400];
    struct mcc_tcp tcp = {.state = MCC_TCP_OPEN};
    struct mcc_turn turn = {.ways = ways};
    struct mcc_icmp_error e;
    tcp.way[0] =
        (struct mcc_tcp_way){.known = true, .next = 100, .sent = 100, .acked = 5, .path = 1300};
    struct mcc_packet p = {.data = bytes};
    p.len = p.wire_len = build(bytes, false, 3, 4, 8, 20, 0);
    mcc_parse(&p);
    static const uint16_t said[][2] = {{1400, 1300}, {576, 576}, {20, 68}, {1400, 68}};
    for (uint32_t i = 0; i < 4; i++) {
        mcc_put16(bytes + 40, said[i][0]);
        CHECK(mcc_icmp_read(&p, &e));
        mcc_icmp_map(&turn, &tcp, &p, &e);
        CHECK_EQUAL(tcp.way[0].path, said[i][1]);
        CHECK_EQUAL(mcc_be32(bytes + e.tcp + 4), 20); /* nothing is mapped */
    }
    mcc_put16(bytes + 40, 0); /* RFC 1191: the next plateau below what was sent */
    mcc_put16(bytes + 44, 1500);
    CHECK(mcc_icmp_read(&p, &e));
    CHECK_EQUAL(e.mtu, 1492);
    tcp.way[0].path = 0;
    mcc_put32(bytes + e.tcp + 4, 4); /* acknowledged long ago */
    mcc_icmp_map(&turn, &tcp, &p, &e);
    CHECK_EQUAL(tcp.way[0].path, 0);
    mcc_put32(bytes + e.tcp + 4, 100); /* not sent yet */
    mcc_icmp_map(&turn, &tcp, &p, &e);
    CHECK_EQUAL(tcp.way[0].path, 0);
}

static void test_hostile(void)
{
    uint8_t *end = test_guard_end(), whole[400], answer[256];
    uint64_t random = 5;
    uint32_t read = 0;
    for (uint32_t round = 0; round < 400000; round++) {
        bool v6 = round & 1;
        uint32_t n = build(whole, v6, (uint8_t)(v6 ? 1 + test_below(&random, 4) : 3), 4,
                           test_below(&random, 51), 20, 30);
        for (uint32_t i = test_below(&random, 5); i > 0; i--)
            whole[12 + test_below(&random, 100)] = (uint8_t)test_random(&random);
        n = test_below(&random, 2) ? n : test_below(&random, n + 1);
        uint8_t *data = end - n;
        memcpy(data, whole, n);
        struct mcc_packet p = {.data = data,
                               .len = n,
                               .wire_len = n,
                               .link = (uint8_t)(test_below(&random, 8) == 0)},
                          q = {.data = answer};
        struct mcc_tcp tcp = {.state = MCC_TCP_OPEN, .mapped = true};
        struct mcc_turn turn = {.ways = ways, .id = round & 2 ? 1 : 0};
        tcp.way[turn.id] = (struct mcc_tcp_way){.known = true, .sent = 100, .next = 90};
        tcp.way[1 - turn.id] = (struct mcc_tcp_way){.known = round & 4, .sent = 100, .next = 90};
        struct mcc_icmp_error e;
        mcc_parse(&p);
        if (!(p.layers & (MCC_ICMP | MCC_ICMP6)) || p.l3 > 128 || !mcc_icmp_read(&p, &e))
            continue;
        read++;
        bool right = mcc_checksum_l4_cover(&p) && !(mcc_verify(&p) & MCC_FIX_L4);
        mcc_icmp_answer(&q, &p, &e);
        CHECK(q.layers & MCC_TCP);
        mcc_icmp_map(&turn, &tcp, &p, &e);
        CHECK(!right || !(mcc_verify(&p) & MCC_FIX_L4));
    }
    CHECK(read > 10000);
}

int main(void)
{
    test_mapped();
    test_least_path();
    test_hostile();
    puts("icmp: ok");
    return 0;
}
