#include "mcc_wheel.h"

#include <errno.h>
#include <string.h>

#include "mcc_mem.h"

int mcc_wheel_init(struct mcc_wheel *w, uint32_t capacity, uint32_t now)
{
    if (capacity == 0 || capacity == UINT32_MAX)
        return -EINVAL;
    struct mcc_timer *timer = mcc_mem_map(((size_t)capacity + 1) * sizeof *timer);
    if (!timer)
        return -ENOMEM;
    memset(w, 0, sizeof *w);
    w->timer = timer;
    w->capacity = capacity;
    w->now = now;
    w->soonest = UINT32_MAX;
    return 0;
}

void mcc_wheel_free(struct mcc_wheel *w)
{
    mcc_mem_unmap(w->timer, ((size_t)w->capacity + 1) * sizeof *w->timer);
    memset(w, 0, sizeof *w);
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
    w->timer[id] = (struct mcc_timer){.prev = last, .tick = tick, .place = place + 1};
    if (last)
        w->timer[last].next = id;
    else
        w->head[place] = id;
    w->tail[place] = id;
    w->busy[level][slot / 64] |= 1ull << slot % 64;
    if (mcc_wheel_entry(level, tick) < w->soonest)
        w->soonest = mcc_wheel_entry(level, tick);
}

static void mcc_wheel_unlink(struct mcc_wheel *w, uint32_t id)
{
    struct mcc_timer *timer = &w->timer[id];
    uint32_t place = timer->place - 1, slot = place % MCC_WHEEL_SLOTS,
             level = place / MCC_WHEEL_SLOTS;
    if (timer->prev)
        w->timer[timer->prev].next = timer->next;
    else
        w->head[place] = timer->next;
    if (timer->next)
        w->timer[timer->next].prev = timer->prev;
    else
        w->tail[place] = timer->prev;
    timer->place = 0;
    if (w->head[place])
        return;
    w->busy[level][slot / 64] &= ~(1ull << slot % 64);
    if (mcc_wheel_entry(level, timer->tick) == w->soonest)
        w->stale = true;
}

void mcc_wheel_arm(struct mcc_wheel *w, uint32_t id, uint32_t tick)
{
    if (w->timer[id].place)
        mcc_wheel_cancel(w, id);
    mcc_wheel_link(w, id, tick > w->now ? tick : w->now);
    w->armed++;
}

void mcc_wheel_cancel(struct mcc_wheel *w, uint32_t id)
{
    if (w->timer[id].place == 0)
        return;
    mcc_wheel_unlink(w, id);
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
    }
    w->stale = false;
    w->soonest = soonest;
    return soonest;
}

/* Hands out timers of the slot of level 0 that the clock is in. */
static uint32_t mcc_wheel_drain(struct mcc_wheel *w, uint32_t *out, uint32_t max)
{
    uint32_t n = 0, slot = w->now & 255;
    while (n < max && w->head[slot]) {
        uint32_t id = w->head[slot];
        mcc_wheel_unlink(w, id);
        out[n++] = id;
    }
    w->armed -= n;
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
            next = w->timer[id].next;
            mcc_wheel_link(w, id, w->timer[id].tick);
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
        mcc_wheel_cascade(w);
    }
}
