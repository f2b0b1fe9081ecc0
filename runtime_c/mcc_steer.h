/* Which core a packet belongs to: the arithmetic behind what the compiler prints for a chain.
 *
 *   fields of the packet --hash--> spread --core of n--> owner
 *
 * Two ends of a conversation are hashed alone and added, so that both directions have one spread.
 */
#ifndef MCC_STEER_H
#define MCC_STEER_H

#include "mcc_hash.h"

static inline uint32_t mcc_steer_spread(uint64_t hash)
{
    return (uint32_t)(hash >> 32) | 1; /* 0 means that nothing decides */
}

/* Of one key. `n` should be a constant at the call. */
static inline uint32_t mcc_steer_one(const uint32_t *words, unsigned n, uint64_t seed)
{
    return mcc_steer_spread(mcc_hash(words, n, seed));
}

/* Of two ends, in either order. */
static inline uint32_t mcc_steer_two(const uint32_t *a, const uint32_t *b, unsigned n,
                                     uint64_t seed)
{
    return mcc_steer_spread(mcc_hash64(mcc_hash(a, n, seed) + mcc_hash(b, n, seed), seed));
}

/* The core of a spread: equal shares of the 32 bits. */
static inline uint32_t mcc_steer_core(uint32_t spread, uint32_t cores)
{
    return (uint32_t)((uint64_t)spread * cores >> 32);
}

/* The core whose part of lo .. hi holds `port`, which is in it: the inverse of the split in mcc_ports_init(). */
static inline uint32_t mcc_steer_port(uint32_t port, uint32_t lo, uint32_t hi, uint32_t cores)
{
    return (uint32_t)(((uint64_t)(port - lo + 1) * cores - 1) / (hi - lo + 1));
}

#endif
