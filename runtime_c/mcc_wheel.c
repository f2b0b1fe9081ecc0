#include "mcc_wheel.h"

#include <errno.h>
#include <string.h>

int mcc_wheel_init(struct mcc_wheel *w, void *timers, uint32_t stride, uint32_t capacity,
                   uint32_t now)
{
    if (capacity == 0 || capacity == UINT32_MAX || stride < sizeof(struct mcc_timer))
        return -EINVAL;
    memset(w, 0, sizeof *w);
    w->timers = timers;
    w->stride = stride;
    w->capacity = capacity;
    w->now = now;
    w->soonest = UINT32_MAX;
    return 0;
}

/* The tick at which the clock enters the slot of a timer of this level that comes up at `tick`. */
static uint32_t mcc_wheel_entry(unsigned level, uint32_t tick)
{
    return tick >> 8 * level << 8 * level;
}

static void mcc_wheel_link(struct mcc_wheel *w, uint32_t id, uint32_t tick)
{
    unsigned level = 0;
    while ((tick >> 8 * level) - (w->now >> 8 * level) >= MCC_WHEEL_SLOTS)
        level++;
    uint32_t slot = tick >> 8 * level & 255, place = level * MCC_WHEEL_SLOTS + slot,
             last = w->tail[place];
    *mcc_wheel_timer(w, id) = (struct mcc_timer){.prev = last, .tick = tick, .place = place + 1};
    w->tail[place] = id;
    if (last) {
        mcc_wheel_timer(w, last)->next = id;
        return; /* the slot is busy, and `soonest` knows it */
    }
    w->head[place] = id;
    w->busy[level][slot / 64] |= 1ull << slot % 64;
    if (mcc_wheel_entry(level, tick) < w->soonest)
        w->soonest = mcc_wheel_entry(level, tick);
}

static void mcc_wheel_unlink(struct mcc_wheel *w, struct mcc_timer *timer)
{
    uint32_t place = timer->place - 1, prev = timer->prev, next = timer->next;
    timer->place = 0;
    if (prev)
        mcc_wheel_timer(w, prev)->next = next;
    else
        w->head[place] = next;
    if (next)
        mcc_wheel_timer(w, next)->prev = prev;
    else
        w->tail[place] = prev;
    if (prev | next)
        return;
    uint32_t slot = place % MCC_WHEEL_SLOTS, level = place / MCC_WHEEL_SLOTS;
    w->busy[level][slot / 64] &= ~(1ull << slot % 64);
    if (mcc_wheel_entry(level, timer->tick) == w->soonest)
        w->stale = true;
}

void mcc_wheel_arm(struct mcc_wheel *w, uint32_t id, uint32_t tick)
{
    mcc_wheel_cancel(w, id);
    mcc_wheel_link(w, id, tick > w->now ? tick : w->now);
    w->armed++;
}

void mcc_wheel_cancel(struct mcc_wheel *w, uint32_t id)
{
    struct mcc_timer *timer = mcc_wheel_timer(w, id);
    if (timer->place == 0)
        return;
    mcc_wheel_unlink(w, timer);
    w->armed--;
}

/* Slots from `from` on, around the circle, to the first busy one; 256: none is. */
static unsigned mcc_wheel_distance(const uint64_t *busy, unsigned from)
{
    unsigned first = from / 64, shift = from % 64;
    uint64_t word = busy[first] >> shift;
    if (word)
        return (unsigned)__builtin_ctzll(word);
    for (unsigned i = 1; i <= MCC_WHEEL_SLOTS / 64; i++) {
        word = busy[(first + i) % (MCC_WHEEL_SLOTS / 64)];
        if (i == MCC_WHEEL_SLOTS / 64)
            word &= (1ull << shift) - 1;
        if (word)
            return 64 * i - shift + (unsigned)__builtin_ctzll(word);
    }
    return MCC_WHEEL_SLOTS;
}

uint32_t mcc_wheel_next(struct mcc_wheel *w)
{
    if (!w->stale)
        return w->soonest;
    uint32_t soonest = UINT32_MAX;
    for (unsigned level = 0; level < MCC_WHEEL_LEVELS; level++) {
        uint32_t clock = w->now >> 8 * level;
        unsigned ahead = mcc_wheel_distance(w->busy[level], clock & 255);
        if (ahead < MCC_WHEEL_SLOTS && (clock + ahead) << 8 * level < soonest)
            soonest = (clock + ahead) << 8 * level;
        if (soonest >> 8 == w->now >> 8) /* other slots above are entered later */
            break;
    }
    w->stale = false;
    w->soonest = soonest;
    return soonest;
}

/* Hands out timers of the slot of level 0 that the clock is in. */
static uint32_t mcc_wheel_drain(struct mcc_wheel *w, uint32_t *out, uint32_t max)
{
    uint32_t n = 0, slot = w->now & 255, id = w->head[slot];
    while (id && n < max) {
        struct mcc_timer *timer = mcc_wheel_timer(w, id);
        timer->place = 0;
        out[n++] = id;
        id = timer->next;
    }
    w->head[slot] = id;
    w->armed -= n;
    if (id) {
        mcc_wheel_timer(w, id)->prev = 0;
    } else if (n) {
        w->tail[slot] = 0;
        w->busy[0][slot / 64] &= ~(1ull << slot % 64);
        w->stale = true;
    }
    return n;
}

/* The clock has entered new slots: timers above level 0 that are in them move down. */
static void mcc_wheel_cascade(struct mcc_wheel *w)
{
    for (unsigned level = MCC_WHEEL_LEVELS - 1; level > 0; level--) {
        uint32_t slot = w->now >> 8 * level & 255, place = level * MCC_WHEEL_SLOTS + slot, next;
        uint32_t id = w->head[place];
        if (!id)
            continue;
        w->head[place] = w->tail[place] = 0;
        w->busy[level][slot / 64] &= ~(1ull << slot % 64);
        for (; id; id = next) {
            const struct mcc_timer *timer = mcc_wheel_timer(w, id);
            next = timer->next;
            mcc_wheel_link(w, id, timer->tick);
        }
    }
    w->stale = true;
}

uint32_t mcc_wheel_advance(struct mcc_wheel *w, uint32_t tick, uint32_t *out, uint32_t max)
{
    uint32_t n = 0;
    for (;;) {
        n += mcc_wheel_drain(w, out + n, max - n);
        if (w->head[w->now & 255] || w->now >= tick)
            return n;
        uint32_t next = w->armed ? mcc_wheel_next(w) : UINT32_MAX;
        if (!w->armed || next > tick) {
            w->now = tick;
            return n;
        }
        w->now = next;
        if (!(next & 255))
            mcc_wheel_cascade(w);
    }
}
