/* Rings between cores: order, bounds, two threads at once; whose port a port is; what is frequent. */
#include "test.h"

#include <pthread.h>

#include "../mcc_heavy.h"
#include "../mcc_mem.c"
#include "../mcc_ports.c"
#include "../mcc_ring.c"
#include "../mcc_steer.h"

enum { RECORDS = 200000, LONGEST = 300, SIZE = 4096 };

/* Length of record i, and its j-th byte: both sides know them. */
static uint32_t length_of(uint32_t i)
{
    return 4 + (i * 2654435761u >> 16) % (LONGEST - 4);
}
static uint8_t byte_of(uint32_t i, uint32_t j)
{
    return (uint8_t)(i * 7 + j * 31);
}

static bool put(struct mcc_ring *ring, uint32_t i)
{
    uint32_t n = length_of(i);
    uint8_t *at = mcc_ring_reserve(ring, n);
    if (!at)
        return false;
    CHECK((uintptr_t)at % 8 == 0);
    for (uint32_t j = 0; j < n; j++)
        at[j] = byte_of(i, j);
    mcc_ring_publish(ring);
    return true;
}

static bool take(struct mcc_ring *ring, uint32_t i)
{
    uint32_t n = 0;
    const uint8_t *at = mcc_ring_peek(ring, &n);
    if (!at)
        return false;
    CHECK(n == length_of(i));
    for (uint32_t j = 0; j < n; j++)
        CHECK(at[j] == byte_of(i, j));
    mcc_ring_release(ring);
    return true;
}

/* A ring behind whose end nothing may be touched. */
static void guarded(struct mcc_ring *ring)
{
    CHECK(mcc_ring_init(ring, SIZE) == 0);
    mcc_mem_unmap(ring->base, SIZE);
    ring->base = test_guard_end() - SIZE;
}

/* Filled to the brim and emptied, from every position. */
static void test_alone(void)
{
    struct mcc_ring ring;
    uint32_t in = 0, out = 0, n;
    CHECK(mcc_ring_init(&ring, 100) == -EINVAL);
    guarded(&ring);
    CHECK(!mcc_ring_peek(&ring, &n));
    CHECK(!mcc_ring_reserve(&ring, 0) && !mcc_ring_reserve(&ring, SIZE / 2));
    for (uint32_t round = 0; round < 2000; round++) {
        uint64_t bytes = 0;
        while (put(&ring, in))
            in++;
        for (uint32_t i = out; i < in; i++)
            bytes += length_of(i);
        CHECK(bytes > SIZE - 3 * LONGEST); /* but for a skip, a record, and what goes before each */
        CHECK(in - out > 1);
        for (uint32_t keep = round % 3; out + keep < in;)
            CHECK(take(&ring, out++));
    }
    CHECK(mcc_ring_reserve(&ring, 8) != NULL); /* not published: nobody sees it */
    while (out < in)
        CHECK(take(&ring, out++));
    CHECK(!mcc_ring_peek(&ring, &n));
}

static void *putter(void *argument)
{
    for (uint32_t i = 0; i < RECORDS;)
        i += put(argument, i);
    return NULL;
}

static void test_together(void)
{
    struct mcc_ring ring;
    pthread_t thread;
    guarded(&ring);
    CHECK(pthread_create(&thread, NULL, putter, &ring) == 0);
    for (uint32_t i = 0; i < RECORDS;)
        i += take(&ring, i);
    CHECK(pthread_join(thread, NULL) == 0);
}

/* The core that mcc_steer_port() names is the one whose mcc_ports gives the port out. */
static void test_ports(void)
{
    static const uint32_t range[][2] = {{1024, 65535}, {1, 1}, {10, 12}, {65000, 65535}, {7, 106}};
    for (uint32_t r = 0; r < sizeof range / sizeof *range; r++)
        for (uint32_t cores = 1; cores <= 32; cores++) {
            uint32_t lo = range[r][0], hi = range[r][1], all = 0;
            for (uint32_t core = 0; core < cores; core++) {
                struct mcc_ports ports;
                CHECK(mcc_ports_init(&ports, lo, hi, core, cores) == 0);
                for (uint16_t port; (port = mcc_ports_take(&ports)) != 0; all++)
                    CHECK(mcc_steer_port(port, lo, hi, cores) == core);
                mcc_ports_free(&ports);
            }
            CHECK(all == hi - lo + 1);
        }
}

static void test_steering(void)
{
    const uint32_t a[] = {0xc6336401, 1234}, b[] = {0xcb007101, 80};
    uint32_t shares[3] = {0};
    CHECK(mcc_steer_two(a, b, 2, 5) == mcc_steer_two(b, a, 2, 5));
    CHECK(mcc_steer_two(a, b, 2, 5) != mcc_steer_two(a, b, 2, 6));
    for (uint32_t i = 0; i < 30000; i++)
        shares[mcc_steer_core(mcc_steer_one(&i, 1, 9), 3)]++;
    for (uint32_t i = 0; i < 3; i++) /* 10,000 each; the deviation is 82 */
        CHECK(shares[i] > 9500 && shares[i] < 10500);
    CHECK(mcc_steer_core(UINT32_MAX, 32) == 31 && mcc_steer_core(1, 32) == 0);
}

static void test_heavy(void)
{
    struct mcc_heavy h = {.packets = 0};
    CHECK(mcc_heavy_most(&h) == 0);
    for (uint32_t i = 0; i < 9000;
         i++) /* every third is 0: of a value that is often there no count is lost */
        mcc_heavy_add(&h, i % 3 ? i * 2654435761u | 1 : 0);
    CHECK(h.packets == 9000 && mcc_heavy_most(&h) == 3000);
}

int main(void)
{
    test_alone();
    test_together();
    test_ports();
    test_steering();
    test_heavy();
    puts("ring: ok");
    return 0;
}
