#include "mcc_map.h"

#include <errno.h>

#include "mcc_mem.h"

static size_t mcc_map_entry_bytes(uint32_t n)
{
    return ((size_t)n + 1) * sizeof(struct mcc_map_entry);
}
static size_t mcc_map_link_bytes(uint32_t n)
{
    return ((size_t)n + 1) * sizeof(struct mcc_link_ids);
}
static size_t mcc_map_key_bytes(uint32_t n)
{
    return ((size_t)n + 1) * sizeof(struct mcc_map_key);
}
static size_t mcc_map_waiting_bytes(uint32_t n)
{
    return ((size_t)n + 1) * sizeof(struct mcc_map_waiting);
}

static bool mcc_map_init_parking(struct mcc_map *m, uint32_t total, uint64_t seed)
{
    if (total == 0)
        return true;
    m->keys = mcc_mem_map(mcc_map_key_bytes(total + 1));
    m->waiting = mcc_mem_map(mcc_map_waiting_bytes(total));
    m->park_links = mcc_mem_map(mcc_map_link_bytes(total));
    return m->keys && m->waiting && m->park_links &&
           mcc_table_init(&m->key_table, total + 1, seed) == 0;
}

int mcc_map_init(struct mcc_map *m, uint32_t capacity, uint64_t timeout, uint32_t park_limit,
                 uint32_t park_total, uint64_t seed)
{
    if (capacity == 0 || capacity > 1u << 24 || park_total > 1u << 20)
        return -EINVAL;
    struct mcc_map made = {
        .capacity = capacity,
        .timeout = timeout,
        .park_limit = park_limit,
        .park_total = park_total,
        .park_timeout = MCC_MAP_PARK_TIMEOUT,
        .entries = mcc_mem_map(mcc_map_entry_bytes(capacity)),
        .links = mcc_mem_map(mcc_map_link_bytes(capacity)),
    };
    if (!made.entries || !made.links || mcc_table_init(&made.table, capacity, seed) != 0 ||
        !mcc_map_init_parking(&made, park_total, seed)) {
        mcc_map_free(&made);
        return -ENOMEM;
    }
    *m = made;
    return 0;
}

void mcc_map_free(struct mcc_map *m)
{
    mcc_mem_unmap(m->entries, mcc_map_entry_bytes(m->capacity));
    mcc_mem_unmap(m->links, mcc_map_link_bytes(m->capacity));
    mcc_mem_unmap(m->keys, mcc_map_key_bytes(m->park_total + 1));
    mcc_mem_unmap(m->waiting, mcc_map_waiting_bytes(m->park_total));
    mcc_mem_unmap(m->park_links, mcc_map_link_bytes(m->park_total));
    mcc_table_free(&m->table);
    mcc_table_free(&m->key_table);
    *m = (struct mcc_map){.entries = NULL};
}

/* ---- keys and values */

static void mcc_map_remove(struct mcc_map *m, uint32_t id)
{
    mcc_table_erase(&m->table, mcc_hash64(m->entries[id].key, m->table.seed), id);
    mcc_list_remove(&m->order, m->links, id);
    m->links[id].next = m->free;
    m->free = id;
}

void mcc_map_expire(struct mcc_map *m, uint64_t now)
{
    while (m->order.head && mcc_map_is_over(m->entries[m->order.head].at, m->timeout, now))
        mcc_map_remove(m, m->order.head);
}

void mcc_map_delete(struct mcc_map *m, uint64_t key)
{
    uint32_t id = mcc_map_find(m, key, mcc_hash64(key, m->table.seed));
    if (id)
        mcc_map_remove(m, id);
}

/* A new entry at the young end; the oldest one makes room. 0: the table has no place near the key's
 * home, which takes hundreds of keys of neighbouring hashes and so does not happen by chance. */
static uint32_t mcc_map_insert(struct mcc_map *m, uint64_t key, uint64_t hash)
{
    if (m->order.count == m->capacity)
        mcc_map_remove(m, m->order.head);
    uint32_t id = m->free ? m->free : ++m->fresh;
    uint32_t free = m->free ? m->links[id].next : 0;
    if (mcc_table_insert(&m->table, hash, id) != 0) {
        m->links[id].next = free;
        m->free = id;
        return 0;
    }
    m->free = free;
    m->entries[id].key = key;
    mcc_list_push(&m->order, m->links, id);
    return id;
}

/* ---- parking */

static uint32_t mcc_map_find_waited(const struct mcc_map *m, uint64_t key, uint64_t hash)
{
    uint32_t id;
    MCC_TABLE_FIND(&m->key_table, hash, id, m->keys[id].key == key);
    return id;
}

/* The record of a key goes when no packet waits for it. */
static void mcc_map_settle(struct mcc_map *m, uint32_t k)
{
    struct mcc_map_key *key = &m->keys[k];
    if (key->count)
        return;
    mcc_table_erase(&m->key_table, mcc_hash64(key->key, m->key_table.seed), k);
    key->next = m->keys_free;
    m->keys_free = k;
}

/* Takes out the oldest packet that waits for key record `k`; mcc_map_settle() must
 * follow. */
static struct mcc_packet *mcc_map_unpark(struct mcc_map *m, uint32_t k)
{
    struct mcc_map_key *key = &m->keys[k];
    uint32_t w = key->head;
    struct mcc_packet *packet = m->waiting[w].packet;
    key->head = m->waiting[w].next;
    mcc_list_remove(&m->park_order, m->park_links, w);
    m->waiting[w].next = m->waiting_free;
    m->waiting_free = w;
    key->count--;
    return packet;
}

/* A record for a key that nothing waits for yet; 0 as mcc_map_insert(). There is one record more
 * than packets. */
static uint32_t mcc_map_new_waited(struct mcc_map *m, uint64_t key, uint64_t hash)
{
    uint32_t k = m->keys_free ? m->keys_free : m->keys_fresh + 1;
    if (mcc_table_insert(&m->key_table, hash, k) != 0)
        return 0;
    if (m->keys_free)
        m->keys_free = m->keys[k].next;
    else
        m->keys_fresh = k;
    m->keys[k] = (struct mcc_map_key){.key = key};
    return k;
}

static void mcc_map_wait(struct mcc_map *m, uint32_t k, struct mcc_packet *packet, uint64_t now)
{
    uint32_t w = m->waiting_free ? m->waiting_free : ++m->waiting_fresh;
    if (w == m->waiting_free)
        m->waiting_free = m->waiting[w].next;
    m->waiting[w] = (struct mcc_map_waiting){.packet = packet, .at = now, .key = k};
    struct mcc_map_key *key = &m->keys[k];
    if (key->count)
        m->waiting[key->tail].next = w;
    else
        key->head = w;
    key->tail = w;
    key->count++;
    mcc_list_push(&m->park_order, m->park_links, w);
}

struct mcc_packet *mcc_map_park(struct mcc_map *m, uint64_t key, struct mcc_packet *packet,
                                uint64_t now)
{
    if (m->park_limit == 0 || m->park_total == 0)
        return packet;
    uint64_t hash = mcc_hash64(key, m->key_table.seed);
    uint32_t k = mcc_map_find_waited(m, key, hash), from = 0;
    if (!k)
        k = mcc_map_new_waited(m, key, hash);
    if (!k)
        return packet;
    if (m->keys[k].count >= m->park_limit)
        from = k;
    else if (m->park_order.count == m->park_total)
        from = m->waiting[m->park_order.head].key;
    struct mcc_packet *dropped = from ? mcc_map_unpark(m, from) : NULL;
    mcc_map_wait(m, k, packet, now);
    if (from)
        mcc_map_settle(m, from);
    return dropped;
}

uint64_t mcc_map_park_deadline(const struct mcc_map *m)
{
    return m->park_order.head ? m->waiting[m->park_order.head].at + m->park_timeout : UINT64_MAX;
}

struct mcc_packet *mcc_map_expire_parked(struct mcc_map *m, uint64_t now)
{
    if (!m->park_order.head || now < mcc_map_park_deadline(m))
        return NULL;
    uint32_t k = m->waiting[m->park_order.head].key;
    struct mcc_packet *packet = mcc_map_unpark(m, k);
    mcc_map_settle(m, k);
    return packet;
}

static void mcc_map_release_key(struct mcc_map *m, uint64_t key)
{
    uint64_t hash = mcc_hash64(key, m->key_table.seed);
    uint32_t k = mcc_map_find_waited(m, key, hash);
    if (!k)
        return;
    while (m->keys[k].count) {
        struct mcc_packet *packet = mcc_map_unpark(m, k);
        packet->next = NULL;
        if (m->released)
            m->released_last->next = packet;
        else
            m->released = packet;
        m->released_last = packet;
    }
    mcc_map_settle(m, k);
}

struct mcc_packet *mcc_map_release(struct mcc_map *m)
{
    struct mcc_packet *packet = m->released;
    if (packet) {
        m->released = packet->next;
        packet->next = NULL;
    }
    return packet;
}

struct mcc_packet *mcc_map_release_all(struct mcc_map *m)
{
    struct mcc_packet *head = m->released;
    m->released = NULL;
    return head;
}

void mcc_map_put(struct mcc_map *m, uint64_t key, uint64_t value, uint64_t now)
{
    uint64_t hash = mcc_hash64(key, m->table.seed);
    mcc_map_expire(m, now);
    uint32_t id = mcc_map_find(m, key, hash);
    if (id)
        mcc_list_touch(&m->order, m->links, id);
    else
        id = mcc_map_insert(m, key, hash);
    if (id) {
        m->entries[id].value = value;
        m->entries[id].at = now;
    }
    if (m->park_order.count)
        mcc_map_release_key(m, key);
}
