/* A seeded hash of a few 32-bit words: multiply 64 x 64 to 128 bits and fold, as wyhash does.
 *
 * The seed is a secret: without it nobody can choose keys that collide. `n` should be a constant at
 * the call, then this is straight-line code: two multiplications for up to four words (one leaves
 * keys that count up in clumps). All 64 bits are usable; mcc_table.h takes the bucket from the low
 * ones and the tag from the top 16.
 */
#ifndef MCC_HASH_H
#define MCC_HASH_H

#include <stdint.h>
#include <string.h>

static inline uint64_t mcc_hash_fold(uint64_t a, uint64_t b)
{
    unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* Up to two words as one number; words behind the n-th count as 0. */
static inline uint64_t mcc_hash_load(const uint32_t *words, unsigned n)
{
    uint64_t pair = 0;
    if (n >= 2)
        pair = (uint64_t)words[1] << 32 |
               words[0]; /* not a load: they may just have been stored one by one */
    else if (n == 1)
        pair = words[0];
    return pair;
}

static inline uint64_t mcc_hash(const uint32_t *words, unsigned n, uint64_t seed)
{
    const uint64_t odd1 = 0xa0761d6478bd642fu, odd2 = 0xe7037ed1a0b428dbu; /* wyhash's constants */
    uint64_t state = seed ^ n * 0x9e3779b97f4a7c15u;
    for (; n > 4; n -= 4, words += 4)
        state = mcc_hash_fold(mcc_hash_load(words, 2) ^ state ^ odd1,
                              mcc_hash_load(words + 2, 2) ^ (state << 32 | state >> 32) ^ odd2);
    uint64_t first = mcc_hash_load(words, n), second = n > 2 ? mcc_hash_load(words + 2, n - 2) : 0;
    uint64_t folded =
        mcc_hash_fold(first ^ state ^ odd1, second ^ (state << 32 | state >> 32) ^ odd2);
    return mcc_hash_fold(folded ^ odd2, state ^ odd1);
}

/* The same for one 64-bit key. */
static inline uint64_t mcc_hash64(uint64_t key, uint64_t seed)
{
    uint32_t words[2] = {(uint32_t)key, (uint32_t)(key >> 32)};
    return mcc_hash(words, 2, seed);
}

#endif
