#include "mcc_pool.h"

#include <errno.h>

#include "mcc_mem.h"

int mcc_pool_init(struct mcc_pool *pool, uint32_t capacity, uint32_t size)
{
    if (capacity == 0 || capacity == UINT32_MAX || size == 0 || size > 1u << 24)
        return -EINVAL;
    uint32_t stride = (size + MCC_LINE - 1) & ~(uint32_t)(MCC_LINE - 1);
    uint8_t *base = mcc_mem_map(((size_t)capacity + 1) * stride);
    if (!base)
        return -ENOMEM;
    *pool = (struct mcc_pool){.base = base, .stride = stride, .capacity = capacity};
    return 0;
}

void mcc_pool_free(struct mcc_pool *pool)
{
    mcc_mem_unmap(pool->base, ((size_t)pool->capacity + 1) * pool->stride);
    *pool = (struct mcc_pool){.base = NULL};
}
