/* Flows of one kind of key: table, pool, timers, lists; and what is known of a flow beside its FCBs.
 *
 *   hot, in the pool:   | dir 0: key, FCB | dir 1: key, FCB | FINs | conn |      printed by the module
 *   cold, by index:     | timer | links | timeout | sequence |                   half a cache line
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
    uint8_t closing;  /* MCC_CLOSING_ .., the same in both directions */
    uint8_t answered; /* of direction 1: a packet of it was seen, the flow is settled */
#ifdef MCC_SESSIONS
    uint64_t packets, bytes, payload;
#endif
};

/* Of a TCP connection: direction d sent a FIN (<< d); it was acknowledged (<< d); both were. Above it, when it lingers only:
 * 1 + the enum mcc_end that its timeout means then. */
enum { MCC_CLOSING_FIN = 1, MCC_CLOSING_ACKED = 4, MCC_CLOSING_ALL = 15, MCC_CLOSING_WHY = 4 };

struct mcc_flow_cold {
    struct mcc_timer timer;
    struct mcc_link_ids links; /* in `embryonic` or `settled` */
    union {
        uint32_t timeout; /* ticks, 0: none */
        uint32_t refs;    /* of a group: flows that share it */
    };
    uint32_t sequence; /* number of its creation, the low half: mcc_flow_sequence() */
#ifdef MCC_SESSIONS
    uint64_t first, last; /* ns */
#endif
} __attribute__((aligned(32)));

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

/* What a FIN, an RST or an ACK of a FIN means: MCC_END_RST, MCC_END_FIN (both ways closed and acknowledged) or -1.
 * fin: the sequence number behind each direction's FIN. */
int mcc_flow_tcp_close(uint32_t fin[2], struct mcc_fcb *mine, struct mcc_fcb *other,
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

/* The cold part of a new flow, in no list and not armed. `at`: ns, of its first packet. */
static inline void mcc_flow_begin(struct mcc_flow_cold *cold, uint64_t sequence, uint64_t at)
{
    (void)at;
    cold->sequence = (uint32_t)sequence;
    cold->timeout = 0;
#ifdef MCC_SESSIONS
    cold->first = cold->last = at;
#endif
}

/* The number of the creation of a flow, one of the last 2^32. */
static inline uint64_t mcc_flow_sequence(const struct mcc_core *core,
                                         const struct mcc_flow_cold *cold)
{
    return core->sequence - (uint32_t)((uint32_t)core->sequence - cold->sequence);
}

/* Fetches the hot part of a flow. */
static inline void mcc_flow_fetch(const struct mcc_flows *flows, uint32_t index)
{
    const char *hot = mcc_pool_at(&flows->pool, index);
    __builtin_prefetch(hot, 1);
    if (flows->pool.stride > MCC_LINE)
        __builtin_prefetch(hot + MCC_LINE, 1);
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
