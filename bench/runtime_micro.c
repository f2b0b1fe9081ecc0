/* What the parts of the runtime cost by themselves, in ns: parse, hash, look-up at 1k, 64k and 1M
 * keys, wheel, checksum.
 *
 * Run it with one line, from the repository (build/ must exist):
 *     cc -O2 -march=native -std=gnu11 -Iruntime_c bench/runtime_micro.c -o build/micro && build/micro
 *
 * Each figure is the best of several rounds. Compare figures of one run only.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "mcc_buffers.c"
#include "mcc_checksum.h"
#include "mcc_hash.h"
#include "mcc_map.c"
#include "mcc_mem.c"
#include "mcc_parse.h"
#include "mcc_pool.c"
#include "mcc_table.c"
#include "mcc_wheel.c"

enum { ROUNDS = 7, BURST = 32 };

struct flow {
    uint32_t key[4];
    uint64_t packets;
} __attribute__((aligned(64)));

static volatile uint64_t sink;

/* The compiler must assume that memory has changed. */
static inline void forget(void)
{
    __asm__ volatile("" ::: "memory");
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void report(const char *what, double best, double count)
{
    printf("%-44s %7.2f\n", what, best / count);
}

static uint32_t random32(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*state >> 32);
}

/* 1,024 frames of Ethernet, IPv4, TCP or UDP in pool buffers. */
static void bench_parse(struct mcc_packet **frames, uint32_t n)
{
    double best = 1e18;
    for (int round = 0; round < ROUNDS; round++) {
        double start = now();
        for (int again = 0; again < 200; again++)
            for (uint32_t i = 0; i < n; i++)
                mcc_parse(frames[i]);
        double took = now() - start;
        best = took < best ? took : best;
    }
    for (uint32_t i = 0; i < n; i++)
        sink += frames[i]->layers;
    report("parse Ethernet/IPv4/TCP or UDP, hot", best, 200.0 * n);
}

static void bench_hash(void)
{
    static uint32_t keys[1024][4];
    keys[7][0] = (uint32_t)sink;
    double best = 1e18;
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t sum = 0;
        double start = now();
        for (int again = 0; again < 1000; again++, forget())
            for (int i = 0; i < 1024; i++)
                sum += mcc_hash(keys[i], 4, (uint64_t)again);
        double took = now() - start;
        best = took < best ? took : best;
        sink += sum;
    }
    report("hash of 4 words, throughput", best, 1024.0 * 1000);
}

static void make_flows(struct mcc_table *t, struct mcc_pool *pool, uint32_t n)
{
    uint64_t state = 42;
    mcc_table_init(t, n, 0x1234567890abcdef);
    mcc_pool_init(pool, n, sizeof(struct flow));
    for (uint32_t i = 0; i < n; i++) {
        uint32_t id = mcc_pool_take(pool);
        struct flow *f = mcc_pool_at(pool, id);
        *f = (struct flow){{0x0a000000 + i, 0xc0a80001, random32(&state), 6}, 0};
        mcc_table_insert(t, mcc_hash(f->key, 4, t->seed), id);
    }
}

/* Bursts: hash and prefetch the bucket; find the tag and prefetch the flow; compare the key. */
static double lookup_burst(const struct mcc_table *t, const struct mcc_pool *pool,
                           uint32_t (*keys)[4], uint32_t n)
{
    uint64_t hashes[BURST], found = 0;
    uint32_t ids[BURST];
    double start = now();
    for (uint32_t at = 0; at + BURST <= n; at += BURST) {
        for (int i = 0; i < BURST; i++) {
            hashes[i] = mcc_hash(keys[at + (uint32_t)i], 4, t->seed);
            mcc_table_prefetch(t, hashes[i]);
        }
        for (int i = 0; i < BURST; i++) {
            struct mcc_table_cursor c = mcc_table_start(t, hashes[i]);
            ids[i] = mcc_table_next(t, &c);
            __builtin_prefetch(mcc_pool_at(pool, ids[i]), 1);
        }
        for (int i = 0; i < BURST; i++) {
            const uint32_t *key = keys[at + (uint32_t)i];
            struct flow *f = mcc_pool_at(pool, ids[i]);
            if (memcmp(f->key, key, 16) != 0) {
                uint32_t id;
                MCC_TABLE_FIND(t, hashes[i], id,
                               memcmp(((struct flow *)mcc_pool_at(pool, id))->key, key, 16) == 0);
                f = mcc_pool_at(pool, id);
            }
            f->packets++;
            found += f->key[0] != 0;
        }
    }
    sink += found;
    return now() - start;
}

static double lookup_single(const struct mcc_table *t, const struct mcc_pool *pool,
                            uint32_t (*keys)[4], uint32_t n)
{
    uint64_t found = 0;
    double start = now();
    for (uint32_t at = 0; at < n; at++) {
        uint32_t id;
        MCC_TABLE_FIND(t, mcc_hash(keys[at], 4, t->seed), id,
                       memcmp(((struct flow *)mcc_pool_at(pool, id))->key, keys[at], 16) == 0);
        found += id != 0;
    }
    sink += found;
    return now() - start;
}

static void bench_lookup(uint32_t flows, const char *name)
{
    enum { KEYS = 1 << 18 };
    static uint32_t keys[KEYS][4];
    struct mcc_table t;
    struct mcc_pool pool;
    uint64_t state = 7;
    char label[64];
    double burst = 1e18, single = 1e18;
    make_flows(&t, &pool, flows);
    for (uint32_t i = 0; i < KEYS; i++)
        memcpy(keys[i], mcc_pool_at(&pool, 1 + random32(&state) % flows), 16);
    for (int round = 0; round < ROUNDS; round++) {
        double took = lookup_burst(&t, &pool, keys, KEYS),
               alone = lookup_single(&t, &pool, keys, KEYS);
        burst = took < burst ? took : burst;
        single = alone < single ? alone : single;
    }
    snprintf(label, sizeof label, "hash + look-up + compare, %s flows, bursts", name);
    report(label, burst, KEYS);
    snprintf(label, sizeof label, "hash + look-up + compare, %s flows, one by one", name);
    report(label, single, KEYS);
    mcc_table_free(&t);
    mcc_pool_free(&pool);
}

static void bench_wheel(void)
{
    enum { TIMERS = 100000 };
    static struct mcc_timer timers[TIMERS + 1];
    static struct mcc_wheel w;
    uint32_t ids[256], n, fired = 0;
    uint64_t state = 3;
    double best = 1e18;
    for (int round = 0; round < ROUNDS; round++) {
        mcc_wheel_init(&w, timers, sizeof *timers, TIMERS, 0);
        double start = now();
        for (uint32_t id = 1; id <= TIMERS; id++)
            mcc_wheel_arm(&w, id, random32(&state) % 20000);
        for (uint32_t tick = 0; tick <= 20000; tick += 7)
            while ((n = mcc_wheel_advance(&w, tick, ids, 256)) > 0)
                fired += n;
        double took = now() - start;
        best = took < best ? took : best;
        }
    sink += fired;
    report("wheel: arm and come up, within 20,000 ticks", best, TIMERS);
}

static void bench_checksum(struct mcc_packet *p)
{
    double best = 1e18;
    for (int round = 0; round < ROUNDS; round++) {
        double start = now();
        for (int again = 0; again < 100000; again++, forget())
            sink += mcc_checksum_sum(p->data, 1448);
        double took = now() - start;
        best = took < best ? took : best;
    }
    report("checksum of 1,448 bytes", best, 100000);
}

static void bench_map(void)
{
    struct mcc_map m;
    uint64_t value = 0, sum = 0;
    double best = 1e18;
    mcc_map_init(&m, 4096, 0, 8, 1024, 5);
    for (uint64_t key = 0; key < 4096; key++)
        mcc_map_put(&m, key, key, 0);
    for (int round = 0; round < ROUNDS; round++) {
        double start = now();
        for (uint64_t i = 0; i < 1000000; i++)
            if (mcc_map_get(&m, i & 4095, 1, &value))
                sum += value;
        double took = now() - start;
        best = took < best ? took : best;
    }
    sink += sum;
    report("map: get of 4,096 keys", best, 1000000);
    mcc_map_free(&m);
}

int main(void)
{
    static struct mcc_packet *frames[1024];
    struct mcc_buffers b;
    if (mcc_buffers_init(&b, 1024, 0) != 0)
        return 1;
    for (uint32_t i = 0; i < 1024; i++) {
        static const uint8_t header[24] = {[12] = 8, [14] = 0x45, [16] = 5, [17] = 0xdc, [22] = 64};
        frames[i] = mcc_buffer_get(&b, 1514);
        memset(frames[i]->data, 0x50, 1514);
        memcpy(frames[i]->data, header, 24);
        frames[i]->data[23] = i % 3 ? 6 : 17;
        frames[i]->len = i % 2 ? 1514 : 60;
    }
    puts("                                                   ns");
    bench_parse(frames, 64);
    bench_hash();
    bench_lookup(1000, "1k");
    bench_lookup(64000, "64k");
    bench_lookup(1000000, "1M");
    bench_map();
    bench_wheel();
    bench_checksum(frames[0]);
    mcc_buffers_free(&b);
    return 0;
}
