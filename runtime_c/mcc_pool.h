/* A pool of equal entries addressed by id: 1 .. capacity; id 0 is "none" and never given out.
 *
 *   base | (id 0, unused) | id 1 | id 2 | ...        each `stride` bytes, aligned to a cache line
 *
 * The entry freed last is given out first (it is still in the cache). A free entry's first four
 * bytes hold the next free id. An entry's other bytes are as its last user left them (zero at
 * first): the caller sets what it reads.
 */
#ifndef MCC_POOL_H
#define MCC_POOL_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct mcc_pool {
    uint8_t *base;     /* owned */
    uint32_t stride;   /* bytes from entry to entry */
    uint32_t capacity; /* entries */
    uint32_t free;     /* head of the list of freed entries, 0: none */
    uint32_t fresh;    /* ids above this one were never given out */
    uint32_t used;     /* entries given out now */
    uint32_t peak;     /* the most that ever were */
};

/* Entries of `size` bytes (1 .. 16 MiB). 0, or -ENOMEM or -EINVAL and `pool` untouched. */
int mcc_pool_init(struct mcc_pool *pool, uint32_t capacity, uint32_t size);
void mcc_pool_free(struct mcc_pool *pool);

/* The entry `id`; borrowed until it is given back. Addresses stay put. */
static inline void *mcc_pool_at(const struct mcc_pool *pool, uint32_t id)
{
    return pool->base + (size_t)id * pool->stride;
}

/* An id, or 0 when all are taken. */
static inline uint32_t mcc_pool_take(struct mcc_pool *pool)
{
    uint32_t id = pool->free;
    if (id)
        memcpy(&pool->free, mcc_pool_at(pool, id), sizeof pool->free);
    else if (pool->fresh < pool->capacity)
        id = ++pool->fresh;
    else
        return 0;
    if (++pool->used > pool->peak)
        pool->peak = pool->used;
    return id;
}

/* Gives back `id`, which must be taken. */
static inline void mcc_pool_give(struct mcc_pool *pool, uint32_t id)
{
    memcpy(mcc_pool_at(pool, id), &pool->free, sizeof pool->free);
    pool->free = id;
    pool->used--;
}

#endif
