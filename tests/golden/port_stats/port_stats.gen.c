/* port_stats: compiled by mcc 0.1.0 from port_stats.py.
 *
 *
 * cc -O2 -I<runtime_c> -c this file
 */
#include "mcc_runtime.h"

#define MCC_FLOW_ID(kind, id) ((uint32_t)(kind) << MCC_KIND_SHIFT | (id))

enum { NO_LEAF = 2, LEAVES, WALKS = 1 + 2 * LEAVES, SITES = 1, REASONS = MCC_REASONS + 4 };

enum port { PORT_lan, PORT_wan, PORTS };

enum node { NODE_PortStats, NODES };

struct mcc_box;

/* ---------------------------------------------------------------- session state, as declared */

struct Count {
    uint64_t packets;
    uint64_t bytes;
};

static inline void Count_init(struct Count *s)
{
    memset(s, 0, sizeof *s);
}


struct box_ending { /* a flow that may end now */
    uint64_t sequence;
    uint32_t kind, index;
};

enum { BATCHES = 32 }; /* open at once */

struct box_batch { /* packets of one flow and direction, in order */
    uint32_t flow, walk;
    struct mcc_packet *head, *tail;
};

struct mcc_box {
    struct mcc_core core;
    uint32_t way;     /* of a duplex, in which the handler that may emit works */
    uint32_t talking; /* 1 + the flow whose packet is being handled */
    uint32_t pending;
    struct mcc_packet *packets[MCC_BURST];
    uint32_t batches;
    struct box_batch batch[BATCHES];
    struct mcc_flows flow0;
    uint64_t next_timer[NODES + 1]; /* ns; UINT64_MAX: none */
    struct mcc_count walk[WALKS];   /* packets by leaf and direction, 1 + 2 * leaf + direction */
    struct mcc_count site[SITES];   /* packets that left a walk's trunk */
    uint64_t drops[REASONS];
    uint64_t faults[NODES + 1];
    uint32_t *came;            /* scratch of box_flow_timers: indices of one kind */
    struct box_ending *ending; /* the same of all kinds; at the end of the run all flows */
};

/* ---------------------------------------------------------------- services for handlers */

static uint64_t mcc_box_now(const struct mcc_box *box) { return box->core.now; }
static void mcc_flow_reply_key(struct mcc_box *box, struct mcc_flow flow, unsigned said, uint32_t src, uint16_t sport,
                               uint32_t dst, uint16_t dport);
static void mcc_flow_set_timeout(struct mcc_box *box, struct mcc_flow flow, uint64_t seconds);
static void mcc_box_alert(struct mcc_box *box, uint32_t node, uint32_t id, const char *text,
                          const struct mcc_packet *p);
static void mcc_box_emit_copy(struct mcc_box *box, uint32_t node, uint32_t port, const struct mcc_packet *p);
static void mcc_box_emit_arp(struct mcc_box *box, uint32_t node, uint32_t port, uint32_t spa, uint64_t sha, uint32_t tpa);
static int mcc_box_park(struct mcc_box *box, uint32_t node, struct mcc_map *map, uint64_t key, struct mcc_packet *p);
static bool box_evict(struct mcc_box *box);

static void box_run_batch(struct mcc_box *box, uint32_t flow, uint32_t walk, struct mcc_packet **batch, uint32_t n);

/* Open batches are handled, the one begun first at the head. */
static __attribute__((noinline)) void box_run_batches(struct mcc_box *box)
{
    struct mcc_packet *batch[MCC_BURST];
    for (uint32_t i = 0; i < box->batches; i++) {
        uint32_t n = 0;
        for (struct mcc_packet *p = box->batch[i].head; p; p = p->next)
            batch[n++] = p;
        box_run_batch(box, box->batch[i].flow, box->batch[i].walk, batch, n);
    }
    box->batches = 0;
}

/* The same where there are any: before a flow ends, before timers run, after each burst. */
static inline void box_flush(struct mcc_box *box)
{
    if (__builtin_expect(box->batches != 0, 0))
        box_run_batches(box);
}

/* A packet joins the open batch of its flow and direction, or opens one. */
static inline void box_gather(struct mcc_box *box, uint32_t flow, uint32_t walk, struct mcc_packet *p)
{
    p->next = NULL;
    for (uint32_t i = box->batches; i-- > 0;) {
        if (box->batch[i].flow == flow) {
            box->batch[i].tail->next = p;
            box->batch[i].tail = p;
            return;
        }
    }
    if (box->batches == BATCHES)
        box_flush(box);
    box->batch[box->batches++] = (struct box_batch){flow, walk, p, p};
}

enum { DROPPED_BY, CLOSED_BY, RESET_BY, FAULT_OF, NODE_REASONS }; /* drop reasons of each node, from MCC_REASONS on */

/* A handler ended the walk: counts it, and drops the packet unless it was parked. Returns the verdict. */
static __attribute__((noinline)) int box_stop(struct mcc_box *box, struct mcc_packet *p, int verdict, uint32_t node,
                                              uint32_t site)
{
    box->site[site].packets++;
    box->site[site].bytes += p->entry_len;
    if (verdict == MCC_PARKED)
        return verdict;
    uint32_t why = verdict == MCC_DROP ? DROPPED_BY : verdict == MCC_CLOSE ? CLOSED_BY : verdict == MCC_RESET ? RESET_BY : FAULT_OF;
    if (why == FAULT_OF)
        box->faults[node]++;
    mcc_core_drop(&box->core, p, MCC_REASONS + NODE_REASONS * node + why);
    return verdict;
}

/* new_session refused the packet's session. */
static int box_refuse(struct mcc_box *box, struct mcc_packet *p, int verdict, uint32_t node)
{
    uint32_t why = verdict == MCC_DROP ? DROPPED_BY : verdict == MCC_CLOSE ? CLOSED_BY : verdict == MCC_RESET ? RESET_BY : FAULT_OF;
    if (why == FAULT_OF)
        box->faults[node]++;
    mcc_core_drop(&box->core, p, MCC_REASONS + NODE_REASONS * node + why);
    return verdict;
}

/* A packet took another output than 0. */
static inline void box_count(struct mcc_box *box, const struct mcc_packet *p, uint32_t left, uint32_t arm)
{
    box->site[left].packets++;
    box->site[left].bytes += p->entry_len;
    box->site[arm].packets++;
    box->site[arm].bytes += p->entry_len;
}

/* One record a session at its end, followed by its flow as it is in memory. */
struct box_session {
    uint32_t size;
    uint16_t kind, leaf;
    uint32_t reason, answered;
    uint64_t first, last, sequence;
};

static inline void box_log_session(struct mcc_box *box, uint16_t kind, uint16_t leaf, const struct mcc_flow_cold *cold,
                                   bool answered, const void *flow, uint32_t size, enum mcc_end reason)
{
#ifdef MCC_SESSIONS
    uint32_t padded = (size + 7) & ~7u;
    uint8_t *at = mcc_log_take(&box->core.sessions, sizeof(struct box_session) + padded);
    if (!at)
        return;
    struct box_session s = {padded, kind, leaf, reason, answered, cold->first, cold->last, mcc_flow_sequence(&box->core, cold)};
    memcpy(at, &s, sizeof s);
    memcpy(at + sizeof s, flow, size);
#else
    (void)box, (void)kind, (void)leaf, (void)cold, (void)answered, (void)flow, (void)size, (void)reason;
#endif
}

/* ---------------------------------------------------------------- flows by l4.dport, proto */

struct flow0_key {
    uint32_t word[1]; /* l4.dport proto */
};

struct leaf1_fcb { /* lan: PortStats >> wan */
    struct mcc_fcb h;
    struct Count PortStats;
};
_Static_assert(offsetof(struct leaf1_fcb, PortStats) == sizeof(struct mcc_fcb) + 0, "one offset an element");

struct flow0 {
    struct {
        struct flow0_key key;
        union {
            struct mcc_fcb h;
            struct leaf1_fcb leaf1;
        } fcb;
    } dir[1];
};

static inline struct flow0 *flow0_at(const struct mcc_box *box, uint32_t id)
{
    enum { STRIDE = (sizeof(struct flow0) + MCC_LINE - 1) / MCC_LINE * MCC_LINE }; /* as mcc_pool.c has it */
    return (struct flow0 *)(void *)(box->flow0.pool.base + (size_t)(id >> 1) * STRIDE);
}

static inline struct flow0_key flow0_key(const struct mcc_packet *p, uint32_t walk)
{
    (void)walk;
    return (struct flow0_key){.word = {
        (uint32_t)mcc_be16(p->data + p->l4 + 2) << 16 | (uint32_t)p->proto << 8,
    }};
}

static inline uint64_t flow0_hash(const struct mcc_box *box, const struct flow0_key *key)
{
    return mcc_hash(key->word, 1, box->flow0.table.seed);
}

/* Whether direction `id` is in use under this key. */
static inline bool flow0_is(const struct mcc_box *box, uint32_t id, const struct flow0_key *key)
{
    const struct flow0 *flow = flow0_at(box, id);
    const struct flow0_key *mine = &flow->dir[id & 1].key;
    return mine->word[0] == key->word[0] && flow->dir[id & 1].fcb.h.walk != 0;
}

static inline uint32_t flow0_find(const struct mcc_box *box, uint64_t hash, const struct flow0_key *key)
{
    uint32_t id;
    MCC_TABLE_FIND(&box->flow0.table, hash, id, flow0_is(box, id, key));
    return id;
}

/* The tick of the last packet of either direction. */
static uint32_t flow0_last(const struct mcc_flows *flows, uint32_t index)
{
    const struct flow0 *flow = mcc_pool_at(&flows->pool, index);
    return flow->dir[0].fcb.h.last;
}



/* ---------------------------------------------------------------- PortStats: PortStats */

static inline int PortStats_process_batch(struct mcc_box *box, struct Count *restrict s,
                                          struct mcc_packet **batch, uint32_t count)
{
    (void)box;
    /* port_stats.py:20  s.packets += len(batch) */
    s->packets += count;
    /* port_stats.py:21  s.bytes += batch.bytes */
    s->bytes += mcc_batch_bytes(batch, count);
    /* port_stats.py:22  return PASS */
    return MCC_PASS;
}

/* ---------------------------------------------------------------- walks */

static int leaf0_walk(struct mcc_box *box, struct mcc_packet *p)
{
    mcc_core_send(&box->core, p, PORT_wan);
    return MCC_PASS;
}

static int leaf1_walk(struct mcc_box *box, struct flow0 *flow, uint32_t id, bool is_new,
                      struct mcc_packet *p)
{
    (void)id, (void)is_new;
    int verdict;

    verdict = PortStats_process_batch(box, &flow->dir[0].fcb.leaf1.PortStats, &p, 1);
    if (verdict != MCC_PASS)
        return box_stop(box, p, verdict, NODE_PortStats, 0);
    mcc_core_send(&box->core, p, PORT_wan);
    return MCC_PASS;
}

static int leaf1_new(struct mcc_box *box, struct flow0 *flow, uint32_t id, struct mcc_packet *p)
{
    Count_init(&flow->dir[0].fcb.leaf1.PortStats);
    (void)box, (void)flow, (void)id, (void)p;

    return MCC_PASS;
}

static void leaf1_release(struct mcc_box *box, struct flow0 *flow, uint32_t id)
{
    (void)box, (void)flow, (void)id;
}

static void leaf1_walk_batch(struct mcc_box *box, struct flow0 *flow, uint32_t id, struct mcc_packet **batch, uint32_t n)
{
    int verdict;
    uint32_t kept;
    (void)verdict, (void)kept, (void)flow, (void)id;
    verdict = PortStats_process_batch(box, &flow->dir[0].fcb.leaf1.PortStats, batch, n);
    for (uint32_t i = 0; verdict != MCC_PASS && i < n; i++) {
        struct mcc_packet *p = batch[i];
        box_stop(box, p, verdict, NODE_PortStats, 0);
    }
    if (verdict != MCC_PASS)
        return;
    for (uint32_t i = 0; i < n; i++)
        mcc_core_send(&box->core, batch[i], PORT_wan);
}

static const int16_t leaf_kind[LEAVES] = { -1, 0, -1 };
static const __attribute__((unused)) uint16_t leaf_walk[LEAVES] = { 0, 1, 0 };

/* ---------------------------------------------------------------- flows by l4.dport, proto: from first packet to last */

/* Ends a flow: release of its elements, its record, its place in table, lists and pool. */
static void flow0_end(struct mcc_box *box, uint32_t index, enum mcc_end reason)
{
    struct mcc_flows *flows = &box->flow0;
    struct flow0 *flow = flow0_at(box, 2 * index);
    uint16_t leaf = (uint16_t)((flow->dir[0].fcb.h.walk - 1) / 2);
    uint32_t talking = box->talking;
    box_flush(box);
    box->talking = MCC_FLOW_ID(0, 2 * index) + 1;
    switch (leaf) {
    case 1:
        leaf1_release(box, flow, 2 * index);
        break;
    }
    box->talking = talking;
    bool answered = false;
    box_log_session(box, 0, leaf, &flows->cold[index], answered, flow, sizeof *flow, reason);
    mcc_table_erase(&flows->table, flow0_hash(box, &flow->dir[0].key), 2 * index);
    flow->dir[0].fcb.h.walk = 0;
    mcc_wheel_cancel(&flows->wheel, index);
    mcc_flow_remove(flows, answered ? &flows->settled : &flows->embryonic, index);
    mcc_pool_give(&flows->pool, index);
    box->core.active--;
    box->core.ended[reason]++;
}

/* Puts direction `id` into the table under its key, of this hash, which no flow has. False: no room. */
static inline bool flow0_put(struct mcc_box *box, uint32_t id, uint64_t hash, uint16_t walk)
{
    if (__builtin_expect(mcc_table_insert(&box->flow0.table, hash, id) != 0, 0))
        return false;
    flow0_at(box, id)->dir[id & 1].fcb.h.walk = walk;
    return true;
}

/* The flow that the first packet makes, whose key, of this hash, was just not found: its id, or 0 and the packet is gone. */
static __attribute__((noinline)) uint32_t flow0_create(struct mcc_box *box, const struct flow0_key *key, uint64_t hash, uint32_t leaf, struct mcc_packet *p)
{
    struct mcc_flows *flows = &box->flow0;
    uint32_t inserts = flows->table.inserts;
    if (box->core.active >= box->core.max_sessions && !box_evict(box)) {
        mcc_core_drop(&box->core, p, MCC_DROP_NO_SESSION);
        return 0;
    }
    uint32_t index = mcc_pool_take(&flows->pool), id = 2 * index;
    if (!index) {
        mcc_core_drop(&box->core, p, MCC_DROP_NO_SESSION);
        return 0;
    }
    struct flow0 *flow = flow0_at(box, id);
    struct mcc_flow_cold *cold = &flows->cold[index];
    uint32_t tick = box->core.tick;
    mcc_flow_begin(cold, box->core.sequence, p->at);
    flow->dir[0].key = *key;
    flow->dir[0].fcb.h = (struct mcc_fcb){.last = tick, .walk = (uint16_t)(1 + 2 * leaf)};
    int verdict = MCC_DROP;
    box->talking = MCC_FLOW_ID(0, id) + 1;
    switch (leaf) {
    case 1:
        cold->timeout = mcc_ticks(300);
        verdict = leaf1_new(box, flow, id, p);
        break;
    }
    if (verdict != MCC_PASS) {
        flow->dir[0].fcb.h.walk = 0;
        mcc_pool_give(&flows->pool, index);
        return 0;
    }
    mcc_flow_push(flows, &flows->embryonic, index);
    box->core.sequence++;
    box->core.created++;
    if (++box->core.active > box->core.peak)
        box->core.peak = box->core.active;
    (void)inserts;
    bool fits = flow0_put(box, id, hash, (uint16_t)(1 + 2 * leaf));
    if (!fits) {
        flow0_end(box, index, MCC_END_EVICTED);
        mcc_core_drop(&box->core, p, MCC_DROP_NO_SESSION);
        return 0;
    }
    if (cold->timeout)
        mcc_flow_arm(&box->core, flows, index, mcc_tick_add(tick, cold->timeout));
    return id;
}

/* One packet of a flow that is there. */
static inline void flow0_run(struct mcc_box *box, uint32_t id, bool is_new, struct mcc_packet *p)
{
    struct flow0 *flow = flow0_at(box, id);
    struct mcc_fcb *h = &flow->dir[id & 1].fcb.h;
    h->last = box->core.tick;
    struct mcc_count *count = &box->walk[h->walk];
    count->packets++;
    count->bytes += p->entry_len;
#ifdef MCC_SESSIONS
    h->packets++;
    h->bytes += p->entry_len;
    h->payload += mcc_payload(p);
    box->flow0.cold[id >> 1].last = box->core.now;
#endif
    box->talking = MCC_FLOW_ID(0, id) + 1;
    int verdict = MCC_PASS;
    switch (h->walk) {
    case 3:
        (void)is_new;
        box_gather(box, MCC_FLOW_ID(0, id), 3, p);
        break;
    }
    if (__builtin_expect(verdict == MCC_CLOSE || verdict == MCC_RESET, 0)) {
        if (h->walk) /* 0: evicted meanwhile, by a flow of an inner stage */
            flow0_end(box, id >> 1, MCC_END_CLOSED);
        return;
    }
}

/* Fetches the places in the table of a flow that is at hand. */
static inline void flow0_fetch(struct mcc_box *box, uint32_t index)
{
    const struct flow0 *flow = flow0_at(box, 2 * index);
    mcc_table_prefetch(&box->flow0.table, flow0_hash(box, &flow->dir[0].key));
}

/* Ends what has been silent for its timeout; whatever was heard since goes on waiting. */
static void flow0_due(struct mcc_box *box, uint32_t index)
{
    struct mcc_flows *flows = &box->flow0;
    struct mcc_flow_cold *cold = &flows->cold[index];
    uint32_t tick = mcc_tick_add(flow0_last(flows, index), cold->timeout);
    unsigned why = 0;
    if (tick > box->core.tick)
        mcc_flow_arm(&box->core, flows, index, tick);
    else
        flow0_end(box, index, why ? (enum mcc_end)(why - 1) : MCC_END_TIMEOUT);
}



/* ---------------------------------------------------------------- stage 0: ports */

static unsigned stage0_lan(const struct mcc_packet *p)
{
    if (!(p->layers & (MCC_IP | MCC_IP6)))
        return 0;
    if (p->layers & MCC_TCP)
        return 1;
    return 0;
}

static inline unsigned stage0_classify(const struct mcc_packet *p)
{
    return p->in_port == PORT_lan ? stage0_lan(p) : NO_LEAF;
}

/* What is known of a packet before its turn comes. */
struct stage0_look {
    unsigned leaf; /* NO_LEAF: not classified */
    int kind;      /* of key, -1: no session, -2: wrong checksum */
    uint32_t id; /* a flow that may be its own */
    bool is_new; /* the packet made its flow */
    bool again;  /* its leaf has another kind of key: to be looked up there */
    uint64_t hash;
    union {
        struct flow0_key flow0;
    } key;
};

static inline void stage0_key0(struct mcc_box *box, const struct mcc_packet *p, struct stage0_look *look)
{
    look->kind = 0;
    look->key.flow0 = flow0_key(p, 0);
    look->hash = flow0_hash(box, &look->key.flow0);
    mcc_table_prefetch(&box->flow0.table, look->hash);
}

/* First look: headers, and the key of the session or else the class. */
static inline void stage0_look(struct mcc_box *box, struct mcc_packet *p, struct stage0_look *look)
{
    mcc_parse(p);
    p->entry_len = p->len;
    look->leaf = NO_LEAF;
    if (__builtin_expect(box->core.checksums == MCC_CHECKSUMS_VERIFY, 0) && mcc_verify(p)) {
        look->kind = -2;
        return;
    }
    look->kind = -1;
    if ((p->layers & (MCC_TCP | MCC_UDP)) && (p->in_port == PORT_lan)) {
        stage0_key0(box, p, look);
        return;
    }
    look->leaf = stage0_classify(p);
    (void)box;
}

/* Second look: the table's answer, unverified; its flow is fetched meanwhile. */
static inline void stage0_fetch(struct mcc_box *box, const struct mcc_packet *p, struct stage0_look *look)
{
    struct mcc_table_cursor cursor;
    (void)p;
    look->id = 0;
    switch (look->kind) {
    case 0:
        cursor = mcc_table_start(&box->flow0.table, look->hash);
        look->id = mcc_table_next(&box->flow0.table, &cursor);
        if (look->id) {
            const char *flow = (const char *)flow0_at(box, look->id);
#pragma GCC unroll 4
            for (size_t at = 0; at < sizeof(struct flow0) && at < 256; at += 64)
                __builtin_prefetch(flow + at, 1);
        }
        break;
    }
}

/* A packet without a session walks. */
static void stage0_plain(struct mcc_box *box, struct mcc_packet *p, unsigned leaf)
{
    box->walk[1 + 2 * leaf].packets++;
    box->walk[1 + 2 * leaf].bytes += p->entry_len;
    box->talking = 0;
    switch (leaf) {
    case 0:
        leaf0_walk(box, p);
        break;
    default:
        mcc_core_drop(&box->core, p, MCC_DROP_UNLINKED);
    }
}

/* The packet's leaf is known now and is not of the kind that was looked up: it walks, or is to be looked up again. */
static __attribute__((noinline)) void stage0_by_leaf(struct mcc_box *box, struct mcc_packet *p, struct stage0_look *look)
{
    switch (leaf_kind[look->leaf]) {
    case 0:
        stage0_key0(box, p, look);
        look->id = 0;
        look->again = true;
        break;
    default:
        stage0_plain(box, p, look->leaf);
    }
}

/* Not where it was looked for: another place of the table, a new flow, or another leaf. 0: the packet has had its turn,
 * or is to be looked up again. */
static __attribute__((noinline)) uint32_t stage0_miss0(struct mcc_box *box, struct mcc_packet *p, struct stage0_look *look)
{
    const struct flow0_key *key = &look->key.flow0;
    uint32_t id = flow0_find(box, look->hash, key);
    if (id == 0) {
        if (look->leaf == NO_LEAF)
            look->leaf = stage0_classify(p);
        if (leaf_kind[look->leaf] != 0) {
            stage0_by_leaf(box, p, look);
            return 0;
        }
        box->talking = 0; /* the flow of the packet before may be evicted */
        id = flow0_create(box, key, look->hash, look->leaf, p);
        look->is_new = id != 0;
    }
    return id;
}

static inline void stage0_flow0(struct mcc_box *box, struct mcc_packet *p, struct stage0_look *look)
{
    uint32_t id = look->id;
    look->is_new = look->again = false;
    if (__builtin_expect(id == 0 || !flow0_is(box, id, &look->key.flow0), 0)) {
        id = stage0_miss0(box, p, look);
        if (id == 0)
            return;
    }
    flow0_run(box, id, look->is_new, p);
}

/* The packet's turn. */
static inline void stage0_go(struct mcc_box *box, struct mcc_packet *p, struct stage0_look *look)
{
again:
    switch (look->kind) {
    case 0:
        stage0_flow0(box, p, look);
        if (__builtin_expect(look->again, 0))
            goto again;
        break;
    case -2:
        mcc_core_drop(&box->core, p, MCC_DROP_CHECKSUM);
        break;
    default:
        stage0_plain(box, p, look->leaf);
    }
}

/* ---------------------------------------------------------------- services */

static void mcc_flow_reply_key(struct mcc_box *box, struct mcc_flow flow, unsigned said, uint32_t src, uint16_t sport,
                               uint32_t dst, uint16_t dport)
{
    uint32_t id = flow.id & MCC_FLOW_MASK;
    (void)box, (void)id, (void)said, (void)src, (void)sport, (void)dst, (void)dport;
    switch (flow.id >> MCC_KIND_SHIFT) {
    }
}

static void mcc_flow_set_timeout(struct mcc_box *box, struct mcc_flow flow, uint64_t seconds)
{
    uint32_t index = (flow.id & MCC_FLOW_MASK) >> 1;
    uint32_t ticks = mcc_ticks((double)seconds);
    (void)box, (void)index, (void)ticks;
    switch (flow.id >> MCC_KIND_SHIFT) {
    case 0:
        box->flow0.cold[index].timeout = ticks;
        if (flow.is_new && !mcc_wheel_is_armed(&box->flow0.wheel, index))
            break; /* its creation arms the timer */
        if (ticks)
            mcc_flow_arm(&box->core, &box->flow0, index, mcc_tick_add(box->core.tick, ticks));
        else
            mcc_wheel_cancel(&box->flow0.wheel, index);
        break;
    }
}

struct box_alert {
    uint32_t size, node, id, flow; /* flow: 1 + kind and id; 0: none */
    uint64_t at;
    uint64_t offset; /* of the stream, what was read; UINT64_MAX: no stream */
    const char *text;
    uint32_t key[12];
};

static void mcc_box_alert(struct mcc_box *box, uint32_t node, uint32_t id, const char *text,
                          const struct mcc_packet *p)
{
    (void)p;
    uint8_t *at = mcc_log_take(&box->core.alerts, sizeof(struct box_alert));
    if (!at)
        return;
    struct box_alert a = {sizeof a, node, id, box->talking, box->core.now, UINT64_MAX, text, {0}};
    uint32_t flow = box->talking - 1;
    switch (box->talking ? flow >> MCC_KIND_SHIFT : UINT32_MAX) {
    case 0:
        memcpy(a.key, flow0_at(box, flow & MCC_FLOW_MASK)->dir[0].key.word, sizeof(struct flow0_key));
        break;
    }
    memcpy(at, &a, sizeof a);
}

/* A made packet goes on at an output of its maker. */
static void box_emit(struct mcc_box *box, uint32_t node, uint32_t port, struct mcc_packet *p)
{
    uint32_t way = box->way;
    box->core.made++;
    if (!p) {
        box->core.drops[MCC_DROP_NO_BUFFER]++;
        return;
    }
    switch (node << 9 | port << 1 | box->way) {
    default:
        mcc_core_drop(&box->core, p, MCC_DROP_UNLINKED);
    }
    box->way = way;
}

static void mcc_box_emit_copy(struct mcc_box *box, uint32_t node, uint32_t port, const struct mcc_packet *p)
{
    box_emit(box, node, port, mcc_buffer_copy(box->core.buffers, p));
}

static void mcc_box_emit_arp(struct mcc_box *box, uint32_t node, uint32_t port, uint32_t spa, uint64_t sha, uint32_t tpa)
{
    struct mcc_packet *p = mcc_buffer_get(box->core.buffers, MCC_ARP_FRAME_BYTES);
    if (p) {
        mcc_make_arp_request(p, spa, sha, tpa);
        p->at = box->core.now;
    }
    box_emit(box, node, port, p);
}

static int mcc_box_park(struct mcc_box *box, uint32_t node, struct mcc_map *map, uint64_t key, struct mcc_packet *p)
{
    p->cookie = box->way;
    struct mcc_packet *room = mcc_map_park(map, key, p, box->core.now);
    uint64_t due = mcc_map_park_deadline(map);
    if (due < box->core.due)
        box->core.due = due;
    if (room == p)
        return MCC_DROP;
    box->core.held++;
    if (room) {
        box->core.held--;
        mcc_core_drop(&box->core, room, MCC_REASONS + NODE_REASONS * node + DROPPED_BY);
    }
    return MCC_PARKED;
}

/* Ends one flow to make room: the oldest embryonic one of any kind, else one that is idle for long. */
static bool box_evict(struct mcc_box *box)
{
    int kind = -1;
    uint64_t oldest = UINT64_MAX;
    uint32_t victim = 0;
    (void)box;
    {
        struct mcc_flows *flows = &box->flow0;
        uint32_t index = mcc_flow_victim(flows, flow0_last);
        if (index) {
            bool young = flows->embryonic.head == index;
            uint64_t age = young ? mcc_flow_sequence(&box->core, &flows->cold[index]) : (1ull << 63) + flow0_last(flows, index);
            bool talks = box->talking && (box->talking - 1) >> 1 == (MCC_FLOW_ID(0, 2 * index) >> 1);
            if (age < oldest && !talks) {
                kind = 0;
                oldest = age;
                victim = index;
            }
        }
    }
    switch (kind) {
    case 0:
        flow0_end(box, victim, MCC_END_EVICTED);
        return true;
    }
    (void)oldest, (void)victim;
    return false;
}

/* ---------------------------------------------------------------- time */

enum { ENDING_AHEAD = 8, KEYS_AHEAD = 4 };

/* Fetches what the end of the i-th of n flows needs, a few flows ahead: first itself, then its places in the table. */
static inline void box_fetch_ending(struct mcc_box *box, uint32_t i, uint32_t n)
{
    (void)box;
    if (i + ENDING_AHEAD < n)
        switch (box->ending[i + ENDING_AHEAD].kind) {
        case 0:
            mcc_flow_fetch(&box->flow0, box->ending[i + ENDING_AHEAD].index);
            break;
        }
    if (i + KEYS_AHEAD < n)
        switch (box->ending[i + KEYS_AHEAD].kind) {
        case 0:
            flow0_fetch(box, box->ending[i + KEYS_AHEAD].index);
            break;
        }
}

static int box_older(const void *a, const void *b)
{
    uint64_t x = ((const struct box_ending *)a)->sequence, y = ((const struct box_ending *)b)->sequence;
    return x < y ? -1 : x > y;
}

/* The flow created first comes first; mostly they do already. */
static void box_sort_ending(struct mcc_box *box, uint32_t n)
{
    for (uint32_t i = 1; i < n; i++)
        if (box->ending[i].sequence < box->ending[i - 1].sequence) {
            qsort(box->ending, n, sizeof *box->ending, box_older);
            return;
        }
}

/* Flows whose timers came up, the one created first at the head. */
static void box_flow_timers(struct mcc_box *box)
{
    uint32_t n = 0, came;
    (void)came;
    came = mcc_wheel_advance(&box->flow0.wheel, box->core.tick, box->came, box->core.max_sessions);
    for (uint32_t i = 0; i < came; i++)
        box->ending[n++] = (struct box_ending){mcc_flow_sequence(&box->core, &box->flow0.cold[box->came[i]]), 0, box->came[i]};
    box_sort_ending(box, n);
    for (uint32_t i = 0; i < n; i++) {
        box_fetch_ending(box, i, n);
        switch (box->ending[i].kind) {
        case 0:
            flow0_due(box, box->ending[i].index);
            break;
        }
    }
}

/* Ends all flows, the one created first at the head. */
static void box_end_all(struct mcc_box *box)
{
    uint32_t n = 0;
    {
        struct mcc_flows *flows = &box->flow0;
        for (uint32_t i = flows->embryonic.head; i; i = flows->cold[i].links.next)
            box->ending[n++] = (struct box_ending){mcc_flow_sequence(&box->core, &flows->cold[i]), 0, i};
        for (uint32_t i = flows->settled.head; i; i = flows->cold[i].links.next)
            box->ending[n++] = (struct box_ending){mcc_flow_sequence(&box->core, &flows->cold[i]), 0, i};
    }
    box_sort_ending(box, n);
    for (uint32_t i = 0; i < n; i++) {
        box_fetch_ending(box, i, n);
        switch (box->ending[i].kind) {
        case 0:
            flow0_end(box, box->ending[i].index, MCC_END_RUN);
            break;
        }
    }
}

/* When something may be due next. */
static uint64_t box_next_due(struct mcc_box *box)
{
    uint64_t due = box->core.rebase, at;
    uint32_t tick;
    (void)tick, (void)at;
    tick = mcc_wheel_next(&box->flow0.wheel);
    at = tick == UINT32_MAX ? UINT64_MAX : box->core.start + ((uint64_t)tick << MCC_TICK_SHIFT);
    due = at < due ? at : due;
    for (uint32_t i = 0; i < NODES; i++)
        due = box->next_timer[i] < due ? box->next_timer[i] : due;
    return due;
}

/* Ticks are 32 bits, two years: where no timer is armed, they are counted from now on. */
static void box_rebase(struct mcc_box *box)
{
    struct mcc_core *core = &box->core;
    uint32_t armed = 0;
    armed += box->flow0.wheel.armed;
    if (armed == 0) {
        core->start += (uint64_t)core->tick << MCC_TICK_SHIFT;
        core->tick = 0;
        mcc_wheel_restart(&box->flow0.wheel, 0);
    }
    core->rebase = core->now < UINT64_MAX - MCC_EPOCH ? core->now + (armed ? MCC_EPOCH / 64 : MCC_EPOCH) : UINT64_MAX;
}

/* Runs what is due up to and including `to`, in order of time. */
static __attribute__((noinline)) void box_timers(struct mcc_box *box, uint64_t to)
{
    struct mcc_packet *p;
    (void)p;
    for (;;) {
        uint64_t due = box_next_due(box);
        box->core.due = due;
        if (due > to || due == UINT64_MAX)
            return;
        mcc_core_clock(&box->core, due);
        box->talking = 0;
        if (box->core.rebase <= box->core.now)
            box_rebase(box);
        box_flow_timers(box);
    }
}

static void box_run_batch(struct mcc_box *box, uint32_t flow, uint32_t walk, struct mcc_packet **batch, uint32_t n)
{
    uint32_t id = flow & MCC_FLOW_MASK;
    switch (walk) {
    case 3:
        leaf1_walk_batch(box, flow0_at(box, id), id, batch, n);
        break;
    }
}

/* Batches have changed the order between sessions: what leaves goes in the order of arrival. */
static void box_sort_out(struct mcc_box *box, uint32_t from)
{
    struct mcc_packet **out = box->core.out;
    for (uint32_t i = from + 1; i < box->core.out_count; i++) {
        struct mcc_packet *p = out[i];
        uint32_t k = i;
        for (; k > from && out[k - 1]->order > p->order; k--)
            out[k] = out[k - 1];
        out[k] = p;
    }
}

/* ---------------------------------------------------------------- entry points */

/* ---------------------------------------------------------------- cores */

#define BOX_LAYERS (MCC_ARP | MCC_IP | MCC_IP6 | MCC_TCP | MCC_UDP | MCC_ICMP | MCC_ICMP6)

/* by ip.src, ip.dst, in either direction */
static inline uint32_t box_spread0(const struct mcc_packet *p, uint64_t seed)
{
    const uint32_t a[] = {mcc_be32(p->data + p->l3 + 16)};
    const uint32_t b[] = {mcc_be32(p->data + p->l3 + 12)};
    return mcc_steer_two(a, b, 1, seed);
}

/* by l4.dport */
static inline uint32_t box_spread1(const struct mcc_packet *p, uint64_t seed)
{
    const uint32_t key[] = {mcc_be16(p->data + p->l4 + 2)};
    return mcc_steer_one(key, 1, seed);
}

/* by ip.src, ip.dst, l4.sport, l4.dport, in either direction */
static inline uint32_t box_spread2(const struct mcc_packet *p, uint64_t seed)
{
    const uint32_t a[] = {mcc_be32(p->data + p->l3 + 16), mcc_be16(p->data + p->l4 + 2)};
    const uint32_t b[] = {mcc_be32(p->data + p->l3 + 12), mcc_be16(p->data + p->l4)};
    return mcc_steer_two(a, b, 2, seed);
}

/* by ip6.src, ip6.dst, in either direction */
static inline uint32_t box_spread3(const struct mcc_packet *p, uint64_t seed)
{
    const uint32_t a[] = {mcc_be32(p->data + p->l3 + 24), mcc_be32(p->data + p->l3 + 28), mcc_be32(p->data + p->l3 + 32), mcc_be32(p->data + p->l3 + 36)};
    const uint32_t b[] = {mcc_be32(p->data + p->l3 + 8), mcc_be32(p->data + p->l3 + 12), mcc_be32(p->data + p->l3 + 16), mcc_be32(p->data + p->l3 + 20)};
    return mcc_steer_two(a, b, 4, seed);
}

/* by ip6.src, ip6.dst, l4.sport, l4.dport, in either direction */
static inline uint32_t box_spread4(const struct mcc_packet *p, uint64_t seed)
{
    const uint32_t a[] = {mcc_be32(p->data + p->l3 + 24), mcc_be32(p->data + p->l3 + 28), mcc_be32(p->data + p->l3 + 32), mcc_be32(p->data + p->l3 + 36), mcc_be16(p->data + p->l4 + 2)};
    const uint32_t b[] = {mcc_be32(p->data + p->l3 + 8), mcc_be32(p->data + p->l3 + 12), mcc_be32(p->data + p->l3 + 16), mcc_be32(p->data + p->l3 + 20), mcc_be16(p->data + p->l4)};
    return mcc_steer_two(a, b, 5, seed);
}

static uint32_t box_owner(const struct mcc_packet *p, uint32_t cores, uint64_t seed, uint32_t *spread)
{
    (void)seed;
    switch (p->in_port) {
    case PORT_lan:
        switch (p->layers & BOX_LAYERS) {
        case MCC_IP:
            *spread = box_spread0(p, seed);
            break;
        case MCC_IP | MCC_TCP:
            *spread = box_spread1(p, seed);
            break;
        case MCC_IP | MCC_UDP:
            *spread = box_spread2(p, seed);
            break;
        case MCC_IP | MCC_ICMP:
            *spread = box_spread0(p, seed);
            break;
        case MCC_IP6:
            *spread = box_spread3(p, seed);
            break;
        case MCC_IP6 | MCC_TCP:
            *spread = box_spread1(p, seed);
            break;
        case MCC_IP6 | MCC_UDP:
            *spread = box_spread4(p, seed);
            break;
        case MCC_IP6 | MCC_ICMP6:
            *spread = box_spread3(p, seed);
            break;
        }
        break;
    }
    return *spread ? mcc_steer_core(*spread, cores) : 0;
}

uint32_t mcc_box_owner(const struct mcc_box *box, const struct mcc_packet *p, uint32_t *spread)
{
    *spread = 0;
    return box_owner(p, box->core.cores, box->core.steer_seed, spread);
}

uint32_t mcc_box_owner_of(const struct mcc_box *box, uint8_t port, uint8_t link, const uint8_t *data, uint32_t len,
                          uint32_t *spread)
{
    struct mcc_packet p = {.len = len, .in_port = port, .link = link};
    memcpy(&p.data, &data, sizeof p.data); /* parsing only reads */
    mcc_parse(&p);
    return mcc_box_owner(box, &p, spread);
}

/* ---------------------------------------------------------------- bursts */

enum { FETCH_AHEAD = 12 };

/* A burst of packets in order of arrival. Memory is fetched while other packets are looked at: their data and places in
 * the table for all at once, their flows some packets ahead. */
static void box_burst(struct mcc_box *box, struct mcc_packet **packets, uint32_t n)
{
    struct stage0_look look[MCC_BURST];
    uint32_t from = box->core.out_count;
    for (uint32_t i = 0; i < n; i++)
        __builtin_prefetch(packets[i]->data);
    for (uint32_t i = 0; i < n; i++)
        stage0_look(box, packets[i], &look[i]);
    for (uint32_t i = 0; i < n && i < FETCH_AHEAD; i++)
        stage0_fetch(box, packets[i], &look[i]);
    for (uint32_t i = 0; i < n; i++) {
        if (i + FETCH_AHEAD < n)
            stage0_fetch(box, packets[i + FETCH_AHEAD], &look[i + FETCH_AHEAD]);
        uint64_t at = packets[i]->at;
        if (__builtin_expect(at >= box->core.due, 0)) {
            box_flush(box);
            box_timers(box, at);
        }
        mcc_core_clock(&box->core, at);
        packets[i]->order = i;
        stage0_go(box, packets[i], &look[i]);
    }
    box_flush(box);
    box_sort_out(box, from);
}

struct mcc_box *mcc_box_open(const struct mcc_config *config)
{
    struct mcc_box *box = calloc(1, sizeof *box);
    if (!box)
        return NULL;
    int failed = mcc_core_init(&box->core, config);
    if (failed) {
        free(box);
        return NULL;
    }
    box->core.drops = box->drops;
    box->came = mcc_mem_map(((size_t)config->max_sessions + 1) * sizeof *box->came);
    box->ending = mcc_mem_map(((size_t)config->max_sessions + 1) * sizeof *box->ending);
    failed |= !box->came || !box->ending;
    for (uint32_t i = 0; i < NODES; i++)
        box->next_timer[i] = UINT64_MAX;
    failed |= mcc_flows_init(&box->flow0, config->max_sessions, sizeof(struct flow0), config->seed + 0);
    box->core.due = box_next_due(box);
    if (failed) {
        mcc_box_close(box);
        return NULL;
    }
    return box;
}

void mcc_box_close(struct mcc_box *box)
{
    if (!box)
        return;
    mcc_flows_free(&box->flow0);
    mcc_mem_unmap(box->came, ((size_t)box->core.max_sessions + 1) * sizeof *box->came);
    mcc_mem_unmap(box->ending, ((size_t)box->core.max_sessions + 1) * sizeof *box->ending);
    mcc_core_free(&box->core);
    free(box);
}

struct mcc_core *mcc_box_core(struct mcc_box *box) { return &box->core; }

/* A frame arrives; it is handled with its burst, at the latest by mcc_box_flush. */
void mcc_box_receive(struct mcc_box *box, uint8_t port, uint8_t link, const uint8_t *data, uint32_t len,
                     uint32_t wire_len, uint64_t at)
{
    struct mcc_packet *p = mcc_core_receive(&box->core, data, len, wire_len, at, port, link);
    if (!p)
        return;
    box->packets[box->pending++] = p;
    if (box->pending == MCC_BURST)
        mcc_box_flush(box);
}

void mcc_box_flush(struct mcc_box *box)
{
    uint32_t n = box->pending;
    box->pending = 0;
    if (n)
        box_burst(box, box->packets, n);
}

/* Handles `n` packets that the caller has made of buffers of its own (MCC_BURST at most a call). */
void mcc_box_burst(struct mcc_box *box, struct mcc_packet **packets, uint32_t n)
{
    box_burst(box, packets, n);
}

/* Time passes: what is due up to `to` happens. */
void mcc_box_advance(struct mcc_box *box, uint64_t to)
{
    mcc_box_flush(box);
    box_timers(box, to);
    mcc_core_clock(&box->core, to);
}

/* The end of the run: timers run out in order until no session waits for one, then the rest ends. */
void mcc_box_finish(struct mcc_box *box, bool run_out)
{
    mcc_box_flush(box);
    if (run_out) {
        for (;;) {
            uint64_t due = UINT64_MAX, at;
            uint32_t tick;
            (void)tick, (void)at;
            tick = mcc_wheel_next(&box->flow0.wheel);
            at = tick == UINT32_MAX ? UINT64_MAX : box->core.start + ((uint64_t)tick << MCC_TICK_SHIFT);
            due = at < due ? at : due;
            if (due == UINT64_MAX || box->core.out_count > MCC_OUT_MAX / 2)
                break;
            box_timers(box, due);
        }
    }
    box_end_all(box);
}

/* The packets that wait for their ports; mcc_box_sent gives their buffers back. */
uint32_t mcc_box_out(struct mcc_box *box, struct mcc_packet ***packets)
{
    *packets = box->core.out;
    return box->core.out_count;
}

void mcc_box_sent(struct mcc_box *box)
{
    for (uint32_t i = 0; i < box->core.out_count; i++)
        mcc_buffer_put(box->core.buffers, box->core.out[i]);
    box->core.out_count = 0;
}

/* Packets that the box has now: parked ones, those of the burst, those that wait for their ports. */
uint32_t mcc_box_buffers(const struct mcc_box *box) { return mcc_buffers_used(box->core.buffers); }

const struct mcc_count *mcc_box_walks(const struct mcc_box *box, uint32_t *n)
{
    *n = WALKS;
    return box->walk;
}

const struct mcc_count *mcc_box_sites(const struct mcc_box *box, uint32_t *n)
{
    *n = SITES;
    return box->site;
}

const uint64_t *mcc_box_drops(const struct mcc_box *box, uint32_t *n)
{
    *n = REASONS;
    return box->drops;
}

const struct mcc_tcp_counts *mcc_box_contexts(const struct mcc_box *box)
{
    (void)box;
    return NULL;
}

const uint64_t *mcc_box_faults(const struct mcc_box *box) { return box->faults; }

/* Where things are in a flow of each kind: size, FCB of direction 0 and 1, conn. */
const struct mcc_flow_layout mcc_box_layout[] = {
    {sizeof(struct flow0), offsetof(struct flow0, dir[0].fcb), 0, 0, sizeof(struct mcc_fcb)},
    {0},
};

/* A counter, per-core value or parameter of an element by its number; NULL: there is none. */
void *mcc_box_value(struct mcc_box *box, uint32_t number)
{
    switch (number) {
    }
    (void)box;
    return NULL;
}

static uint32_t box_owner_of(const void *box, const struct mcc_packet *p, uint32_t *spread) { return mcc_box_owner(box, p, spread); }
static void box_replay_burst(void *box, struct mcc_packet **packets, uint32_t n) { box_burst(box, packets, n); }
static void box_loop_advance(void *box, uint64_t to) { mcc_box_advance(box, to); }
static void box_replay_finish(void *box) { mcc_box_finish(box, true); }

/* What the run loop of captures (mcc_replay.h) calls. */
void mcc_box_replay_ops(struct mcc_replay_ops *ops)
{
    *ops = (struct mcc_replay_ops){.burst = box_replay_burst, .advance = box_loop_advance, .finish = box_replay_finish, .owner = box_owner_of};
}

static void box_loop_finish(void *box) { mcc_box_finish(box, false); }

/* What the run loop of live ports (mcc_io_loop.h) calls. */
void mcc_box_loop_ops(struct mcc_loop_ops *ops)
{
    *ops = (struct mcc_loop_ops){.burst = box_replay_burst, .advance = box_loop_advance, .finish = box_loop_finish, .owner = box_owner_of};
}
