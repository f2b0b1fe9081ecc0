#include "mcc_mem.h"

#include <sys/mman.h>

enum { MCC_MEM_HUGE = 2 << 20, MCC_MEM_PAGE = 4096 };

static size_t mcc_mem_round(size_t bytes)
{
    return (bytes + MCC_MEM_PAGE - 1) & ~(size_t)(MCC_MEM_PAGE - 1);
}

/* Maps more than asked, then gives back what lies before the first and behind the last wanted page.
 * */
static uint8_t *mcc_mem_map_aligned(size_t size, size_t align)
{
    uint8_t *start = mmap(NULL, size + align, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (start == MAP_FAILED)
        return NULL;
    size_t skip = (align - ((uintptr_t)start & (align - 1))) & (align - 1);
    if (skip)
        munmap(start, skip);
    if (align - skip)
        munmap(start + skip + size, align - skip);
    return start + skip;
}

void *mcc_mem_map(size_t bytes)
{
    if (bytes == 0 || bytes > SIZE_MAX / 4)
        return NULL;
    size_t size = mcc_mem_round(bytes);
    if (size >= MCC_MEM_HUGE) {
        void *memory = mcc_mem_map_aligned(size, MCC_MEM_HUGE);
        if (memory)
            (void)madvise(memory, size, MADV_HUGEPAGE); /* a hint: small pages work as well */
        return memory;
    }
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

void mcc_mem_unmap(void *memory, size_t bytes)
{
    if (memory)
        munmap(memory, mcc_mem_round(bytes));
}
