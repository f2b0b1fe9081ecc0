/* The spread that most packets of a core have: what cannot be split between cores any further.
 *
 * Metwally, Agrawal, El Abbadi, "Efficient computation of frequent and top-k elements in data streams" (2005), Space-Saving:
 * a value that is not in the table takes the place of the rarest, and its count, as what it may be too high by. A value of
 * more than one in MCC_HEAVY packets is never missing.
 */
#ifndef MCC_HEAVY_H
#define MCC_HEAVY_H

#include <stdint.h>

enum { MCC_HEAVY = 16 };

struct mcc_heavy {
    uint64_t packets;
    uint32_t value[MCC_HEAVY];
    uint64_t count[MCC_HEAVY], over[MCC_HEAVY];
};

static inline void mcc_heavy_add(struct mcc_heavy *h, uint32_t value)
{
    uint32_t least = 0;
    h->packets++;
    for (uint32_t i = 0; i < MCC_HEAVY; i++) {
        if (h->value[i] == value && h->count[i]) {
            h->count[i]++;
            return;
        }
        least = h->count[i] < h->count[least] ? i : least;
    }
    h->value[least] = value;
    h->over[least] = h->count[least]++;
}

/* Packets of the most frequent value: at least so many. */
static inline uint64_t mcc_heavy_most(const struct mcc_heavy *h)
{
    uint64_t most = 0;
    for (uint32_t i = 0; i < MCC_HEAVY; i++)
        most = h->count[i] - h->over[i] > most ? h->count[i] - h->over[i] : most;
    return most;
}

#endif
