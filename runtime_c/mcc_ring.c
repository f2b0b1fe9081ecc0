#include "mcc_ring.h"

#include <errno.h>
#include <string.h>

#include "mcc_mem.h"

enum {
    RING_WORD = 8,
    RING_SKIP = 0
}; /* each record begins with its length; 0: go on at the start */

int mcc_ring_init(struct mcc_ring *ring, uint32_t size)
{
    if (size < 64 || size & (size - 1))
        return -EINVAL;
    uint8_t *base = mcc_mem_map(size);
    if (!base)
        return -ENOMEM;
    memset(ring, 0, sizeof *ring);
    ring->base = base;
    ring->size = size;
    return 0;
}

void mcc_ring_free(struct mcc_ring *ring)
{
    if (ring->base)
        mcc_mem_unmap(ring->base, ring->size);
    ring->base = NULL;
}

static uint32_t ring_bytes(uint32_t bytes)
{
    return RING_WORD + (bytes + RING_WORD - 1) / RING_WORD * RING_WORD;
}

/* Whether bytes up to position `end` can be written. */
static bool ring_is_free(struct mcc_ring *ring, uint64_t end)
{
    if (end - ring->tail_seen > ring->size)
        ring->tail_seen = atomic_load_explicit(&ring->tail, memory_order_acquire);
    return end - ring->tail_seen <= ring->size;
}

uint8_t *mcc_ring_reserve(struct mcc_ring *ring, uint32_t bytes)
{
    if (bytes == 0 || bytes > ring->size / 2 - RING_WORD) /* else it may fit nowhere */
        return NULL;
    uint64_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
    uint32_t need = ring_bytes(bytes), at = (uint32_t)head & (ring->size - 1),
             left = ring->size - at;
    uint32_t skip = need > left ? left : 0;
    if (!ring_is_free(ring, head + skip + need))
        return NULL;
    if (skip)
        memcpy(ring->base + at, &(uint32_t){RING_SKIP}, 4);
    ring->reserved = head + skip;
    ring->room = need;
    uint8_t *record = ring->base + (ring->reserved & (ring->size - 1));
    memcpy(record, &bytes, 4);
    return record + RING_WORD;
}

void mcc_ring_publish(struct mcc_ring *ring)
{
    atomic_store_explicit(&ring->head, ring->reserved + ring->room, memory_order_release);
}

const uint8_t *mcc_ring_peek(struct mcc_ring *ring, uint32_t *bytes)
{
    uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
    if (tail == atomic_load_explicit(&ring->head, memory_order_acquire))
        return NULL;
    const uint8_t *record = ring->base + (tail & (ring->size - 1));
    memcpy(bytes, record, 4);
    if (*bytes == RING_SKIP) { /* a record follows: both were published together */
        tail += ring->size - (tail & (ring->size - 1));
        atomic_store_explicit(&ring->tail, tail, memory_order_release);
        record = ring->base;
        memcpy(bytes, record, 4);
    }
    return record + RING_WORD;
}

void mcc_ring_release(struct mcc_ring *ring)
{
    uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
    uint32_t bytes;
    memcpy(&bytes, ring->base + (tail & (ring->size - 1)), 4);
    atomic_store_explicit(&ring->tail, tail + ring_bytes(bytes), memory_order_release);
}
