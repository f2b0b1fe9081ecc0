/* The parts of the hand-written chain (limit.c): table, flows, lists.
 *
 *   flow, 128 bytes: | line of direction 0 | line of direction 1 |   everything that a packet of that direction needs
 *   bucket, 64 bytes: | tag x 10 | full | id x 10 |                  one entry a connection
 *
 * A connection has one entry in the table, under the hash of its first packet's tuple (NAT), or of the tuple with its
 * two ends in order (session alone, where answers carry the same two ends). Answers to a translated connection are
 * found by their port: `by_port` has the connection of each.
 */
#ifndef BENCH_LIMIT_H
#define BENCH_LIMIT_H

#include <emmintrin.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "../contender.h"

enum { TICK_SHIFT = 24, LINE = 64, PLACES = 10, FIRST_PORT = 1024, LAST_PORT = 65535, OUT_MAX = 8192 };
enum { FIN = 1, SYN = 2, RST = 4, ACK = 16 };
enum list_name { EMBRYONIC, SETTLED, CLOSING, LISTS };

struct tuple {            /* as it is in the packet: src, dst, sport, dport */
    uint32_t word[3];
};

struct line {             /* one direction */
    struct tuple key;     /* of its packets as they come in */
    struct tuple now;     /* NAT: what takes its place */
    uint32_t ip_delta, l4_delta;
    uint32_t last;        /* tick of its last packet */
    uint8_t used, closing, fins, acked; /* `fins`, `acked` and `answered` of a connection are in its line 0 */
    uint64_t packets, bytes;
    uint32_t fin;         /* sequence number behind its FIN */
    uint16_t port;
    uint8_t answered, list;
} __attribute__((aligned(64)));

struct flow {
    struct line dir[2];
};

struct bucket {
    uint16_t tag[PLACES];
    uint16_t full, unused;
    uint32_t id[PLACES];
} __attribute__((aligned(64)));

struct links {
    uint32_t prev, next, queued; /* queued: the tick from which its timeout counts */
};

struct list {
    uint32_t head, tail, timeout;
};

struct limit {
    struct flow *flow;    /* 1 .. max */
    struct bucket *bucket;
    struct links *links;
    uint64_t *hash;       /* by connection */
    uint32_t mask, max, active, fresh, free, tick;
    uint64_t start, due, created, dropped;
    struct list list[LISTS];
    uint32_t *by_port;
    uint16_t *port_ring;
    uint32_t port_head, port_count;
    uint64_t tx_packets[2], tx_bytes[2];
    uint64_t classes[2]; /* headers alone: packets that are not, that are TCP in IPv4 */
    uint32_t out_count;
    struct mcc_packet *out[OUT_MAX];
};

static inline void *pages(size_t bytes)
{
    const size_t huge = 2 << 20;
    size_t size = (bytes + huge - 1) & ~(huge - 1);
    void *at = NULL;
    if (posix_memalign(&at, huge, size) != 0)
        return NULL;
    (void)madvise(at, size, MADV_HUGEPAGE);
    memset(at, 0, size);
    return at;
}

/* ---------------------------------------------------------------- hash and table */

static inline uint64_t fold(uint64_t a, uint64_t b)
{
    unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline uint64_t tuple_hash(uint64_t addresses, uint32_t ports)
{
    const uint64_t odd1 = 0xa0761d6478bd642fu, odd2 = 0xe7037ed1a0b428dbu;
    return fold(fold(addresses ^ odd1, ports ^ odd2) ^ odd2, odd1);
}

static inline uint16_t tag_of(uint64_t hash)
{
    uint16_t tag = (uint16_t)(hash >> 48);
    return tag ? tag : 1;
}

static inline uint32_t bucket_hits(const struct bucket *b, uint16_t tag)
{
    __m128i wanted = _mm_set1_epi16((short)tag);
    __m128i low = _mm_load_si128((const __m128i *)(const void *)b->tag);
    __m128i high = _mm_loadl_epi64((const __m128i *)(const void *)(b->tag + 8));
    __m128i same = _mm_packs_epi16(_mm_cmpeq_epi16(low, wanted), _mm_cmpeq_epi16(high, wanted));
    return (uint32_t)_mm_movemask_epi8(same) & ((1u << PLACES) - 1);
}

/* The first candidate of the home bucket; 0: none there. */
static inline uint32_t table_first(const struct limit *l, uint64_t hash)
{
    const struct bucket *b = &l->bucket[(uint32_t)hash & l->mask];
    uint32_t hits = bucket_hits(b, tag_of(hash));
    return hits ? b->id[__builtin_ctz(hits)] : 0;
}

static inline void table_insert(struct limit *l, uint64_t hash, uint32_t id)
{
    for (uint32_t at = (uint32_t)hash & l->mask;; at = (at + 1) & l->mask) {
        uint32_t empty = bucket_hits(&l->bucket[at], 0);
        if (empty) {
            unsigned place = (unsigned)__builtin_ctz(empty);
            l->bucket[at].tag[place] = tag_of(hash);
            l->bucket[at].id[place] = id;
            return;
        }
        l->bucket[at].full = 1; /* look-ups go on behind it, for ever: it is rarely so at this load */
    }
}

static inline void table_erase(struct limit *l, uint64_t hash, uint32_t id)
{
    for (uint32_t at = (uint32_t)hash & l->mask;; at = (at + 1) & l->mask) {
        struct bucket *b = &l->bucket[at];
        for (uint32_t hits = bucket_hits(b, tag_of(hash)); hits; hits &= hits - 1) {
            unsigned place = (unsigned)__builtin_ctz(hits);
            if (b->id[place] == id) {
                b->tag[place] = 0;
                return;
            }
        }
        if (!b->full)
            return;
    }
}

/* ---------------------------------------------------------------- one list a timeout, first in first out */

static inline void list_push(struct limit *l, enum list_name name, uint32_t id, uint32_t queued)
{
    struct list *list = &l->list[name];
    l->links[id] = (struct links){list->tail, 0, queued};
    if (list->tail)
        l->links[list->tail].next = id;
    else
        list->head = id;
    list->tail = id;
    l->flow[id].dir[0].list = (uint8_t)name;
}

static inline void list_remove(struct limit *l, uint32_t id)
{
    struct list *list = &l->list[l->flow[id].dir[0].list];
    struct links *at = &l->links[id];
    if (at->prev)
        l->links[at->prev].next = at->next;
    else
        list->head = at->next;
    if (at->next)
        l->links[at->next].prev = at->prev;
    else
        list->tail = at->prev;
}

#endif
