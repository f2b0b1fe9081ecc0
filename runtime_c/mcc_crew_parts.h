/* What the loops see of their crew. */
#ifndef MCC_CREW_PARTS_H
#define MCC_CREW_PARTS_H

#include "mcc_crew.h"

#include <stdatomic.h>

#include "mcc_heavy.h"
#include "mcc_packet.h"
#include "mcc_ring.h"

enum {
    MCC_CREW_MAX = 32,
    MCC_CREW_RING = 4 << 20, /* bytes from one core to one other */
};

struct mcc_crew_record { /* before the bytes of a packet in a ring */
    uint64_t at;
    uint32_t len, wire_len, spread, frag_id;
    uint32_t parts; /* bytes behind the packet's: how it came in fragments (mcc_frag_parts.h) */
    uint16_t gso, mtu;
    uint8_t port, link; /* came in by `port`, or leaves by it */
    bool leaves;
};

struct mcc_crew_member {
    _Alignas(64) _Atomic uint32_t asleep; /* waits for `wake` */
    int wake;                             /* eventfd; owned */
    _Alignas(64) uint64_t handed_out, handed_in, sent_out, sent_in;
    struct mcc_heavy heavy;
    uint64_t busy, all; /* ns */
};

struct mcc_crew {
    uint32_t cores;
    bool shared[64];    /* by port: each core opens it; else core 0 alone */
    uint32_t group[64]; /* by port: struct mcc_io.group */
    struct mcc_crew_member member[MCC_CREW_MAX];
    struct mcc_ring ring[MCC_CREW_MAX][MCC_CREW_MAX]; /* from, to */
};

/* Gives p, parsed, to core `to`; it is the crew's from then on. */
void mcc_crew_hand(struct mcc_crew *crew, struct mcc_core *core, struct mcc_packet *p, uint32_t to,
                   uint32_t spread);

/* Copies p, which leaves by its out_port, to core 0, which has the device. */
void mcc_crew_send(struct mcc_crew *crew, struct mcc_core *core, const struct mcc_packet *p);

/* The next packet that core `from` gave to this one, in a buffer of its own; NULL: there is none. */
struct mcc_packet *mcc_crew_take(struct mcc_crew *crew, struct mcc_core *core, uint32_t from,
                                 bool *leaves);

/* Whether anything waits for the core. */
bool mcc_crew_waits(struct mcc_crew *crew, uint32_t core);

/* The core is about to wait for its descriptor; false: it should not, something has come. Behind it mcc_crew_wakes(). */
bool mcc_crew_sleeps(struct mcc_crew *crew, uint32_t core);
void mcc_crew_wakes(struct mcc_crew *crew, uint32_t core);

#endif
