/* Fragments joined and cut again against plain arrays; contradictions, limits and times; hostile frames in guarded buffers. */
#include "../mcc_buffers.c"
#include "../mcc_core.c"
#include "../mcc_frag.c"
#include "../mcc_frag_out.c"
#include "../mcc_mem.c"
#include "test.h"

enum { MOST = 3000, FRAMES = 80 };

#define SECOND 1000000000ull

static struct mcc_core core;
static struct mcc_frags frags;
static uint64_t drops[MCC_REASONS], received;

static void setup(uint32_t buffers, uint32_t wants)
{
    const struct mcc_config config = {.buffers = buffers, .large_buffers = 8, .max_sessions = 1};
    CHECK(mcc_core_init(&core, &config) == 0);
    memset(drops, 0, sizeof drops);
    core.drops = drops;
    received = 0;
    CHECK(mcc_frags_init(&frags, &core, wants, 42) == 0);
}

static void teardown(void)
{
    for (uint32_t i = 0; i < core.out_count; i++)
        mcc_buffer_put(core.buffers, core.out[i]);
    mcc_frags_free(&frags);
    CHECK_EQUAL(mcc_buffers_used(core.buffers), 0);
    mcc_core_free(&core);
}

static void conserved(uint64_t through)
{
    uint64_t dropped = 0;
    for (uint32_t i = 0; i < MCC_REASONS; i++)
        dropped += drops[i];
    CHECK_EQUAL(received + core.made, through + core.ports[0].tx_packets + dropped + core.held);
}

struct frame {
    uint8_t bytes[2000];
    uint32_t len;
};

/* The frame of content `from` .. `to` of a datagram with `n` bytes. */
static struct frame frame_of4(const uint8_t *content, uint32_t from, uint32_t to, uint32_t n,
                              uint16_t id, uint32_t options)
{
    struct frame f = {.len = 34 + options + to - from};
    uint8_t *ip = f.bytes + 14;
    memset(f.bytes, 0x11, 12);
    mcc_put16(f.bytes + 12, 0x0800);
    ip[0] = (uint8_t)(0x45 + options / 4);
    mcc_put16(ip + 2, 20 + options + to - from);
    mcc_put16(ip + 4, id);
    mcc_put16(ip + 6, 0x4000 | (to < n ? 0x2000u : 0) | from / 8);
    ip[8] = (uint8_t)(64 + from % 3); /* ways of their own */
    ip[9] = 17;
    mcc_put32(ip + 12, 0x0a000001);
    mcc_put32(ip + 16, 0x0a000002);
    memset(ip + 20, 1, options);
    if (options >= 4)
        memcpy(ip + 20, from ? "\x94\x04\0\0" : "\x94\x04\0\1", 4); /* router alert: copied */
    mcc_checksum_write(ip + 10, mcc_checksum_ip4(ip), false);
    memcpy(ip + 20 + options, content + from, to - from);
    if (f.len < 60) { /* padding of the link */
        memset(f.bytes + f.len, 0x77, 60 - f.len);
        f.len = 60;
    }
    return f;
}

static struct frame frame_of6(const uint8_t *content, uint32_t from, uint32_t to, uint32_t n,
                              uint32_t id)
{
    struct frame f = {.len = 62 + to - from};
    uint8_t *ip = f.bytes + 14;
    memset(f.bytes, 0x22, 12);
    mcc_put16(f.bytes + 12, 0x86dd);
    ip[0] = 0x60;
    mcc_put16(ip + 4, 8 + to - from);
    ip[6] = 44;
    ip[7] = 64;
    memset(ip + 8, 0x20, 16);
    memset(ip + 24, 0x21, 16);
    ip[40] = 17;
    mcc_put16(ip + 42, from | (to < n));
    mcc_put32(ip + 44, id);
    memcpy(ip + 48, content + from, to - from);
    return f;
}

/* A frame arrives alone: what goes on. */
static struct mcc_packet *arrive(const struct frame *f, uint64_t at)
{
    struct mcc_packet *p =
        mcc_core_receive(&core, f->bytes, f->len, f->len, at, 0, MCC_LINK_ETHERNET);
    CHECK(p != NULL);
    received++;
    return mcc_frag_burst(&frags, &p, 1) ? p : NULL;
}

static void fill(uint8_t *content, uint32_t n, uint64_t *random)
{
    for (uint32_t i = 0; i < n; i++)
        content[i] = (uint8_t)test_random(random);
}

/* ---------------------------------------------------------------- random datagrams */

/* Cuts a datagram at random places and shuffles: the number of frames. */
static uint32_t cut(struct frame *frames, const uint8_t *content, uint32_t n, bool v6, uint32_t id,
                    uint64_t *random)
{
    uint32_t count = 0, options = v6 ? 0 : 4 * test_below(random, 3);
    for (uint32_t from = 0, to; from < n; from = to) {
        to = from + 8 * (1 + test_below(random, 120));
        to = to > n ? n : to;
        frames[count++] = v6 ? frame_of6(content, from, to, n, id)
                             : frame_of4(content, from, to, n, (uint16_t)id, options);
        if (count == FRAMES - 20)
            return 0;
    }
    for (uint32_t i = count; i > 1; i--) {
        uint32_t j = test_below(random, i);
        struct frame swap = frames[i - 1];
        frames[i - 1] = frames[j];
        frames[j] = swap;
    }
    return count;
}

static void sent_equal(const struct frame *frames, uint32_t count)
{
    CHECK_EQUAL(core.out_count, count);
    for (uint32_t i = 0; i < count; i++) {
        CHECK_EQUAL(core.out[i]->len, frames[i].len);
        CHECK(memcmp(core.out[i]->data, frames[i].bytes, frames[i].len) == 0);
        mcc_buffer_put(core.buffers, core.out[i]);
    }
    core.out_count = 0;
}

static void test_random_datagrams(void)
{
    static struct frame frames[FRAMES];
    uint8_t content[MOST];
    uint64_t random = 1;
    setup(1024, MCC_FRAG_UDP);
    for (uint32_t round = 0; round < 3000; round++) {
        bool v6 = round & 1;
        uint32_t n = 9 + test_below(&random, MOST - 9);
        fill(content, n, &random);
        uint32_t count = cut(frames, content, n, v6, round, &random);
        if (count < 2)
            continue;
        struct mcc_packet *whole = NULL;
        for (uint32_t i = 0; i < count; i++) {
            CHECK(whole == NULL);
            if (i && test_below(&random, 4) == 0)
                CHECK(arrive(&frames[test_below(&random, i)], round) == NULL); /* an exact copy */
            whole = arrive(&frames[i], round);
        }
        CHECK(whole != NULL && whole->mtu > 0);
        mcc_parse(whole);
        CHECK_EQUAL(whole->ip_end - whole->l4, n);
        CHECK_EQUAL(whole->proto, 17);
        CHECK(memcmp(whole->data + whole->l4, content, n) == 0);
        CHECK(v6 || mcc_checksum_sum(whole->data + 14, (size_t)(whole->l4 - 14)) == 0xffff);
        conserved(1);
        mcc_frag_out(&core, whole, 0);
        sent_equal(frames, count);
        conserved(0);
    }
    CHECK_EQUAL(core.held, 0);
    teardown();
}

/* Joins what was sent, as another box would. */
static struct mcc_packet *joined_again(void)
{
    struct mcc_packet *whole = NULL;
    uint32_t n = core.out_count;
    core.out_count = 0;
    for (uint32_t i = 0; i < n; i++) {
        struct mcc_packet *p = core.out[i];
        received++;
        whole = mcc_frag_burst(&frags, &p, 1) ? p : NULL;
        CHECK((whole != NULL) == (i + 1 == n));
    }
    return whole;
}

static void test_changed(void)
{
    static struct frame frames[FRAMES];
    uint8_t content[MOST];
    uint64_t random = 2;
    setup(1024, MCC_FRAG_ANY);
    for (uint32_t round = 0; round < 600; round++) {
        bool v6 = round & 1, copied = round & 2;
        uint32_t n = 1500 + test_below(&random, MOST - 1500), count, least = v6 ? 1280 : 68;
        fill(content, n, &random);
        do
            count = cut(frames, content, n, v6, round, &random);
        while (count < 2);
        struct mcc_packet *p = NULL;
        for (uint32_t i = 0; i < count; i++)
            p = arrive(&frames[i], round);
        CHECK(p != NULL);
        mcc_parse(p);
        uint32_t most = p->mtu > least ? p->mtu : least, now = n;
        p->data[p->l4 + 1000] ^= 1; /* rewritten: content, a MAC, the time to live */
        content[1000] ^= 1;
        p->data[3] = 0x99;
        p->data[p->l3 + (v6 ? 7 : 8)] = 9;
        if (!v6)
            mcc_checksum_write(p->data + p->l3 + 10, mcc_checksum_ip4(p->data + p->l3), false);
        if (round & 4) { /* and resized */
            now = n - 8 - test_below(&random, 1000);
            p->len = p->wire_len = p->ip_end = p->l4 + now;
            mcc_put16(p->data + p->l3 + (v6 ? 4 : 2), p->l4 - p->l3 + now - (v6 ? 40 : 0));
            if (!v6)
                mcc_checksum_write(p->data + p->l3 + 10, mcc_checksum_ip4(p->data + p->l3), false);
        }
        p->content = p->data + p->l4; /* as in a context */
        if (copied) {
            struct mcc_packet *copy = mcc_buffer_copy(core.buffers, p);
            mcc_buffer_put(core.buffers, p);
            p = copy;
        }
        uint32_t head = p->l4;
        mcc_frag_out(&core, p, 0);
        for (uint32_t i = 0; i < core.out_count; i++) {
            const struct mcc_packet *q = core.out[i];
            CHECK(q->ip_end - q->l3 <= most && q->data[3] == 0x99 &&
                  q->data[q->l3 + (v6 ? 7 : 8)] == 9);
            CHECK(v6 || (mcc_checksum_sum(q->data + q->l3, (size_t)(q->l4 - q->l3)) == 0xffff &&
                         q->data[20] & 0x40));
        }
        if (!(round & 4) && !copied)
            CHECK_EQUAL(core.out_count, count);
        struct mcc_packet *again = core.out_count > 1 ? joined_again() : core.out[--core.out_count];
        mcc_parse(again);
        CHECK(again->l4 == head && again->ip_end - again->l4 == now);
        CHECK(memcmp(again->data + again->l4, content, now) == 0);
        mcc_buffer_put(core.buffers, again);
    }
    teardown();
}

/* ---------------------------------------------------------------- contradictions, limits, times */

static void expect(struct frame f, uint64_t at, uint32_t reason, uint64_t more)
{
    uint64_t before = drops[reason];
    CHECK(arrive(&f, at) == NULL);
    CHECK_EQUAL(drops[reason], before + more);
}

static void test_contradictions(void)
{
    uint8_t c[200], other[200];
    uint64_t random = 3;
    setup(256, MCC_FRAG_UDP);
    fill(c, 200, &random);
    memcpy(other, c, 200);
    other[70] ^= 1;
    /* overlaps: the whole datagram, and what comes of it later */
    expect(frame_of4(c, 0, 64, 200, 1, 0), 0, MCC_DROP_FRAG_OVERLAP, 0);
    expect(frame_of4(c, 56, 128, 200, 1, 0), 0, MCC_DROP_FRAG_OVERLAP, 2);
    expect(frame_of4(c, 128, 200, 200, 1, 0), 0, MCC_DROP_FRAG_OVERLAP, 1);
    /* the same place with other bytes */
    expect(frame_of6(c, 64, 128, 200, 2), 0, MCC_DROP_FRAG_OVERLAP, 0);
    expect(frame_of6(c, 64, 128, 200, 2), 0, MCC_DROP_FRAG_DUPLICATE, 1);
    expect(frame_of6(other, 64, 128, 200, 2), 0, MCC_DROP_FRAG_OVERLAP, 2);
    /* a tiny one over the header of the first */
    expect(frame_of4(c, 0, 64, 200, 3, 0), 0, MCC_DROP_FRAG_OVERLAP, 0);
    expect(frame_of4(c, 8, 16, 200, 3, 0), 0, MCC_DROP_FRAG_OVERLAP, 2);
    /* two ends; bytes behind the end */
    expect(frame_of4(c, 128, 200, 200, 4, 0), 0, MCC_DROP_FRAG_MALFORMED, 0);
    expect(frame_of4(c, 64, 120, 120, 4, 0), 0, MCC_DROP_FRAG_MALFORMED, 2);
    expect(frame_of4(c, 128, 192, 200, 5, 0), 0, MCC_DROP_FRAG_MALFORMED, 0);
    expect(frame_of4(c, 64, 120, 120, 5, 0), 0, MCC_DROP_FRAG_MALFORMED, 2);
    expect(frame_of6(c, 64, 120, 120, 6), 0, MCC_DROP_FRAG_MALFORMED, 0);
    expect(frame_of6(c, 120, 192, 200, 6), 0, MCC_DROP_FRAG_MALFORMED, 2);
    /* lengths that cannot be: only this one */
    expect(frame_of4(c, 0, 61, 200, 7, 0), 0, MCC_DROP_FRAG_MALFORMED, 1);
    struct frame f = frame_of4(c, 0, 64, 200, 7, 0);
    f.len -= 10;
    expect(f, 0, MCC_DROP_FRAG_MALFORMED, 1);
    f = frame_of6(c, 0, 64, 64, 8);
    mcc_put16(f.bytes + 14 + 42, 0xfff8);
    expect(f, 0, MCC_DROP_FRAG_MALFORMED, 1);
    conserved(0);
    CHECK_EQUAL(core.held, 0);
    teardown();
}

static void test_too_long(void)
{
    uint8_t c[1480] = {0};
    setup(256, MCC_FRAG_UDP);
    for (uint32_t at = 0; at < 65120; at += 1480) {
        struct frame f = frame_of4(c, 0, 1480, 2000, 1, 0);
        mcc_put16(f.bytes + 20, 0x2000 | at / 8);
        mcc_checksum_write(f.bytes + 24, mcc_checksum_ip4(f.bytes + 14), false);
        expect(f, 0, MCC_DROP_FRAG_MALFORMED, 0);
    }
    struct frame f = frame_of4(c, 0, 400, 400, 1, 0); /* 65,520 bytes and a header */
    mcc_put16(f.bytes + 20, 65120 / 8);
    mcc_checksum_write(f.bytes + 24, mcc_checksum_ip4(f.bytes + 14), false);
    expect(f, 0, MCC_DROP_FRAG_MALFORMED, 45);
    teardown();
}

static void test_limits(void)
{
    uint8_t c[1024] = {0};
    setup(8000, MCC_FRAG_UDP);
    for (uint32_t i = 0; i < MCC_FRAG_PARTS; i++)
        expect(frame_of4(c, 16 * i, 16 * i + 8, 2000, 1, 0), 0, MCC_DROP_FRAG_LIMIT, 0);
    expect(frame_of4(c, 8, 16, 2000, 1, 0), 0, MCC_DROP_FRAG_LIMIT, MCC_FRAG_PARTS + 1);
    for (uint32_t i = 2; i <= MCC_FRAG_DATAGRAMS; i++)
        expect(frame_of6(c, 0, 64, 200, i), 1, MCC_DROP_FRAG_LIMIT, 0);
    expect(frame_of4(c, 64, 128, 200, 9, 0), 2, MCC_DROP_FRAG_LIMIT,
           0); /* that without buffers was the oldest */
    expect(frame_of4(c, 64, 128, 200, 10, 0), 2, MCC_DROP_FRAG_LIMIT, 1);
    CHECK_EQUAL(core.held, MCC_FRAG_DATAGRAMS);
    struct frame f = frame_of6(c, 64, 200, 200, 3);
    struct mcc_packet *whole = arrive(&f, 3); /* the oldest has gone, the next has not */
    CHECK(whole != NULL);
    mcc_buffer_put(core.buffers, whole);
    teardown();
}

static void test_buffers(void)
{
    uint8_t c[1024] = {0};
    setup(400, MCC_FRAG_UDP);
    for (uint32_t i = 0; i < 500; i++)
        expect(frame_of4(c, 64 * (i % 2), 64 * (i % 2) + 64, 1000, (uint16_t)(i / 2), 0), 1,
               MCC_DROP_FRAG_LIMIT,
               i < 100 ? 0
               : i % 2 ? 0
                       : 2);
    CHECK(core.held <= 100);
    conserved(0);
    teardown();
}

static void test_times(void)
{
    uint8_t c[200] = {0};
    setup(256, MCC_FRAG_UDP);
    CHECK_EQUAL(mcc_frag_due(&frags), UINT64_MAX);
    expect(frame_of6(c, 0, 64, 200, 1), 5 * SECOND, MCC_DROP_FRAG_TIMEOUT, 0);
    CHECK_EQUAL(mcc_frag_due(&frags), 65 * SECOND);
    CHECK_EQUAL(core.due, 65 * SECOND);
    expect(frame_of4(c, 0, 64, 200, 1, 0), 10 * SECOND, MCC_DROP_FRAG_TIMEOUT, 0);
    CHECK_EQUAL(mcc_frag_due(&frags), 40 * SECOND);
    mcc_frag_expire(&frags, 40 * SECOND - 1);
    CHECK_EQUAL(core.held, 2);
    expect(frame_of4(c, 64, 200, 200, 1, 0), 40 * SECOND, MCC_DROP_FRAG_TIMEOUT,
           1); /* too late: another */
    CHECK_EQUAL(core.held, 2);
    mcc_frag_expire(&frags, 65 * SECOND);
    CHECK_EQUAL(core.held, 1);
    mcc_frag_expire(&frags, UINT64_MAX);
    CHECK_EQUAL(drops[MCC_DROP_FRAG_TIMEOUT], 3);
    conserved(0);
    teardown();
}

/* Who is not asked for goes by; so does what nobody would join. */
static void test_not_wanted(void)
{
    uint8_t c[200] = {0};
    setup(256, MCC_FRAG_TCP);
    struct frame f = frame_of4(c, 0, 64, 200, 1, 0);
    struct mcc_packet *p = arrive(&f, 0);
    CHECK(p != NULL && p->mtu == 0);
    mcc_buffer_put(core.buffers, p);
    f.bytes[14 + 9] = 6; /* and now the header's checksum is wrong */
    p = arrive(&f, 0);
    CHECK(p != NULL && p->mtu == 0);
    mcc_buffer_put(core.buffers, p);
    struct frame whole = frame_of6(c, 0, 64, 64, 1); /* RFC 6946 */
    p = arrive(&whole, 0);
    CHECK(p != NULL && p->mtu == 112);
    mcc_parse(p);
    CHECK(p->layers & MCC_UDP);
    mcc_frag_out(&core, p, 0);
    sent_equal(&whole, 1);
    teardown();
}

/* ---------------------------------------------------------------- hostile */

static void test_hostile(void)
{
    uint8_t c[400];
    uint64_t random = 7, at = 0;
    setup(512, MCC_FRAG_ANY);
    fill(c, 400, &random);
    for (uint32_t round = 0; round < 300000; round++) {
        uint32_t from = 64 * test_below(&random, 3),
                 to = from + (test_below(&random, 50) ? 64 : 72), id = test_below(&random, 40);
        struct frame f = test_below(&random, 2)
                             ? frame_of4(c, from, to, 192, (uint16_t)id, 4 * test_below(&random, 3))
                             : frame_of6(c, from, to, 192, id);
        for (uint32_t i = test_below(&random, 3); i > 0; i--)
            f.bytes[12 + test_below(&random, 60)] = (uint8_t)test_random(&random);
        if (f.bytes[12] == 8 && test_below(&random, 2))
            mcc_checksum_write(f.bytes + 24, 0, false);
        if (test_below(&random, 4) == 0)
            f.len = test_below(&random, f.len + 1);
        core.checksums = test_below(&random, 2) ? MCC_CHECKSUMS_FIX : MCC_CHECKSUMS_KEEP;
        at += test_below(&random, 1u << 28);
        struct mcc_packet *p = arrive(&f, at);
        if (p) {
            mcc_parse(p);
            mcc_frag_out(&core, p, 0);
        }
        conserved(0);
        CHECK(core.held <= 128 && frags.small + frags.large == core.held);
        for (uint32_t i = 0; i < core.out_count; i++)
            mcc_buffer_put(core.buffers, core.out[i]);
        core.out_count = 0;
    }
    CHECK(drops[MCC_DROP_FRAG_JOINED] > 100 && drops[MCC_DROP_FRAG_OVERLAP] > 100);
    mcc_frag_expire(&frags, UINT64_MAX);
    CHECK_EQUAL(core.held, 0);
    CHECK_EQUAL(frags.bytes, 0);
    teardown();
}

int main(void)
{
    test_random_datagrams();
    test_changed();
    test_contradictions();
    test_too_long();
    test_limits();
    test_buffers();
    test_times();
    test_not_wanted();
    test_hostile();
    puts("frag: ok");
    return 0;
}
