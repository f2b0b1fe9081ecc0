/* Fragments in: reading one, finding its datagram, joining the whole. */
#include "mcc_frag.h"

#include <errno.h>
#include <stdlib.h>

#include "mcc_frag_parts.h"
#include "mcc_hash.h"
#include "mcc_made.h"

enum { UNKNOWN_END = 0x7fffffff };

int mcc_frags_init(struct mcc_frags *f, struct mcc_core *core, uint32_t wants, uint64_t seed)
{
    *f = (struct mcc_frags){.core = core, .wants = wants, .seed = seed};
    f->datagrams = calloc(MCC_FRAG_DATAGRAMS + 1, sizeof *f->datagrams);
    f->links = calloc(MCC_FRAG_DATAGRAMS + 1, sizeof *f->links);
    f->buckets = calloc(MCC_FRAG_BUCKETS, sizeof *f->buckets);
    if (!f->datagrams || !f->links || !f->buckets) {
        mcc_frags_free(f);
        return -ENOMEM;
    }
    for (uint32_t i = 1; i <= MCC_FRAG_DATAGRAMS; i++)
        mcc_list_push(&f->idle, f->links, i);
    return 0;
}

/* ---------------------------------------------------------------- reading a fragment */

struct fragment {
    uint32_t offset, len; /* of its content, in the datagram and here */
    uint32_t content;     /* where that begins in the frame */
    bool more, v6;
};

/* Whether a packet is a fragment of a datagram that is wanted; the rest goes on as it is. */
static bool read_fragment(const struct mcc_frags *f, struct mcc_packet *p, struct fragment *g)
{
    const uint8_t *ip = p->data + p->l3;
    if (p->layers & MCC_IP) {
        uint32_t word = mcc_be16(ip + 6);
        unsigned want = p->proto == MCC_PROTO_TCP   ? MCC_FRAG_TCP
                        : p->proto == MCC_PROTO_UDP ? MCC_FRAG_UDP
                                                    : 0;
        if (!(f->wants & (want | MCC_FRAG_ANY)))
            return false;
        *g = (struct fragment){
            .offset = 8 * (word & 0x1fff), .more = word & 0x2000, .content = p->l4};
    } else {
        if (p->ip_end < p->l4 + 8u)
            return false;
#if MCC_INNER
        if (p->l4 != p->l3 + MCC_IP6_BYTES)
            return false; /* behind other extension headers */
#endif
        uint32_t word = mcc_be16(p->data + p->l4 + 2);
        *g = (struct fragment){
            .offset = word & 0xfff8, .more = word & 1, .content = p->l4 + 8u, .v6 = true};
    }
    g->len = p->ip_end - g->content;
    return true;
}

/* Bytes of the IP packet as its header says. */
static uint32_t ip_total(const struct mcc_packet *p)
{
    const uint8_t *ip = p->data + p->l3;
    return p->layers & MCC_IP ? mcc_be16(ip + 2) : (uint32_t)MCC_IP6_BYTES + mcc_be16(ip + 4);
}

static struct mcc_frag_key key_of(const struct mcc_packet *p, bool v6)
{
    struct mcc_frag_key key = {{0}};
    const uint8_t *ip = p->data + p->l3;
    uint32_t n = v6 ? 4 : 1, from = v6 ? 8 : 12;
    for (uint32_t i = 0; i < 2 * n; i++)
        key.word[i < n ? i : 4 + i - n] = mcc_be32(ip + from + 4 * i);
    key.word[8] = v6 ? mcc_be32(p->data + p->l4 + 4) : mcc_be16(ip + 4);
    key.word[9] = (uint32_t)(v6 ? 0 : p->proto) << 24 | (uint32_t)p->in_port << 16 |
                  (uint32_t)p->link << 8 | v6;
    for (uint32_t i = 0; i < p->vlans; i++) /* two tags have room side by side */
        key.word[10] = key.word[10] * 4097 + 1 + (mcc_be16(ip - 4 * (i + 1)) & 0xfffu);
    return key;
}

/* ---------------------------------------------------------------- the table */

static uint64_t footprint(const struct mcc_packet *p)
{
    return MCC_BUFFER_HEAD + (uint64_t)p->room;
}

static bool is_large(const struct mcc_packet *p)
{
    return p->room > MCC_BUFFER_ROOM + MCC_HEADROOM;
}

/* Takes a packet that waits out of the accounts. */
static void let_go(struct mcc_frags *f, const struct mcc_packet *p)
{
    f->bytes -= footprint(p);
    f->small -= !is_large(p);
    f->large -= is_large(p);
    f->core->held--;
}

static void drop_parts(struct mcc_frags *f, struct mcc_frag_datagram *d, uint32_t reason)
{
    while (d->first) {
        struct mcc_packet *p = d->first;
        d->first = p->next;
        let_go(f, p);
        mcc_core_drop(f->core, p, reason);
    }
    d->newest = NULL;
    d->count = d->got = 0;
}

/* The datagram is over: its place is free. Its fragments have gone. */
static void forget(struct mcc_frags *f, uint32_t index)
{
    struct mcc_frag_datagram *d = &f->datagrams[index];
    uint32_t *at = &f->buckets[d->bucket];
    while (*at != index)
        at = &f->datagrams[*at].next;
    *at = d->next;
    mcc_list_remove(&f->waiting[d->key.word[9] & 1], f->links, index);
    mcc_list_push(&f->idle, f->links, index);
}

static void end_datagram(struct mcc_frags *f, uint32_t index, uint32_t reason)
{
    drop_parts(f, &f->datagrams[index], reason);
    forget(f, index);
}

/* Its fragments are dropped, and those that come until its time is up. */
static void kill_datagram(struct mcc_frags *f, struct mcc_frag_datagram *d, uint32_t reason)
{
    drop_parts(f, d, reason);
    d->dead = 1 + reason;
}

/* The datagram begun first but for `but`, of those that hold buffers where `loaded`; 0: none. */
static uint32_t oldest(const struct mcc_frags *f, uint32_t but, bool loaded)
{
    uint32_t found = 0;
    uint64_t begun = UINT64_MAX;
    for (unsigned v6 = 0; v6 < 2; v6++) {
        uint32_t i = f->waiting[v6].head;
        while (i && (i == but || (loaded && !f->datagrams[i].first)))
            i = f->links[i].next;
        uint64_t at =
            i ? f->datagrams[i].deadline - (v6 ? MCC_FRAG_NS_IP6 : MCC_FRAG_NS_IP) : UINT64_MAX;
        if (i && at <= begun) {
            found = i;
            begun = at;
        }
    }
    return found;
}

static uint32_t find(struct mcc_frags *f, const struct mcc_frag_key *key)
{
    uint32_t bucket = (uint32_t)mcc_hash(key->word, 11, f->seed) % MCC_FRAG_BUCKETS;
    uint32_t index = f->buckets[bucket];
    while (index && memcmp(&f->datagrams[index].key, key, sizeof *key) != 0)
        index = f->datagrams[index].next;
    if (index)
        return index;
    if (!f->idle.head)
        end_datagram(f, oldest(f, 0, false), MCC_DROP_FRAG_LIMIT);
    index = mcc_list_pop(&f->idle, f->links);
    unsigned v6 = key->word[9] & 1;
    f->datagrams[index] =
        (struct mcc_frag_datagram){.key = *key,
                                   .bucket = bucket,
                                   .next = f->buckets[bucket],
                                   .deadline = f->now + (v6 ? MCC_FRAG_NS_IP6 : MCC_FRAG_NS_IP),
                                   .end = UNKNOWN_END};
    f->buckets[bucket] = index;
    mcc_list_push(&f->waiting[v6], f->links, index);
    if (f->datagrams[index].deadline < f->core->due)
        f->core->due = f->datagrams[index].deadline;
    return index;
}

void mcc_frag_expire(struct mcc_frags *f, uint64_t now)
{
    for (unsigned v6 = 0; v6 < 2; v6++)
        for (uint32_t i; (i = f->waiting[v6].head) != 0 && f->datagrams[i].deadline <= now;)
            end_datagram(f, i, MCC_DROP_FRAG_TIMEOUT);
}

uint64_t mcc_frag_due(const struct mcc_frags *f)
{
    uint64_t due = UINT64_MAX;
    for (unsigned v6 = 0; v6 < 2; v6++) {
        uint32_t i = f->waiting[v6].head;
        if (i && f->datagrams[i].deadline < due)
            due = f->datagrams[i].deadline;
    }
    return due;
}

void mcc_frags_free(struct mcc_frags *f)
{
    for (unsigned v6 = 0; v6 < 2 && f->datagrams; v6++)
        for (uint32_t i = f->waiting[v6].head; i; i = f->links[i].next)
            for (struct mcc_packet *p; (p = f->datagrams[i].first) != NULL;) {
                f->datagrams[i].first = p->next;
                mcc_buffer_put(f->core->buffers, p);
            }
    free(f->datagrams);
    free(f->links);
    free(f->buckets);
    *f = (struct mcc_frags){.core = NULL};
}

/* ---------------------------------------------------------------- one fragment joins the others */

enum { TAKEN = -1 }; /* else a reason */

static bool is_copy(const struct mcc_packet *p, const struct fragment *g,
                    const struct mcc_frag_datagram *d, const uint8_t *content)
{
    bool last = p->pos + p->in_len == d->end;
    return p->pos == g->offset && p->in_len == g->len && last == !g->more &&
           memcmp(p->content, content, g->len) == 0;
}

/* Puts p in its place by offset. TAKEN, or why not; *ruined: the whole datagram is to go. */
static int place(struct mcc_frag_datagram *d, struct mcc_packet *p, const struct fragment *g,
                 bool *ruined)
{
    uint32_t end = g->offset + g->len;
    struct mcc_packet **at = &d->first, *before = NULL;
    if (d->newest &&
        d->newest->pos + d->newest->in_len <= g->offset) { /* mostly they come in order */
        before = d->newest;
        at = &before->next;
    }
    while (*at && (*at)->pos < g->offset) {
        before = *at;
        at = &before->next;
    }
    struct mcc_packet *behind = *at;
    if (behind && is_copy(behind, g, d, p->content))
        return MCC_DROP_FRAG_DUPLICATE;
    *ruined = true;
    if ((before && before->pos + before->in_len > g->offset) || (behind && behind->pos < end))
        return MCC_DROP_FRAG_OVERLAP;
    if (g->more ? end >= d->end : (d->end != UNKNOWN_END && d->end != end) || behind != NULL)
        return MCC_DROP_FRAG_MALFORMED; /* behind the end, or another end */
    if (d->count == MCC_FRAG_PARTS)
        return MCC_DROP_FRAG_LIMIT;
    *ruined = false;
    if (!g->more)
        d->end = end;
    p->pos = g->offset;
    p->in_len = g->len;
    p->order = d->count++;
    p->next = behind;
    *at = d->newest = p;
    d->got += g->len;
    return TAKEN;
}

/* Whether there is room for p to wait: older datagrams give way. */
static bool make_room(struct mcc_frags *f, uint32_t index, const struct mcc_packet *p)
{
    const struct mcc_buffers *b = f->core->buffers;
    bool large = is_large(p);
    for (;;) {
        bool fits =
            f->bytes + footprint(p) <= MCC_FRAG_BYTES &&
            (large ? f->large < (b->large.count + 3) / 4 : f->small < (b->small.count + 3) / 4);
        uint32_t victim = fits ? 0 : oldest(f, index, true);
        if (!victim)
            return fits;
        end_datagram(f, victim, MCC_DROP_FRAG_LIMIT);
    }
}

/* Makes the whole of the fragments from `first` on, `count` of them with `bytes` of content; they stay. NULL: no buffer. */
static struct mcc_packet *join(struct mcc_core *core, const struct mcc_packet *first,
                               uint32_t count, uint32_t bytes)
{
    bool v6 = !(first->layers & MCC_IP);
    uint32_t head = (uint32_t)(first->content - first->data) - (v6 ? 8 : 0);
    uint32_t record = mcc_frag_record_bytes(first, head);
    struct mcc_packet *q = mcc_buffer_get(core->buffers, head + bytes + record);
    if (!q)
        return NULL;
    memcpy(q->data, first->data, head);
    uint8_t *ip = q->data + first->l3;
    if (v6) {
        q->frag_id = mcc_be32(first->data + head + 4);
        ip[6] = first->data[head];
        mcc_put16(ip + 4, bytes);
    } else {
        mcc_put16(ip + 2, head - first->l3 + bytes);
        ip[6] &= 0xc0; /* reserved, do not fragment */
        ip[7] = 0;
        mcc_checksum_write(ip + 10, mcc_checksum_ip4(ip), false);
    }
    for (const struct mcc_packet *p = first; p; p = p->next) {
        memcpy(q->data + head + p->pos, p->content, p->in_len);
        uint32_t total = p->ip_end - p->l3;
        q->mtu = total > q->mtu ? (uint16_t)total : q->mtu;
        q->at = p->at > q->at ? p->at : q->at;
    }
#if MCC_INNER
    mcc_buffer_outer(q, first);
    q->outer.mtu = 0;
#endif
    q->len = q->wire_len = head + bytes;
    q->room -= record;
    q->in_port = first->in_port;
    q->link = first->link;
    mcc_packet_unguard(q->data + q->room, record);
    mcc_frag_record_write(q, head, bytes, first, count);
    mcc_packet_guard(q, q->len);
    return q;
}

/* All fragments are here. NULL: dropped. */
static struct mcc_packet *complete(struct mcc_frags *f, uint32_t index)
{
    struct mcc_frag_datagram *d = &f->datagrams[index];
    struct mcc_packet *first = d->first;
    uint32_t header = (uint32_t)(first->content - first->data) - first->l3;
    if (first->layers & MCC_IP && header + d->end > 65535) {
        kill_datagram(f, d, MCC_DROP_FRAG_MALFORMED);
        return NULL;
    }
    struct mcc_packet *q = join(f->core, first, d->count, d->end);
    end_datagram(f, index, q ? MCC_DROP_FRAG_JOINED : MCC_DROP_NO_BUFFER);
    f->core->drops[MCC_DROP_FRAG_JOINED] -= q != NULL; /* one of them goes on as the whole */
    return q;
}

/* An IPv6 packet with a fragment header that is whole: it has to do with no other (RFC 6946). */
static struct mcc_packet *atomic(struct mcc_core *core, struct mcc_packet *p,
                                 const struct fragment *g)
{
    p->pos = 0;
    p->in_len = g->len;
    p->order = 0;
    p->next = NULL;
    struct mcc_packet *q = join(core, p, 1, g->len);
    if (q)
        mcc_buffer_put(core->buffers, p);
    else
        mcc_core_drop(core, p, MCC_DROP_NO_BUFFER);
    return q;
}

/* A packet that may be a fragment, parsed: what goes on instead of it, NULL: nothing does now. */
static struct mcc_packet *gather(struct mcc_frags *f, struct mcc_packet *p)
{
    struct fragment g;
    struct mcc_core *core = f->core;
    if (!read_fragment(f, p, &g))
        return p;
    bool cut = p->l3 + ip_total(p) > p->ip_end;
    if (cut && p->wire_len > p->len) /* of a capture that has only the beginning */
        return p;
    if (!g.v6 && core->checksums < MCC_CHECKSUMS_FIX &&
        mcc_checksum_sum(p->data + p->l3, p->l4 - p->l3) != 0xffff)
        return p; /* nobody will join it, whatever it says */
    if (cut || (g.more && (g.len == 0 || g.len % 8 != 0)) || (!g.more && g.len == 0 && g.offset) ||
        g.offset + g.len > 65535) {
        mcc_core_drop(core, p, MCC_DROP_FRAG_MALFORMED);
        return NULL;
    }
    p->content = p->data + g.content;
    if (g.offset == 0 && !g.more)
        return atomic(core, p, &g);
    struct mcc_frag_key key = key_of(p, g.v6);
    uint32_t index = find(f, &key);
    struct mcc_frag_datagram *d = &f->datagrams[index];
    bool ruined = false;
    int why = d->dead                  ? (int)d->dead - 1
              : make_room(f, index, p) ? place(d, p, &g, &ruined)
                                       : MCC_DROP_FRAG_LIMIT;
    if (ruined)
        kill_datagram(f, d, (uint32_t)why);
    if (why != TAKEN) {
        mcc_core_drop(core, p, (uint32_t)why);
        return NULL;
    }
    f->bytes += footprint(p);
    f->small += !is_large(p);
    f->large += is_large(p);
    core->held++;
    return d->got == d->end ? complete(f, index) : NULL;
}

/* Whether p may be a fragment; then it is parsed. Most are told by a few bytes. */
static inline bool may_be_fragment(struct mcc_packet *p)
{
    const uint8_t *d = p->data;
    if (p->link == MCC_LINK_ETHERNET && p->len >= 34) {
        uint32_t etype = mcc_be16(d + 12);
        if (etype == MCC_ETYPE_IP && !(mcc_be16(d + 20) & 0x3fff))
            return false;
        if (etype == MCC_ETYPE_IP6 && d[20] != MCC_PROTO_FRAGMENT)
            return false;
    }
    mcc_parse_any(p);
    return (p->layers & MCC_IP && p->frag) ||
           (p->layers & MCC_IP6 && p->proto == MCC_PROTO_FRAGMENT);
}

uint32_t mcc_frag_burst(struct mcc_frags *f, struct mcc_packet **packets, uint32_t n)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < n; i++) {
        struct mcc_packet *p = packets[i];
        if (__builtin_expect(may_be_fragment(p), 0)) {
            f->now = p->at > f->now ? p->at : f->now;
            mcc_frag_expire(f, f->now);
            p = gather(f, p);
        }
        if (p)
            packets[kept++] = p;
    }
    return kept;
}
