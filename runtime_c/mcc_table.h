/* The flow table: from the hash of a key to the 32-bit ids that may have it. Keys stay with the
 * caller.
 *
 *   bucket (one cache line):  | tag x 10 | passed | unused | id x 10 |
 *
 * An entry lives in the first bucket with room, from its home (hash & mask) on, at most `probes`
 * buckets away. Invariants: tag 0 is an empty place, and an entry's tag is never 0; `passed` of a
 * bucket counts the entries that live behind it and have their home at it or before it, so a
 * look-up stops at the first bucket with passed == 0. Load is at most 0.8: about one look-up in
 * twenty reads the next line too when all entries are in use; half the memory is worth more than
 * that in the cache. Ids are not 0, and an id is in the table once: a connection that is
 * found under two keys takes two (2 * n and 2 * n + 1, say).
 *
 *     uint32_t id;
 *     MCC_TABLE_FIND(&table, hash, id, same_key(&flows[id], key));
 *     // id is 0 when there is none
 */
#ifndef MCC_TABLE_H
#define MCC_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum { MCC_TABLE_PLACES = 10, MCC_TABLE_FULL = 8, MCC_TABLE_PROBES = 64 };

struct mcc_bucket {
    uint16_t tag[MCC_TABLE_PLACES];
    uint16_t passed;
    uint16_t unused;
    uint32_t id[MCC_TABLE_PLACES];
} __attribute__((aligned(64)));

struct mcc_table {
    struct mcc_bucket *bucket; /* owned */
    uint32_t mask;             /* buckets - 1, a power of two less one */
    uint32_t probes;           /* buckets that an entry may be searched in, counted from its home */
    uint32_t used;             /* entries */
    uint32_t max;              /* entries it was made for; a few more fit */
    uint32_t inserts; /* entries ever added, wrapping: the same number means that none came */
    uint64_t seed;    /* for the caller's hashes */
};

/* Where a search has come to: bucket `at` has `hits` (bits) left to look at, `left` buckets may be
 * read. */
struct mcc_table_cursor {
    uint32_t at, left, hits;
    uint16_t tag;
};

/* 0, or -ENOMEM or -EINVAL (max_entries 0 or above 2^30) and `t` untouched. */
int mcc_table_init(struct mcc_table *t, uint32_t max_entries, uint64_t seed);
void mcc_table_free(struct mcc_table *t);

/* mcc_table_insert() and mcc_table_erase() where the home bucket does not do. */
int mcc_table_insert_far(struct mcc_table *t, uint64_t hash, uint32_t id);
bool mcc_table_erase_far(struct mcc_table *t, uint64_t hash, uint32_t id);

static inline uint16_t mcc_table_tag(uint64_t hash)
{
    uint16_t tag = (uint16_t)(hash >> 48);
    return tag ? tag : 1;
}

static inline void mcc_table_prefetch(const struct mcc_table *t, uint64_t hash)
{
    __builtin_prefetch(&t->bucket[(uint32_t)hash & t->mask]);
}

/* Bit i is set when place i of the bucket has the tag. */
static inline uint32_t mcc_bucket_match(const struct mcc_bucket *b, uint16_t tag)
{
#ifdef __SSE2__
    __m128i wanted = _mm_set1_epi16((short)tag);
    __m128i low = _mm_load_si128((const __m128i *)(const void *)b->tag);
    __m128i high = _mm_loadl_epi64((const __m128i *)(const void *)(b->tag + 8));
    __m128i same = _mm_packs_epi16(_mm_cmpeq_epi16(low, wanted), _mm_cmpeq_epi16(high, wanted));
    return (uint32_t)_mm_movemask_epi8(same) & ((1u << MCC_TABLE_PLACES) - 1);
#else
    uint32_t hits = 0;
    for (unsigned i = 0; i < MCC_TABLE_PLACES; i++)
        hits |= (uint32_t)(b->tag[i] == tag) << i;
    return hits;
#endif
}

static inline struct mcc_table_cursor mcc_table_start(const struct mcc_table *t, uint64_t hash)
{
    struct mcc_table_cursor c = {(uint32_t)hash & t->mask, t->probes, 0, mcc_table_tag(hash)};
    c.hits = mcc_bucket_match(&t->bucket[c.at], c.tag);
    return c;
}

/* The next id whose tag is right, for the caller to compare the key; 0 when there are no more. */
static inline uint32_t mcc_table_next(const struct mcc_table *t, struct mcc_table_cursor *c)
{
    while (c->hits == 0) {
        if (t->bucket[c->at].passed == 0 || --c->left == 0)
            return 0;
        c->at = (c->at + 1) & t->mask;
        c->hits = mcc_bucket_match(&t->bucket[c->at], c->tag);
    }
    unsigned place = (unsigned)__builtin_ctz(c->hits);
    c->hits &= c->hits - 1;
    return t->bucket[c->at].id[place];
}

/* Adds an entry that is not in the table yet. 0, or -ENOSPC when `probes` buckets from its home on
 * are full. */
static inline int mcc_table_insert(struct mcc_table *t, uint64_t hash, uint32_t id)
{
    struct mcc_bucket *b = &t->bucket[(uint32_t)hash & t->mask];
    uint32_t empty = mcc_bucket_match(b, 0);
    if (__builtin_expect(!empty, 0))
        return mcc_table_insert_far(t, hash, id);
    unsigned place = (unsigned)__builtin_ctz(empty);
    b->tag[place] = mcc_table_tag(hash);
    b->id[place] = id;
    t->used++;
    t->inserts++;
    return 0;
}

/* Removes the entry `id` that was inserted with `hash`; false if there is none. */
static inline bool mcc_table_erase(struct mcc_table *t, uint64_t hash, uint32_t id)
{
    struct mcc_bucket *b = &t->bucket[(uint32_t)hash & t->mask];
    for (uint32_t hits = mcc_bucket_match(b, mcc_table_tag(hash)); hits; hits &= hits - 1) {
        unsigned place = (unsigned)__builtin_ctz(hits);
        if (__builtin_expect(b->id[place] == id, 1)) {
            b->tag[place] = 0;
            b->id[place] = 0;
            t->used--;
            return true;
        }
    }
    return mcc_table_erase_far(t, hash, id);
}

#define MCC_TABLE_FIND(t, hash, id, equals)                                                        \
    do {                                                                                           \
        const struct mcc_table *find_table_ = (t);                                                 \
        struct mcc_table_cursor find_cursor_ = mcc_table_start(find_table_, (hash));               \
        while (((id) = mcc_table_next(find_table_, &find_cursor_)) != 0 && !(equals))              \
            ;                                                                                      \
    } while (0)

#endif
