/* Flows of one kind of key: table, pool, timers, lists; and what is known of a flow beside its FCBs.
 *
 *   hot, in the pool:   | dir 0: key, FCB | dir 1: key, FCB | conn |      printed by the module
 *   cold, by index:     | timer | links | what creation, FIN and the end of the flow need |     one cache line
 *
 * A flow has an index (1 ..); its two directions have the ids 2 * index and 2 * index + 1 in the table. A direction is
 * in use when its FCB's `walk` is not 0. Every flow in use is in exactly one of the lists `embryonic` (nothing seen
 * from the server yet) and `settled`, and its timer is armed if it has a timeout.
 */
#ifndef MCC_FLOW_H
#define MCC_FLOW_H

#include "mcc_core.h"
#include "mcc_hash.h"
#include "mcc_header.h"
#include "mcc_list.h"
#include "mcc_mem.h"
#include "mcc_pool.h"
#include "mcc_table.h"
#include "mcc_wheel.h"

enum { MCC_KIND_SHIFT = 25, MCC_FLOW_MASK = (1 << 25) - 1, MCC_MAX_SESSIONS = (1 << 24) - 1 };

struct mcc_fcb {      /* the head of a flow control block: one direction */
    uint32_t last;    /* tick of its last packet */
    uint16_t walk;    /* 1 + 2 * leaf + direction; 0: not in use */
    uint8_t closing;  /* a FIN was seen, in either direction */
    uint8_t answered; /* of direction 1: a packet of it was seen; a copy of the cold one */
#ifdef MCC_SESSIONS
    uint64_t packets, bytes, payload;
#endif
};

struct mcc_flow_cold {
    struct mcc_timer timer;
    struct mcc_link_ids links; /* in `embryonic` or `settled` */
    uint64_t sequence;         /* number of its creation */
    uint64_t hash[2];          /* of both keys */
    uint32_t timeout;          /* ticks, 0: none */
    union {
        uint32_t fin[2]; /* sequence number behind each direction's FIN */
        uint32_t refs;   /* of a group: flows that share it */
    };
    uint8_t keyed;    /* bit d: direction d is in the table */
    uint8_t fins;     /* bit d: direction d sent a FIN; bit 2 + d: it was acknowledged */
    uint8_t answered; /* a packet from the server was seen: the flow is settled */
    uint8_t reason;   /* enum mcc_end that a timeout means */
#ifdef MCC_SESSIONS
    uint64_t first, last; /* ns */
#endif
} __attribute__((aligned(64)));

struct mcc_flows {
    struct mcc_table table;
    struct mcc_pool pool;
    struct mcc_wheel wheel;
    struct mcc_flow_cold *cold;
    struct mcc_list embryonic, settled;
    uint32_t capacity;
};

/* Room for `capacity` flows of `size` bytes. 0 or -errno, nothing kept. */
int mcc_flows_init(struct mcc_flows *flows, uint32_t capacity, uint32_t size, uint64_t seed);
void mcc_flows_free(struct mcc_flows *flows);

/* What a FIN, an RST or an ACK of a FIN means: MCC_END_RST, MCC_END_FIN (both ways closed and acknowledged) or -1. */
int mcc_flow_tcp_close(struct mcc_flow_cold *cold, struct mcc_fcb *mine, struct mcc_fcb *other,
                       const struct mcc_packet *p, unsigned direction);

/* The flow to give up when all are taken: the oldest embryonic one, else one idle for long. 0: there is none. */
uint32_t mcc_flow_victim(struct mcc_flows *flows,
                         uint32_t (*last)(const struct mcc_flows *, uint32_t));

/* Appends a flow to one of the lists, or takes it out of the one in which it is; see mcc_list.h. */
static inline void mcc_flow_push(struct mcc_flows *flows, struct mcc_list *list, uint32_t index)
{
    flows->cold[index].links = (struct mcc_link_ids){list->tail, 0};
    if (list->tail)
        flows->cold[list->tail].links.next = index;
    else
        list->head = index;
    list->tail = index;
    list->count++;
}

static inline void mcc_flow_remove(struct mcc_flows *flows, struct mcc_list *list, uint32_t index)
{
    struct mcc_link_ids link = flows->cold[index].links;
    if (link.prev)
        flows->cold[link.prev].links.next = link.next;
    else
        list->head = link.next;
    if (link.next)
        flows->cold[link.next].links.prev = link.prev;
    else
        list->tail = link.prev;
    list->count--;
}

/* The cold part of a new flow, in no list, not armed and under no key. `at`: ns, of its first packet. */
static inline void mcc_flow_begin(struct mcc_flow_cold *cold, uint64_t sequence, uint64_t at)
{
    (void)at;
    cold->sequence = sequence;
    cold->timeout = 0;
    cold->keyed = cold->fins = cold->answered = 0;
    cold->reason = MCC_END_TIMEOUT;
#ifdef MCC_SESSIONS
    cold->first = cold->last = at;
#endif
}

/* Fetches what the end of a flow, whose cold part is at hand, will touch. */
static inline void mcc_flow_fetch(const struct mcc_flows *flows, uint32_t index)
{
    const struct mcc_flow_cold *cold = &flows->cold[index];
    const char *hot = mcc_pool_at(&flows->pool, index);
    __builtin_prefetch(hot, 1);
    if (flows->pool.stride > MCC_LINE)
        __builtin_prefetch(hot + MCC_LINE, 1);
    __builtin_prefetch(&flows->table.bucket[(uint32_t)cold->hash[0] & flows->table.mask], 1);
    if (cold->keyed & 2)
        __builtin_prefetch(&flows->table.bucket[(uint32_t)cold->hash[1] & flows->table.mask], 1);
}

/* Seconds in ticks, rounded up. */
static inline uint32_t mcc_ticks(double seconds)
{
    double ticks = seconds * 1e9 / (double)(1 << MCC_TICK_SHIFT);
    uint64_t whole = ticks < 4e9 ? (uint64_t)ticks : 4000000000u;
    return (uint32_t)(whole + ((double)whole < ticks));
}

/* The tick `wait` ticks behind `tick`, saturating below "never". */
static inline uint32_t mcc_tick_add(uint32_t tick, uint32_t wait)
{
    return wait > UINT32_MAX - 1 - tick ? UINT32_MAX - 1 : tick + wait;
}

/* Arms the timer of a flow at `tick`, and lets the core know. */
static inline void mcc_flow_arm(struct mcc_core *core, struct mcc_flows *flows, uint32_t index,
                                uint32_t tick)
{
    mcc_wheel_arm(&flows->wheel, index, tick);
    uint64_t due = core->start + ((uint64_t)tick << MCC_TICK_SHIFT);
    if (due < core->due)
        core->due = due;
}

/* Payload bytes of TCP and UDP, what is behind the IP header else. */
static inline uint32_t mcc_payload(const struct mcc_packet *p)
{
    uint32_t at = p->l4;
    if (p->layers & MCC_TCP)
        at += (uint32_t)(p->data[p->l4 + 12] >> 4) * 4;
    else if (p->layers & MCC_UDP)
        at += 8;
    else if (!(p->layers & (MCC_IP | MCC_IP6)))
        return 0;
    return p->ip_end > at ? p->ip_end - at : 0;
}

#endif
