/* packet_counter: compiled by mcc 0.1.0 from packet_counter.py.
 *
 *
 * cc -O2 -I<runtime_c> -c this file
 */
#include "mcc_runtime.h"

#define MCC_FLOW_ID(kind, id) ((uint32_t)(kind) << MCC_KIND_SHIFT | (id))

enum { NO_LEAF = 1, LEAVES, WALKS = 1 + 2 * LEAVES, SITES = 1, REASONS = MCC_REASONS + 4 };

enum port { PORT_lan, PORT_wan, PORTS };

enum node { NODE_PacketCounter, NODES };

struct mcc_box;

/* ---------------------------------------------------------------- session state, as declared */

struct PacketCounter_state { /* PacketCounter */
    uint64_t tcp;
    uint64_t udp;
    uint64_t others;
};

struct box_ending { /* a flow that may end now */
    uint64_t sequence;
    uint32_t kind, index;
};

struct mcc_box {
    struct mcc_core core;
    uint32_t way;     /* of a duplex, in which the handler that may emit works */
    uint32_t talking; /* 1 + the flow whose packet is being handled */
    uint32_t pending;
    struct mcc_packet *packets[MCC_BURST];
    struct PacketCounter_state PacketCounter;
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

static inline void box_flush(struct mcc_box *box) { (void)box; }

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

/* ---------------------------------------------------------------- PacketCounter: PacketCounter */

static inline int PacketCounter_process_packet(struct mcc_box *box, struct mcc_packet *pkt)
{
    /* packet_counter.py:23  if pkt.is_tcp: */
    if ((pkt->layers & MCC_TCP) != 0) {
        /* packet_counter.py:24  self.tcp += 1 */
        box->PacketCounter.tcp++;
    } else if ((pkt->layers & MCC_UDP) != 0) {
        /* packet_counter.py:25  elif pkt.is_udp: */
        /* packet_counter.py:26  self.udp += 1 */
        box->PacketCounter.udp++;
    } else {
        /* packet_counter.py:28  self.others += 1 */
        box->PacketCounter.others++;
    }
    /* packet_counter.py:29  return PASS */
    return MCC_PASS;
}

/* ---------------------------------------------------------------- walks */

static int leaf0_walk(struct mcc_box *box, struct mcc_packet *p)
{
    int verdict;

    verdict = PacketCounter_process_packet(box, p);
    if (verdict != MCC_PASS)
        return box_stop(box, p, verdict, NODE_PacketCounter, 0);
    mcc_core_send(&box->core, p, PORT_wan);
    return MCC_PASS;
}

static const int16_t leaf_kind[LEAVES] = { -1, -1 };
static const __attribute__((unused)) uint16_t leaf_walk[LEAVES] = { 0, 0 };

/* ---------------------------------------------------------------- stage 0: ports */

static unsigned stage0_lan(const struct mcc_packet *p)
{
    (void)p;
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
};

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
    look->leaf = stage0_classify(p);
    (void)box;
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

/* The packet's turn. */
static inline void stage0_go(struct mcc_box *box, struct mcc_packet *p, struct stage0_look *look)
{
    switch (look->kind) {
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
    switch (kind) {
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
        }
    if (i + KEYS_AHEAD < n)
        switch (box->ending[i + KEYS_AHEAD].kind) {
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
    box_sort_ending(box, n);
    for (uint32_t i = 0; i < n; i++) {
        box_fetch_ending(box, i, n);
        switch (box->ending[i].kind) {
        }
    }
}

/* Ends all flows, the one created first at the head. */
static void box_end_all(struct mcc_box *box)
{
    uint32_t n = 0;
    box_sort_ending(box, n);
    for (uint32_t i = 0; i < n; i++) {
        box_fetch_ending(box, i, n);
        switch (box->ending[i].kind) {
        }
    }
}

/* When something may be due next. */
static uint64_t box_next_due(struct mcc_box *box)
{
    uint64_t due = box->core.rebase, at;
    uint32_t tick;
    (void)tick, (void)at;
    for (uint32_t i = 0; i < NODES; i++)
        due = box->next_timer[i] < due ? box->next_timer[i] : due;
    return due;
}

/* Ticks are 32 bits, two years: where no timer is armed, they are counted from now on. */
static void box_rebase(struct mcc_box *box)
{
    struct mcc_core *core = &box->core;
    uint32_t armed = 0;
    if (armed == 0) {
        core->start += (uint64_t)core->tick << MCC_TICK_SHIFT;
        core->tick = 0;
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

/* by ip.src, ip.dst, l4.sport, l4.dport, in either direction */
static inline uint32_t box_spread1(const struct mcc_packet *p, uint64_t seed)
{
    const uint32_t a[] = {mcc_be32(p->data + p->l3 + 16), mcc_be16(p->data + p->l4 + 2)};
    const uint32_t b[] = {mcc_be32(p->data + p->l3 + 12), mcc_be16(p->data + p->l4)};
    return mcc_steer_two(a, b, 2, seed);
}

/* by ip6.src, ip6.dst, in either direction */
static inline uint32_t box_spread2(const struct mcc_packet *p, uint64_t seed)
{
    const uint32_t a[] = {mcc_be32(p->data + p->l3 + 24), mcc_be32(p->data + p->l3 + 28), mcc_be32(p->data + p->l3 + 32), mcc_be32(p->data + p->l3 + 36)};
    const uint32_t b[] = {mcc_be32(p->data + p->l3 + 8), mcc_be32(p->data + p->l3 + 12), mcc_be32(p->data + p->l3 + 16), mcc_be32(p->data + p->l3 + 20)};
    return mcc_steer_two(a, b, 4, seed);
}

/* by ip6.src, ip6.dst, l4.sport, l4.dport, in either direction */
static inline uint32_t box_spread3(const struct mcc_packet *p, uint64_t seed)
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
            *spread = box_spread1(p, seed);
            break;
        case MCC_IP | MCC_ICMP:
            *spread = box_spread0(p, seed);
            break;
        case MCC_IP6:
            *spread = box_spread2(p, seed);
            break;
        case MCC_IP6 | MCC_TCP:
            *spread = box_spread3(p, seed);
            break;
        case MCC_IP6 | MCC_UDP:
            *spread = box_spread3(p, seed);
            break;
        case MCC_IP6 | MCC_ICMP6:
            *spread = box_spread2(p, seed);
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

/* A burst of packets in order of arrival. Memory is fetched while other packets are looked at. */
static void box_burst(struct mcc_box *box, struct mcc_packet **packets, uint32_t n)
{
    struct stage0_look look[MCC_BURST];
    for (uint32_t i = 0; i < n; i++)
        __builtin_prefetch(packets[i]->data);
    for (uint32_t i = 0; i < n; i++)
        stage0_look(box, packets[i], &look[i]);
    for (uint32_t i = 0; i < n; i++) {
        uint64_t at = packets[i]->at;
        if (__builtin_expect(at >= box->core.due, 0)) {
            box_flush(box);
            box_timers(box, at);
        }
        mcc_core_clock(&box->core, at);
        stage0_go(box, packets[i], &look[i]);
    }
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
    {0},
};

/* A counter, per-core value or parameter of an element by its number; NULL: there is none. */
void *mcc_box_value(struct mcc_box *box, uint32_t number)
{
    switch (number) {
    case 0:
        return &box->PacketCounter.tcp;
    case 1:
        return &box->PacketCounter.udp;
    case 2:
        return &box->PacketCounter.others;
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
