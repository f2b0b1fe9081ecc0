/* The HashMap of the language: u64 keys to u64 values, and packets that wait for a key.
 *
 * At most `capacity` keys; a new key takes the place of the one put longest ago when the map is
 * full. A key put `timeout` ns ago or more is gone (timeout 0: never). `now` is in ns and never
 * goes back. All operations are O(1).
 *
 * Parking: a packet waits under a key, in or out of the map, until the key is put; it then moves to
 * the released packets, which leave first in, first out. At most `park_limit` packets wait for one
 * key and `park_total` in all. A packet that is too much makes room: the oldest of its own key where
 * the key is at its limit, else the oldest of all. A packet that waited `park_timeout` ns has
 * waited in vain. Waiting and released packets are owned by the map; it links released ones by
 * their `next`.
 */
#ifndef MCC_MAP_H
#define MCC_MAP_H

#include <stdbool.h>
#include <stdint.h>

#include "mcc_hash.h"
#include "mcc_list.h"
#include "mcc_packet.h"
#include "mcc_table.h"

#define MCC_MAP_PARK_TIMEOUT 1000000000ull /* ns */

struct mcc_map_entry {
    uint64_t key, value;
    uint64_t at; /* when it was put last */
};

struct mcc_map_waiting { /* one parked packet */
    struct mcc_packet *packet;
    uint64_t at;   /* when it was parked */
    uint32_t key;  /* index in mcc_map.keys */
    uint32_t next; /* the next one of the same key, or free one */
};

struct mcc_map_key { /* a key that packets wait for */
    uint64_t key;
    uint32_t head, tail, count; /* its waiting packets, oldest first */
    uint32_t next;              /* the next free one */
};

struct mcc_map {
    struct mcc_table table;        /* hash of a key -> index in entries */
    struct mcc_map_entry *entries; /* owned; [1 .. capacity] */
    struct mcc_link_ids *links;    /* owned; of entries, for `order` and the free list */
    struct mcc_list order;         /* entries, put longest ago first */
    uint32_t capacity, fresh, free;
    uint64_t timeout;

    /* Parking; unused where park_total is 0. key_table: hash of a key -> index in keys */
    struct mcc_table key_table;
    struct mcc_map_key *keys;        /* owned; [1 .. park_total + 1] */
    struct mcc_map_waiting *waiting; /* owned; [1 .. park_total] */
    struct mcc_link_ids *park_links; /* owned; of waiting */
    struct mcc_list park_order;      /* waiting packets, parked longest ago first */
    uint32_t keys_fresh, keys_free, waiting_fresh, waiting_free;
    uint32_t park_limit, park_total;
    uint64_t park_timeout;
    struct mcc_packet *released, *released_last;
};

/* timeouts in ns. 0, or -ENOMEM or -EINVAL (capacity 0 or above 2^24, park_total above 2^20) and
 * `m` untouched. */
int mcc_map_init(struct mcc_map *m, uint32_t capacity, uint64_t timeout, uint32_t park_limit,
                 uint32_t park_total, uint64_t seed);

/* Frees the map's memory; packets that wait or are released must have been taken out. */
void mcc_map_free(struct mcc_map *m);

/* Inserts or replaces, makes `key` the youngest, and releases the packets that wait for it. */
void mcc_map_put(struct mcc_map *m, uint64_t key, uint64_t value, uint64_t now);

/* Removes the key if it is there; packets that wait for it go on waiting. */
void mcc_map_delete(struct mcc_map *m, uint64_t key);

/* Removes keys whose time is over; keys are gone without this, it only gives `m->order.count` its
 * meaning. */
void mcc_map_expire(struct mcc_map *m, uint64_t now);

/* Takes over `packet` until `key` is put. Returns NULL, or a packet (owned by the caller) that
 * had to make room, or `packet` itself where nothing may be parked. */
struct mcc_packet *mcc_map_park(struct mcc_map *m, uint64_t key, struct mcc_packet *packet,
                                uint64_t now);

/* Takes out the oldest packet that waited in vain (owned by the caller), or NULL. now = UINT64_MAX:
 * any that waits. */
struct mcc_packet *mcc_map_expire_parked(struct mcc_map *m, uint64_t now);

/* When the next packet will have waited in vain; UINT64_MAX: none waits. */
uint64_t mcc_map_park_deadline(const struct mcc_map *m);

/* Takes out the next released packet (owned by the caller, its `next` NULL), or NULL. */
struct mcc_packet *mcc_map_release(struct mcc_map *m);

/* Takes out all released packets, the oldest first, linked by `next` (owned by the caller). */
struct mcc_packet *mcc_map_release_all(struct mcc_map *m);

static inline uint32_t mcc_map_parked(const struct mcc_map *m)
{
    return m->park_order.count;
}

/* Whether `at` + `timeout` has come. */
static inline bool mcc_map_is_over(uint64_t at, uint64_t timeout, uint64_t now)
{
    return timeout && now >= at && now - at >= timeout;
}

static inline uint32_t mcc_map_find(const struct mcc_map *m, uint64_t key, uint64_t hash)
{
    uint32_t id;
    MCC_TABLE_FIND(&m->table, hash, id, m->entries[id].key == key);
    return id;
}

/* Whether the key is there at `now`; its value is then in *value, which is else untouched. */
static inline bool mcc_map_get(const struct mcc_map *m, uint64_t key, uint64_t now, uint64_t *value)
{
    uint32_t id = mcc_map_find(m, key, mcc_hash64(key, m->table.seed));
    if (!id || mcc_map_is_over(m->entries[id].at, m->timeout, now))
        return false;
    *value = m->entries[id].value;
    return true;
}

#endif
