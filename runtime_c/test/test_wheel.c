/* The wheel against an array of deadlines. */
#include "../mcc_mem.c"
#include "../mcc_wheel.c"
#include "test.h"

enum { IDS = 300 };

static struct mcc_timer timers[IDS + 1];
static uint64_t deadline[IDS + 1]; /* 0: not armed; else 1 + tick */

static uint64_t earliest(void)
{
    uint64_t least = 0;
    for (int id = 1; id <= IDS; id++)
        if (deadline[id] && (!least || deadline[id] < least))
            least = deadline[id];
    return least;
}

/* A distance of any size: every magnitude is as likely. */
static uint32_t far(uint64_t *seed, unsigned bits)
{
    return (uint32_t)test_random(seed) >> (31 - test_below(seed, bits));
}

static void check_advance(struct mcc_wheel *w, uint32_t tick, uint32_t max)
{
    uint32_t ids[IDS + 1], n;
    uint64_t last = 0;
    do {
        n = mcc_wheel_advance(w, tick, ids, max);
        CHECK(n <= max);
        for (uint32_t i = 0; i < n; i++) {
            CHECK(ids[i] >= 1 && ids[i] <= IDS && deadline[ids[i]]);
            CHECK(deadline[ids[i]] - 1 <= tick);
            CHECK(deadline[ids[i]] >= last);
            CHECK_EQUAL(deadline[ids[i]], earliest());
            last = deadline[ids[i]];
            deadline[ids[i]] = 0;
            CHECK(!mcc_wheel_is_armed(w, ids[i]));
        }
    } while (n == max);
    CHECK(w->now >= tick);
    CHECK(earliest() == 0 || earliest() - 1 > tick);
}

static void run(uint64_t seed, unsigned bits, uint32_t start)
{
    struct mcc_wheel w;
    uint32_t clock = start;
    memset(deadline, 0, sizeof deadline);
    memset(timers, 0, sizeof timers);
    CHECK(mcc_wheel_init(&w, timers, sizeof *timers, IDS, start) == 0);
    for (int step = 0; step < 6000; step++) {
        uint32_t id = 1 + test_below(&seed, IDS), what = test_below(&seed, 10);
        if (what < 5) {
            uint32_t by = far(&seed, bits),
                     tick = by > UINT32_MAX - clock ? UINT32_MAX : clock + by;
            if (what == 0)
                tick = test_below(&seed, 4) > clock
                           ? 0
                           : clock - test_below(&seed, 4); /* in the past */
            mcc_wheel_arm(&w, id, tick);
            deadline[id] = 1 + (uint64_t)(tick > clock ? tick : clock);
            CHECK_EQUAL(mcc_wheel_deadline(&w, id), deadline[id] - 1);
        } else if (what < 7) {
            mcc_wheel_cancel(&w, id);
            deadline[id] = 0;
        } else {
            uint32_t by = what < 9 ? far(&seed, bits > 6 ? bits - 6 : 1) : far(&seed, bits),
                     old = clock;
            clock = by > UINT32_MAX - clock ? UINT32_MAX : clock + by;
            bool due = mcc_wheel_is_due(&w, clock);
            CHECK(due || !earliest() || earliest() - 1 > clock);
            check_advance(&w, clock, 1 + test_below(&seed, 7));
            check_advance(&w, old, 3); /* the clock never goes back */
            CHECK_EQUAL(w.now, clock);
        }
        uint32_t armed = 0;
        for (uint32_t i = 1; i <= IDS; i++) {
            armed += deadline[i] != 0;
            CHECK_EQUAL(mcc_wheel_is_armed(&w, i), deadline[i] != 0);
        }
        CHECK_EQUAL(w.armed, armed);
        uint32_t next = mcc_wheel_next(&w);
        uint64_t least = earliest();
        CHECK(least ? next <= least - 1 && next >= clock : next == UINT32_MAX);
        if (least && least - 1 < (uint64_t)clock + 256 - clock % 256)
            CHECK_EQUAL(next, least - 1); /* exact where the timer is in level 0 alone */
    }
    check_advance(&w, UINT32_MAX, 7);
    CHECK_EQUAL(w.armed, 0);
}

/* Jumps over the whole range cost a step for each timer and level, not one for each tick. */
static void test_jumps(void)
{
    struct mcc_wheel w;
    uint32_t ids[4];
    memset(timers, 0, sizeof timers);
    CHECK(mcc_wheel_init(&w, timers, sizeof *timers, 10, 0) == 0);
    for (int round = 0; round < 1000; round++) {
        w.now = 0;
        mcc_wheel_arm(&w, 1, 4000000000u);
        CHECK_EQUAL(mcc_wheel_advance(&w, 3999999999u, ids, 4), 0);
        CHECK_EQUAL(mcc_wheel_next(&w), 4000000000u);
        CHECK_EQUAL(mcc_wheel_advance(&w, 4000000000u, ids, 4), 1);
        CHECK_EQUAL(mcc_wheel_advance(&w, UINT32_MAX, ids, 4), 0);
    }
    mcc_wheel_arm(&w, 2, 5);
    CHECK_EQUAL(mcc_wheel_deadline(&w, 2), UINT32_MAX);
    CHECK_EQUAL(mcc_wheel_advance(&w, UINT32_MAX, ids, 4), 1);
    CHECK_EQUAL(ids[0], 2);
    CHECK(mcc_wheel_init(&w, timers, sizeof *timers, 0, 0) == -EINVAL);
    CHECK(mcc_wheel_init(&w, timers, 15, 10, 0) == -EINVAL);
}

int main(void)
{
    static const unsigned bits[] = {3, 7, 9, 12, 17, 20, 26, 30, 32};
    for (unsigned i = 0; i < sizeof bits / sizeof *bits; i++) {
        run(i + 1, bits[i], 0);
        run(i + 100, bits[i], UINT32_MAX - (1u << 20));
        run(i + 200, bits[i], 0x00ffff00);
    }
    test_jumps();
    puts("wheel: ok");
    return 0;
}
