/* What every box has, whatever its chain: the clock, packets on their way out, counters, logs.
 *
 * The module's `struct mcc_box` begins with a `struct mcc_core`. One thread works on a box.
 *
 *   port -> mcc_core_in -> [parse, classify, handlers] -> mcc_core_out -> out[] -> port
 *
 * Conservation: received + made = sent + dropped (by reason) + held; mcc_core_drop is the only way to lose a packet.
 */
#ifndef MCC_CORE_H
#define MCC_CORE_H

#include <string.h>

#include "mcc_buffers.h"
#include "mcc_checksum.h"
#include "mcc_inflate.h"
#include "mcc_packet.h"

enum {
    MCC_MAX_PORTS = 64,
    MCC_TICK_SHIFT = 24,
    MCC_BURST = 32,
    MCC_OUT_MAX = 8192,
    MCC_CATCH_UP = 1024
}; /* calls of on_timer at one jump of the clock */

#define MCC_EPOCH (1ull << 54) /* ns between two looks at whether tick 0 can move on: 208 days */

enum mcc_end { /* why a session ended; the order of mcc/run/stats.py ENDS */
               MCC_END_FIN,
               MCC_END_RST,
               MCC_END_TIMEOUT,
               MCC_END_CLOSED,
               MCC_END_EVICTED,
               MCC_END_REPLACED,
               MCC_END_RUN,
               MCC_ENDS,
};

enum mcc_reason { /* drop reasons that every chain has; the module's own follow */
                  MCC_DROP_NO_BUFFER,
                  MCC_DROP_OUT_FULL,
                  MCC_DROP_NO_SESSION,
                  MCC_DROP_CHECKSUM,
                  MCC_DROP_PARKED_LONG,
                  MCC_DROP_UNLINKED,
                  MCC_DROP_TCP_DUPLICATE, /* a segment that waited, and whose bytes came again */
                  MCC_DROP_TCP_ANSWERED, /* sent again though the receiver has it: the sender got an ACK */
                  MCC_DROP_TCP_WINDOW, /* far outside the window */
                  MCC_DROP_TCP_FULL, /* no room to wait for what is missing, or nothing kept to send again */
                  MCC_DROP_TCP_LATE,   /* waited too long for what is missing */
                  MCC_DROP_TCP_CLOSED, /* of a connection that an element ended */
                  MCC_DROP_TCP_POLICY, /* midstream, protected: dropped by declared policy */
                  MCC_DROP_REFUSED,    /* the device of a live port would not send it */
                  MCC_DROP_FRAG_JOINED, /* not lost: a fragment that became part of a whole datagram */
                  MCC_DROP_FRAG_DUPLICATE, /* a fragment that was here already, byte for byte */
                  MCC_DROP_FRAG_OVERLAP,   /* of a datagram whose fragments overlap (RFC 5722) */
                  MCC_DROP_FRAG_MALFORMED, /* a length or an end that cannot be */
                  MCC_DROP_FRAG_LIMIT,     /* too many fragments, datagrams or bytes wait */
                  MCC_DROP_FRAG_TIMEOUT,   /* the rest of the datagram did not come in time */
                  MCC_DROP_SEALED, /* changed inside a tunnel whose headers cannot be mended: AH */
                  MCC_DROP_NO_WAY_BACK, /* an answer of ours into a tunnel that is not known */
                  MCC_DROP_CORE_FULL,   /* for another core, whose ring is full */
                  MCC_REASONS,
};

enum mcc_checksums {
    MCC_CHECKSUMS_KEEP,
    MCC_CHECKSUMS_VERIFY,
    MCC_CHECKSUMS_FIX,
    MCC_CHECKSUMS_TRUST, /* as KEEP; whoever received the packets has verified them */
};

struct mcc_count {
    uint64_t packets, bytes;
};

struct mcc_port_count {
    uint64_t rx_packets, rx_bytes, tx_packets, tx_bytes, rx_errors;
};

struct mcc_log { /* records one behind the other; owned; drained from outside between bursts */
    uint8_t *base;
    size_t used, size;
    uint64_t lost; /* records that found no room */
    bool on;
};

struct mcc_core {
    uint64_t start;     /* ns: tick 0 */
    uint64_t now;       /* ns, never moves back */
    uint64_t rebase;    /* ns: when tick 0 is to move on */
    uint64_t due;       /* ns: the earliest time at which a timer may have something to do */
    uint32_t tick;      /* (now - start) >> MCC_TICK_SHIFT, saturating */
    uint8_t checksums;  /* enum mcc_checksums */
    uint64_t tick_ends; /* ns: when the next tick begins; 0: not known yet */
    uint32_t max_sessions;
    uint32_t active, peak;
    uint64_t created, sequence;
    uint64_t ended[MCC_ENDS];
    uint64_t made; /* packets that handlers emitted */
    uint64_t held; /* packets parked now */
    uint64_t kept; /* buffers of packets that have left, kept until they are acknowledged or read */
    uint64_t *drops;   /* by reason; owned by the module's box */
    uint64_t marked;   /* packets that were classified by the mark of a NIC */
    uint64_t unmarked; /* whose mark was not to be believed */
    uint32_t
        mark; /* of the packets that mcc_core_receive() makes: a stand-in for a NIC says it here */
    uint32_t out_count;
    struct mcc_packet **out; /* MCC_OUT_MAX places; packets here wait for their port */
    struct mcc_buffers *buffers;
    struct mcc_log sessions, alerts;
    uint32_t core, cores; /* this is `core` of `cores` */
    uint64_t steer_seed;
    /* Gives a packet of this box to the box of another core; NULL: there is none. `spread` as in struct mcc_heavy. */
    void (*hand)(void *to, struct mcc_packet *p, uint32_t core, uint32_t spread);
    void *hand_to;
    struct mcc_port_count ports[MCC_MAX_PORTS];
    uint16_t mtu
        [MCC_MAX_PORTS]; /* the longest IP packet that leaves by a port, unless it came longer; MCC_ETH_MTU where not told */
    uint16_t least_mtu; /* of all ports */
#if MCC_INNER
    struct mcc_inflate *inflate; /* owned; NULL: what is compressed is not looked into */
#endif
};

struct mcc_config {
    uint64_t start; /* ns */
    uint64_t seed;
    uint32_t max_sessions;
    uint32_t core, cores; /* this box is `core` of `cores`: port pools are split */
    uint64_t steer_seed;  /* of all of them: which core a packet belongs to */
    uint8_t checksums;
    bool log_sessions, log_alerts;
    uint32_t buffers, large_buffers;
};

int mcc_core_init(struct mcc_core *core, const struct mcc_config *config);
void mcc_core_free(struct mcc_core *core);

/* The device of a port has this MTU; 0: it has none. */
void mcc_core_set_mtu(struct mcc_core *core, uint32_t port, uint32_t mtu);

/* Appends a record of `n` bytes; NULL (and counted) when logging is off or the log has reached 64 MiB. */
uint8_t *mcc_log_take(struct mcc_log *log, size_t n);

/* A packet of `len` bytes, of which `wire_len` were on the wire, in a buffer of the box; NULL: none free (counted). */
struct mcc_packet *mcc_core_receive(struct mcc_core *core, const uint8_t *data, uint32_t len,
                                    uint32_t wire_len, uint64_t at, uint8_t port, uint8_t link);

static inline uint32_t mcc_core_tick(const struct mcc_core *core, uint64_t at)
{
    uint64_t tick = at > core->start ? (at - core->start) >> MCC_TICK_SHIFT : 0;
    return tick < UINT32_MAX - 1 ? (uint32_t)tick : UINT32_MAX - 1;
}

/* Moves the clock; the caller has run what was due. */
static inline void mcc_core_clock(struct mcc_core *core, uint64_t at)
{
    if (at > core->now) {
        core->now = at;
        if (at >= core->tick_ends) {
            core->tick = mcc_core_tick(core, at);
            core->tick_ends = core->start + (((uint64_t)core->tick + 1) << MCC_TICK_SHIFT);
        }
    }
}

/* Lets a packet go; `reason` counts it. */
static inline void mcc_core_drop(struct mcc_core *core, struct mcc_packet *p, uint32_t reason)
{
    core->drops[reason]++;
    mcc_buffer_put(core->buffers, p);
}

#if MCC_INNER
/* A packet that was peeled leaves by `port`, with its enclosing headers. */
void mcc_inner_leave(struct mcc_core *core, struct mcc_packet *p, uint16_t port);
#endif

/* A packet leaves by `port` as it is: nothing in it was rewritten. */
static inline __attribute__((always_inline)) void mcc_core_send(struct mcc_core *core,
                                                                struct mcc_packet *p, uint16_t port)
{
#if MCC_INNER
    if (p->outer.peeled) {
        mcc_inner_leave(core, p, port);
        return;
    }
#endif
    if (__builtin_expect(core->out_count == MCC_OUT_MAX, 0)) {
        mcc_core_drop(core, p, MCC_DROP_OUT_FULL);
        return;
    }
    if (__builtin_expect(core->checksums == MCC_CHECKSUMS_FIX, 0))
        mcc_checksum_fill(p);
    p->out_port = port;
    core->ports[port].tx_packets++;
    core->ports[port].tx_bytes += p->len;
    core->out[core->out_count++] = p;
}

/* A packet leaves by `port`: checksums are mended once for all that was rewritten. */
static inline __attribute__((always_inline)) void mcc_core_out(struct mcc_core *core,
                                                               struct mcc_packet *p, uint16_t port)
{
    mcc_fix(p);
    mcc_core_send(core, p, port);
}

#endif
