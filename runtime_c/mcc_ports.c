#include "mcc_ports.h"

#include <errno.h>

#include "mcc_mem.h"

/* The ring and the bits behind it are one piece of memory; never 0 bytes. */
static uint32_t mcc_ports_ring_bytes(uint32_t count)
{
    return (count * 2 + 7) / 8 * 8;
}
static uint32_t mcc_ports_bytes(uint32_t count)
{
    return mcc_ports_ring_bytes(count) + (count / 64 + 1) * 8;
}

int mcc_ports_init(struct mcc_ports *ports, uint32_t lo, uint32_t hi, uint32_t core, uint32_t cores)
{
    if (lo < 1 || lo > hi || hi > 65535 || core >= cores)
        return -EINVAL;
    uint64_t all = hi - lo + 1;
    uint32_t first = lo + (uint32_t)(all * core / cores),
             behind = lo + (uint32_t)(all * (core + 1) / cores);
    uint32_t count = behind - first;
    uint8_t *memory = mcc_mem_map(mcc_ports_bytes(count));
    if (!memory)
        return -ENOMEM;
    *ports = (struct mcc_ports){.lo = first, .count = count, .free = count};
    ports->ring = (uint16_t *)(void *)memory;
    ports->taken = (uint64_t *)(void *)(memory + mcc_ports_ring_bytes(count));
    for (uint32_t i = 0; i < count; i++)
        ports->ring[i] = (uint16_t)(first + i);
    return 0;
}

void mcc_ports_free(struct mcc_ports *ports)
{
    mcc_mem_unmap(ports->ring, mcc_ports_bytes(ports->count));
    *ports = (struct mcc_ports){.ring = NULL};
}
