/* Memory for tables: zero, taken from the kernel page by page as it is touched, in huge pages where
 * big enough.
 *
 * Set-up and tear-down only: no packet ever causes a call.
 */
#ifndef MCC_MEM_H
#define MCC_MEM_H

#include <stddef.h>
#include <stdint.h>

enum { MCC_LINE = 64 }; /* bytes of a cache line */

/* `bytes` (> 0) of zeroed memory, page aligned, owned by the caller; NULL when there is none. */
void *mcc_mem_map(size_t bytes);

/* Gives back what mcc_mem_map(bytes) returned; NULL is ignored. */
void mcc_mem_unmap(void *memory, size_t bytes);

#endif
