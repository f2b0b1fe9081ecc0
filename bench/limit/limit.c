/* The chains of bench/chains written by hand, fused into one loop: the limit that mcc is measured against.
 *
 * -DSTAGE=0 headers parsed, other port; 1 + session; 2 + NAT with incremental checksums; 3 + statistics a session.
 *
 * Three passes a burst, so that memory arrives while other packets are looked at: headers, hash and the bucket's
 * fetch; tag to flow and the fetch of its line; the body.
 */
#include "limit.h"

#ifndef STAGE
#error "-DSTAGE=0 .. 3"
#endif

enum { SESSION = STAGE >= 1, NAT = STAGE >= 2, STATS = STAGE >= 3, IP = 14, L4 = IP + 20 };

static const uint32_t public_address = 0x010200c0; /* 192.0.2.1, as it is in a packet */

struct look {
    uint64_t hash;
    struct tuple tuple;
    uint32_t id;          /* 2 * connection + direction, unverified; 0: none */
    uint8_t tcp, answer;
};

static uint32_t ticks(uint32_t seconds) { return (uint32_t)((seconds * 1000000000ull + (1 << TICK_SHIFT) - 1) >> TICK_SHIFT); }

/* ---------------------------------------------------------------- life of a connection */

static uint32_t flow_last(const struct flow *f)
{
    return f->dir[0].last > f->dir[1].last ? f->dir[0].last : f->dir[1].last;
}

static void flow_end(struct limit *l, uint32_t id)
{
    struct flow *f = &l->flow[id];
    table_erase(l, l->hash[id], id);
    list_remove(l, id);
    if (NAT) {
        uint32_t port = f->dir[0].port;
        l->by_port[port] = 0;
        uint32_t at = l->port_head + l->port_count++;
        l->port_ring[at <= LAST_PORT - FIRST_PORT ? at : at - (LAST_PORT - FIRST_PORT + 1)] = (uint16_t)port;
    }
    f->dir[0].used = f->dir[1].used = 0;
    l->links[id].next = l->free;
    l->free = id;
    l->active--;
}

static uint16_t swap16(uint32_t v) { return (uint16_t)(v >> 8 | v << 8); }

static uint32_t ones(uint64_t sum)
{
    sum = (sum >> 32) + (uint32_t)sum;
    return (uint32_t)((sum >> 32) + (uint32_t)sum);
}

/* What the two changed words add to a checksum kept in the packet's byte order. */
static uint32_t difference(uint32_t was, uint32_t now) { return ones((uint64_t)(uint32_t)~was + now); }

static void flow_translate(struct line *d, unsigned address, uint32_t now, unsigned shift, uint16_t port)
{
    uint32_t ports = (d->key.word[2] & ~(0xffffu << shift)) | (uint32_t)swap16(port) << shift;
    d->ip_delta = difference(d->key.word[address], now);
    d->l4_delta = ones((uint64_t)d->ip_delta + difference(d->key.word[2], ports));
    d->now = d->key;
    d->now.word[address] = now;
    d->now.word[2] = ports;
}

/* Both lines of a new connection; false when there is no room. */
static uint32_t flow_create(struct limit *l, const struct look *k)
{
    if (l->active == l->max || (NAT && !l->port_count)) {
        uint32_t victim = l->list[EMBRYONIC].head ? l->list[EMBRYONIC].head : l->list[SETTLED].head;
        if (!victim)
            return 0;
        flow_end(l, victim);
    }
    uint32_t id = l->free;
    if (id)
        l->free = l->links[id].next;
    else
        id = ++l->fresh;
    struct flow *f = &l->flow[id];
    const uint32_t *w = k->tuple.word;
    memset(f, 0, sizeof *f);
    f->dir[0].key = k->tuple;
    f->dir[1].key = (struct tuple){{w[1], w[0], w[2] << 16 | w[2] >> 16}};
    f->dir[0].used = f->dir[1].used = 1;
    f->dir[0].last = f->dir[1].last = l->tick;
    if (NAT) {
        uint16_t port = l->port_ring[l->port_head];
        l->port_head = l->port_head == LAST_PORT - FIRST_PORT ? 0 : l->port_head + 1;
        l->port_count--;
        l->by_port[port] = id;
        f->dir[0].port = port;
        flow_translate(&f->dir[0], 0, public_address, 0, port);
        f->dir[1].key.word[1] = public_address;
        f->dir[1].key.word[2] = (w[2] >> 16) | (uint32_t)swap16(port) << 16;
        flow_translate(&f->dir[1], 1, w[0], 16, swap16(w[2] & 0xffff));
    }
    l->hash[id] = k->hash;
    table_insert(l, k->hash, id);
    list_push(l, EMBRYONIC, id, l->tick);
    uint64_t due = l->start + ((uint64_t)(l->tick + l->list[EMBRYONIC].timeout) << TICK_SHIFT);
    if (due < l->due)
        l->due = due;
    l->active++;
    l->created++;
    return id;
}

/* A FIN, an RST, or a packet behind one of them. True: the connection is over now. */
static __attribute__((noinline)) bool flow_close(struct limit *l, uint32_t id, unsigned d, const uint8_t *h,
                                                 uint32_t payload)
{
    struct flow *f = &l->flow[id];
    struct line *both = &f->dir[0];
    uint8_t flags = h[L4 + 13];
    if (flags & RST)
        return true;
    if (flags & FIN) {
        f->dir[d].fin = mcc_be32(h + L4 + 4) + payload + 1 + (flags & SYN ? 1 : 0);
        both->fins |= (uint8_t)(1 << d);
        f->dir[0].closing = f->dir[1].closing = 1;
    }
    if (flags & ACK && both->fins & 1 << (1 - d) && (int32_t)(mcc_be32(h + L4 + 8) - f->dir[1 - d].fin) >= 0)
        both->acked |= (uint8_t)(1 << (1 - d));
    if (both->acked == 3 && both->list != CLOSING) {
        list_remove(l, id);
        list_push(l, CLOSING, id, l->tick);
        uint64_t due = l->start + ((uint64_t)(l->tick + l->list[CLOSING].timeout) << TICK_SHIFT);
        if (due < l->due)
            l->due = due;
    }
    return false;
}

/* Runs what is due in each list; whatever was heard since it was queued goes to the end. */
static __attribute__((noinline)) void timers(struct limit *l, uint64_t at)
{
    uint32_t now = (uint32_t)((at - l->start) >> TICK_SHIFT);
    l->tick = now;
    l->due = UINT64_MAX;
    for (unsigned n = 0; n < LISTS; n++) {
        struct list *list = &l->list[n];
        uint32_t id;
        while ((id = list->head) != 0 && l->links[id].queued + list->timeout <= now) {
            uint32_t last = flow_last(&l->flow[id]);
            if (last + list->timeout > now) {
                list_remove(l, id);
                list_push(l, (enum list_name)n, id, last);
            } else {
                flow_end(l, id);
            }
        }
        if (id) {
            uint64_t due = l->start + ((uint64_t)(l->links[id].queued + list->timeout) << TICK_SHIFT);
            l->due = due < l->due ? due : l->due;
        }
    }
}

/* ---------------------------------------------------------------- a packet */

/* First pass. Frames with a VLAN tag, IP options or a fragment offset are not looked at closer: they go by. */
static inline void look_at(struct limit *l, struct mcc_packet *p, struct look *k)
{
    const uint8_t *h = p->data;
    uint32_t first;
    memcpy(&first, h + 12, 4);
    bool plain = p->len >= L4 + 20 && (first & 0xffffff) == 0x450008 && h[23] == 6 && (mcc_be16(h + 20) & 0x3fff) == 0 &&
                 h[L4 + 12] >= 0x50 && mcc_be16(h + 16) >= 40;
    k->tcp = plain;
    if (!SESSION) {
        l->classes[plain]++; /* else nobody would ask, and the compiler would leave out all of the above */
        p->layers = plain ? MCC_ETH | MCC_IP | MCC_TCP : MCC_ETH;
        p->l4 = L4;
        return;
    }
    if (!plain)
        return;
    memcpy(&k->tuple, h + 26, 12);
    const uint32_t *w = k->tuple.word;
    if (NAT) {
        k->answer = w[1] == public_address;
        if (k->answer) {
            __builtin_prefetch(&l->by_port[swap16(w[2] >> 16)]);
        } else {
            k->hash = tuple_hash((uint64_t)w[1] << 32 | w[0], w[2]);
            __builtin_prefetch(&l->bucket[(uint32_t)k->hash & l->mask]);
        }
        return;
    }
    uint32_t mirrored = w[2] << 16 | w[2] >> 16;
    uint32_t swap = w[0] > w[1];
    uint32_t a = swap ? w[1] : w[0], b = swap ? w[0] : w[1], ports = swap ? mirrored : w[2];
    k->hash = tuple_hash((uint64_t)b << 32 | a, ports);
    __builtin_prefetch(&l->bucket[(uint32_t)k->hash & l->mask]);
}

/* Second pass. Which direction: an answer to a translated connection says so by itself, otherwise the port does. */
static inline void fetch(struct limit *l, const struct mcc_packet *p, struct look *k)
{
    uint32_t id, d;
    if (NAT && k->answer) {
        id = l->by_port[swap16(k->tuple.word[2] >> 16)];
        d = 1;
    } else {
        id = table_first(l, k->hash);
        d = NAT ? 0 : p->in_port;
    }
    k->id = id ? 2 * id + d : 0;
    __builtin_prefetch(&l->flow[id].dir[d], 1);
}

static inline bool same(const struct tuple *a, const struct tuple *b)
{
    return a->word[0] == b->word[0] && a->word[1] == b->word[1] && a->word[2] == b->word[2];
}

/* Further candidates, or a new connection; 0: no room. Connections of this stage are opened from port 0 or 1 alike. */
static __attribute__((noinline)) uint32_t find_or_create(struct limit *l, struct look *k)
{
    if (NAT && k->answer)
        return 0;
    for (uint32_t at = (uint32_t)k->hash & l->mask;; at = (at + 1) & l->mask) {
        const struct bucket *b = &l->bucket[at];
        for (uint32_t hits = bucket_hits(b, tag_of(k->hash)); hits; hits &= hits - 1) {
            uint32_t id = b->id[__builtin_ctz(hits)];
            for (unsigned d = 0; d < (NAT ? 1 : 2); d++)
                if (l->flow[id].dir[d].used && same(&l->flow[id].dir[d].key, &k->tuple))
                    return 2 * id + d;
        }
        if (!b->full)
            break;
    }
    return 2 * flow_create(l, k);
}

static inline void apply(uint8_t *field, uint32_t delta)
{
    uint16_t was;
    memcpy(&was, field, 2);
    uint32_t sum = (uint32_t)(uint16_t)~was + (delta >> 16) + (delta & 0xffff);
    sum = (sum >> 16) + (sum & 0xffff);
    sum = (sum >> 16) + (sum & 0xffff);
    was = (uint16_t)~sum;
    memcpy(field, &was, 2);
}

/* Third pass. False: the packet is gone. */
static inline bool body(struct limit *l, struct mcc_packet *p, struct look *k)
{
    uint32_t id = k->id;
    if (__builtin_expect(!id || !l->flow[id >> 1].dir[id & 1].used || !same(&l->flow[id >> 1].dir[id & 1].key, &k->tuple), 0)) {
        id = find_or_create(l, k);
        if (!id)
            return false;
    }
    unsigned d = id & 1;
    struct flow *f = &l->flow[id >> 1];
    struct line *mine = &f->dir[d];
    uint8_t *h = p->data;
    mine->last = l->tick;
    if (__builtin_expect(d && !mine->answered, 0)) {
        mine->answered = 1;
        list_remove(l, id >> 1);
        list_push(l, SETTLED, id >> 1, l->tick);
    }
    bool over = false;
    if (__builtin_expect((h[L4 + 13] & (FIN | RST)) | mine->closing, 0))
        over = flow_close(l, id >> 1, d, h, mcc_be16(h + 16) - 20u - (h[L4 + 12] >> 4) * 4u);
    if (NAT) {
        memcpy(h + 26, &mine->now, 12);
        apply(h + 24, mine->ip_delta);
        apply(h + L4 + 16, mine->l4_delta);
    }
    if (STATS) {
        mine->packets++;
        mine->bytes += p->len;
    }
    if (__builtin_expect(over, 0))
        flow_end(l, id >> 1);
    return true;
}

static void limit_burst(void *box, struct mcc_packet **packets, uint32_t n)
{
    struct limit *l = box;
    struct look look[BENCH_BURST];
    uint64_t count[2] = {0, 0}, bytes[2] = {0, 0};
    for (uint32_t i = 0; i < n; i++)
        __builtin_prefetch(packets[i]->data);
    for (uint32_t i = 0; i < n; i++)
        look_at(l, packets[i], &look[i]);
    if (SESSION)
        for (uint32_t i = 0; i < n; i++)
            if (look[i].tcp)
                fetch(l, packets[i], &look[i]);
    for (uint32_t i = 0; i < n; i++) {
        struct mcc_packet *p = packets[i];
        if (SESSION) {
            if (__builtin_expect(p->at >= l->due, 0))
                timers(l, p->at);
            l->tick = (uint32_t)((p->at - l->start) >> TICK_SHIFT);
            if (look[i].tcp && !body(l, p, &look[i])) {
                l->dropped++;
                continue;
            }
        }
        unsigned out = 1 - p->in_port;
        p->out_port = (uint16_t)out;
        count[out]++;
        bytes[out] += p->len;
        l->out[l->out_count++] = p;
    }
    for (unsigned port = 0; port < 2; port++) {
        l->tx_packets[port] += count[port];
        l->tx_bytes[port] += bytes[port];
    }
}

/* ---------------------------------------------------------------- the rest of a contender */

static void limit_close(void *box)
{
    struct limit *l = box;
    free(l->flow);
    free(l->bucket);
    free(l->links);
    free(l->hash);
    free(l->by_port);
    free(l->port_ring);
    free(l);
}

static void *limit_open(uint64_t start, uint32_t max_sessions)
{
    struct limit *l = calloc(1, sizeof *l);
    if (!l)
        return NULL;
    uint32_t buckets = 1;
    while (buckets * 9ull < 2ull * max_sessions)
        buckets *= 2;
    l->flow = pages((max_sessions + 1ull) * sizeof *l->flow);
    l->bucket = pages(buckets * sizeof *l->bucket);
    l->links = pages((max_sessions + 1ull) * sizeof *l->links);
    l->hash = pages((max_sessions + 1ull) * sizeof *l->hash);
    l->by_port = calloc(1 << 16, sizeof *l->by_port);
    l->port_ring = calloc(1 << 16, sizeof *l->port_ring);
    if (!l->flow || !l->bucket || !l->links || !l->hash || !l->by_port || !l->port_ring) {
        limit_close(l);
        return NULL;
    }
    l->mask = buckets - 1;
    l->max = max_sessions;
    l->start = start;
    l->due = UINT64_MAX;
    l->list[EMBRYONIC].timeout = l->list[SETTLED].timeout = ticks(300);
    l->list[CLOSING].timeout = ticks(2);
    for (uint32_t port = FIRST_PORT; port <= LAST_PORT; port++)
        l->port_ring[l->port_count++] = (uint16_t)port;
    return l;
}

static uint32_t limit_take(void *box, struct mcc_packet ***out)
{
    struct limit *l = box;
    uint32_t n = l->out_count;
    *out = l->out;
    l->out_count = 0;
    return n;
}

static void limit_totals(void *box, struct bench_totals *t)
{
    const struct limit *l = box;
    *t = (struct bench_totals){.created = l->created, .active = l->active, .dropped = l->dropped,
                               .tx_packets = {l->tx_packets[0], l->tx_packets[1]},
                               .tx_bytes = {l->tx_bytes[0], l->tx_bytes[1]}};
}

BENCH_EXPORT const struct bench_contender bench_contender = {
    .open = limit_open, .close = limit_close, .burst = limit_burst, .take = limit_take, .totals = limit_totals};
