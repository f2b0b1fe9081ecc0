#include "mcc_table.h"

#include <errno.h>

#include "mcc_mem.h"

_Static_assert(sizeof(struct mcc_bucket) == MCC_LINE, "a bucket is one cache line");

int mcc_table_init(struct mcc_table *t, uint32_t max_entries, uint64_t seed)
{
    if (max_entries == 0 || max_entries > 1u << 30)
        return -EINVAL;
    uint64_t buckets = 1;
    while (buckets * MCC_TABLE_FULL < max_entries)
        buckets *= 2;
    struct mcc_bucket *memory = mcc_mem_map(buckets * sizeof(struct mcc_bucket));
    if (!memory)
        return -ENOMEM;
    *t = (struct mcc_table){
        .bucket = memory,
        .mask = (uint32_t)(buckets - 1),
        .max = max_entries,
        .seed = seed,
        .probes = buckets < MCC_TABLE_PROBES ? (uint32_t)buckets : MCC_TABLE_PROBES,
    };
    return 0;
}

void mcc_table_free(struct mcc_table *t)
{
    mcc_mem_unmap(t->bucket, ((size_t)t->mask + 1) * sizeof(struct mcc_bucket));
    *t = (struct mcc_table){.bucket = NULL};
}

int mcc_table_insert_far(struct mcc_table *t, uint64_t hash, uint32_t id)
{
    uint32_t home = (uint32_t)hash & t->mask;
    for (uint32_t away = 0; away < t->probes; away++) {
        struct mcc_bucket *b = &t->bucket[(home + away) & t->mask];
        uint32_t empty = mcc_bucket_match(b, 0);
        if (!empty)
            continue;
        unsigned place = (unsigned)__builtin_ctz(empty);
        b->tag[place] = mcc_table_tag(hash);
        b->id[place] = id;
        for (uint32_t i = 0; i < away; i++)
            t->bucket[(home + i) & t->mask].passed++;
        t->used++;
        t->inserts++;
        return 0;
    }
    return -ENOSPC;
}

bool mcc_table_erase_far(struct mcc_table *t, uint64_t hash, uint32_t id)
{
    uint32_t home = (uint32_t)hash & t->mask, found;
    struct mcc_table_cursor c = mcc_table_start(t, hash);
    do
        found = mcc_table_next(t, &c);
    while (found && found != id);
    if (!found)
        return false;
    struct mcc_bucket *b = &t->bucket[c.at];
    for (unsigned i = 0; i < MCC_TABLE_PLACES; i++)
        if (b->id[i] == id && b->tag[i] == c.tag) {
            b->tag[i] = 0;
            b->id[i] = 0;
            break;
        }
    for (uint32_t at = home; at != c.at; at = (at + 1) & t->mask)
        t->bucket[at].passed--;
    t->used--;
    return true;
}
