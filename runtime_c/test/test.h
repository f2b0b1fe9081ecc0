/* What all C tests of the runtime share: a check that says where it failed, random numbers, memory
 * with a hole. */
#ifndef MCC_TEST_H
#define MCC_TEST_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #condition);              \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

#define CHECK_EQUAL(got, wanted)                                                                   \
    do {                                                                                           \
        unsigned long long got_ = (unsigned long long)(got),                                       \
                           wanted_ = (unsigned long long)(wanted);                                 \
        if (got_ != wanted_) {                                                                     \
            fprintf(stderr, "%s:%d: %s is %llu (0x%llx), not %llu (0x%llx)\n", __FILE__, __LINE__, \
                    #got, got_, got_, wanted_, wanted_);                                           \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

/* splitmix64: every test starts from a fixed state, so a failure repeats. */
static inline uint64_t test_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static inline uint32_t test_below(uint64_t *state, uint32_t n)
{
    return (uint32_t)(test_random(state) % n);
}

enum { TEST_GUARD_BYTES = 65536 };

/* The end of TEST_GUARD_BYTES of memory: the byte at the address returned, and after it, cannot be
 * touched. */
static inline uint8_t *test_guard_end(void)
{
    uint8_t *base = mmap(NULL, TEST_GUARD_BYTES + 4096, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(base != MAP_FAILED);
    CHECK(mprotect(base + TEST_GUARD_BYTES, 4096, PROT_NONE) == 0);
    return base + TEST_GUARD_BYTES;
}

#endif
