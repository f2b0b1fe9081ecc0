/* A hierarchical timer wheel over ids (1 .. capacity): one timer an id, ticks are 32-bit and never
 * wrap.
 *
 *   level 0: 256 slots of 1 tick | level 1: 256 slots of 2^8 ticks | level 2: 2^16 | level 3: 2^24
 *
 * A timer that comes up at tick T is in the lowest level L where (T >> 8L) - (now >> 8L) <= 255, in
 * slot (T >> 8L) & 255; when the clock enters a slot of level 1 or above, its timers move down.
 * Invariant: an armed timer's tick is >= now, and above level 0 its slot is not the one the clock
 * is in. One bit a slot says whether it has timers, so the clock jumps from one occupied slot to
 * the next whatever the distance.
 *
 * The timers themselves lie with the caller, one every `stride` bytes, beside what else is kept of an id: arming and
 * letting go touch no line of memory of their own.
 */
#ifndef MCC_WHEEL_H
#define MCC_WHEEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MCC_WHEEL_LEVELS = 4, MCC_WHEEL_SLOTS = 256 };

struct mcc_timer {
    uint32_t prev, next; /* neighbours in the slot, 0: none */
    uint32_t tick;       /* when it comes up */
    uint32_t place;      /* 1 + 256 * level + slot; 0: not armed */
};

struct mcc_wheel {
    uint8_t *timers;   /* borrowed: the timer of id 0, which is none */
    uint32_t stride;   /* bytes from timer to timer */
    uint32_t capacity; /* highest id */
    uint32_t now;      /* all timers before this tick have been handed out */
    uint32_t armed;    /* timers armed now */
    uint32_t soonest;  /* a lower bound of mcc_wheel_next() */
    bool stale;        /* `soonest` may be too low: mcc_wheel_next() looks again */
    uint64_t busy[MCC_WHEEL_LEVELS][MCC_WHEEL_SLOTS / 64];
    uint32_t head[MCC_WHEEL_LEVELS * MCC_WHEEL_SLOTS];
    uint32_t tail[MCC_WHEEL_LEVELS * MCC_WHEEL_SLOTS];
};

/* An empty wheel for ids 1 .. capacity whose clock stands at `now`; the timers, zeroed, are at
 * timers + id * stride and outlive it. 0, or -EINVAL and `w` untouched. */
int mcc_wheel_init(struct mcc_wheel *w, void *timers, uint32_t stride, uint32_t capacity,
                   uint32_t now);

static inline struct mcc_timer *mcc_wheel_timer(const struct mcc_wheel *w, uint32_t id)
{
    return (struct mcc_timer *)(void *)(w->timers + (size_t)id * w->stride);
}

/* Sets the clock of a wheel without armed timers, back or forth. */
static inline void mcc_wheel_restart(struct mcc_wheel *w, uint32_t now)
{
    w->now = now;
    w->soonest = UINT32_MAX;
    w->stale = false;
}

/* (Re)arms the timer of `id`; a tick before `now` counts as `now`. */
void mcc_wheel_arm(struct mcc_wheel *w, uint32_t id, uint32_t tick);

/* Disarms the timer of `id`; nothing happens if it is not armed. */
void mcc_wheel_cancel(struct mcc_wheel *w, uint32_t id);

/* The first tick at which advancing has something to do: never later than the earliest timer;
 * earlier where timers move down before it, which only happens at multiples of 256. UINT32_MAX:
 * nothing is armed (or only for then). */
uint32_t mcc_wheel_next(struct mcc_wheel *w);

/* Moves the clock towards `tick` and writes the ids of timers that came up to `out`, earliest
 * first; they are no longer armed. Stops after `max` ids: fewer than `max` means that the clock is
 * at `tick` (it never goes back) and all timers up to and including it were handed out. Ids of the
 * same tick come in no promised order. */
uint32_t mcc_wheel_advance(struct mcc_wheel *w, uint32_t tick, uint32_t *out, uint32_t max);

static inline bool mcc_wheel_is_armed(const struct mcc_wheel *w, uint32_t id)
{
    return mcc_wheel_timer(w, id)->place != 0;
}

/* When the armed timer of `id` comes up. */
static inline uint32_t mcc_wheel_deadline(const struct mcc_wheel *w, uint32_t id)
{
    return mcc_wheel_timer(w, id)->tick;
}

/* Cheap test before mcc_wheel_advance(): false means that nothing comes up until `tick`, `tick`
 * included. */
static inline bool mcc_wheel_is_due(const struct mcc_wheel *w, uint32_t tick)
{
    return w->soonest <= tick && w->armed;
}

#endif
