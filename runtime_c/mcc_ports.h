/* The Ports of the language: transport ports of a contiguous range, the one free longest is taken
 * first.
 *
 * Cores share a range without talking: core k of n has its k-th part. Invariant: a port of the part
 * is either in the ring (free) or has its bit in `taken`.
 */
#ifndef MCC_PORTS_H
#define MCC_PORTS_H

#include <stdbool.h>
#include <stdint.h>

struct mcc_ports {
    uint16_t *ring;      /* owned; free ports, first out at `head` */
    uint64_t *taken;     /* owned; bit (port - lo) */
    uint32_t lo, count;  /* this core's ports are lo .. lo + count - 1 */
    uint32_t head, free; /* in the ring */
};

/* Core `core` of `cores` for the range lo .. hi (1 <= lo <= hi <= 65535); a part may be empty where
 * there are more cores than ports. 0, or -ENOMEM or -EINVAL and `ports` untouched. */
int mcc_ports_init(struct mcc_ports *ports, uint32_t lo, uint32_t hi, uint32_t core,
                   uint32_t cores);
void mcc_ports_free(struct mcc_ports *ports);

static inline bool mcc_ports_is_taken(const struct mcc_ports *ports, uint32_t port)
{
    uint32_t i = port - ports->lo;
    return i < ports->count && (ports->taken[i / 64] >> i % 64 & 1);
}

/* The port that is free longest, in increasing order at first; 0 when all are taken. */
static inline uint16_t mcc_ports_take(struct mcc_ports *ports)
{
    if (ports->free == 0)
        return 0;
    uint16_t port = ports->ring[ports->head];
    uint32_t i = port - ports->lo;
    ports->head = ports->head + 1 == ports->count ? 0 : ports->head + 1;
    ports->free--;
    ports->taken[i / 64] |= 1ull << i % 64;
    return port;
}

/* The port that mcc_ports_take() will return after `ahead` other calls, if none is given back before; 0: none. */
static inline uint16_t mcc_ports_peek(const struct mcc_ports *ports, uint32_t ahead)
{
    if (ahead >= ports->free)
        return 0;
    uint32_t at = ports->head + ahead;
    return ports->ring[at < ports->count ? at : at - ports->count];
}

/* Gives a port back; nothing happens if it is not taken from here. */
static inline void mcc_ports_give(struct mcc_ports *ports, uint32_t port)
{
    if (!mcc_ports_is_taken(ports, port))
        return;
    uint32_t i = port - ports->lo, tail = ports->head + ports->free;
    ports->taken[i / 64] &= ~(1ull << i % 64);
    ports->ring[tail < ports->count ? tail : tail - ports->count] = (uint16_t)port;
    ports->free++;
}

#endif
