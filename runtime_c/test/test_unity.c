/* All of it in one translation unit, in an order in which nothing is included early: names do not
 * clash. */
#include "../mcc_wheel.c"
#include "../mcc_ports.c"
#include "../mcc_map.c"
#include "../mcc_buffers.c"
#include "../mcc_pool.c"
#include "../mcc_table.c"
#include "../mcc_mem.c"
#include "../mcc_made.h"
#include "test.h"

int main(void)
{
    uint8_t *large = mcc_mem_map(5u << 20), *small = mcc_mem_map(1);
    CHECK(large && ((uintptr_t)large & ((2u << 20) - 1)) == 0 && large[0] == 0 &&
          large[(5u << 20) - 1] == 0);
    CHECK(small && small[4095] == 0);
    small[4095] = large[(5u << 20) - 1] = 1;
    mcc_mem_unmap(large, 5u << 20);
    mcc_mem_unmap(small, 1);
    mcc_mem_unmap(NULL, 1);
    CHECK(mcc_mem_map(0) == NULL && mcc_mem_map(SIZE_MAX) == NULL &&
          mcc_mem_map((size_t)1 << 50) == NULL);
    puts("unity: ok");
    return 0;
}
