/* What contexts have in common: how they reach the elements between their two ends, and the walk behind (docs/contexts.md).
 *
 *   walk before -> [ context in ] -> element -> element -> [ context out ] -> walk behind
 *                     ^ mcc_tcp_in     data()                 ^ mcc_tcp_send    out()
 *
 * The printed module has one struct mcc_ways a walk that holds a context. All functions get the box, the flow's block and its id.
 */
#ifndef MCC_CONTEXT_H
#define MCC_CONTEXT_H

#include "mcc_stream.h"

struct mcc_box;

/* One direction of a context, as a leaf of the chain has it. */
struct mcc_way {
    /* A packet (NULL: none) goes through the elements; what they release comes to mcc_*_send. MCC_CLOSE and MCC_RESET: an element
     * ends the session; the packet is gone. */
    int (*data)(struct mcc_box *box, void *flow, uint32_t id, struct mcc_packet *p, bool is_last);
    /* The walk behind the context. */
    void (*out)(struct mcc_box *box, void *flow, uint32_t id, struct mcc_packet *p);
    /* NULL where no element of the chain holds: everything held goes on; drops what is held; the oldest held packet and
     * since when (tick). */
    int (*let_go)(struct mcc_box *box, void *flow, uint32_t id);
    void (*abandon)(struct mcc_box *box, void *flow, uint32_t id);
    struct mcc_packet *(*held)(void *flow, uint32_t *since);
    /* NULL where no element resizes: the maps of all elements, composed (mcc_edits_*). */
    uint64_t (*forward)(void *flow, uint64_t x);
    uint64_t (*forward_low)(void *flow, uint64_t x);
    uint64_t (*back)(void *flow, uint64_t y);
    uint64_t (*back_low)(void *flow, uint64_t y);
    void (*fold)(struct mcc_box *box, void *flow, uint64_t y);
};

/* What the compiler and the user's options say of a context. Ticks of 2^24 ns, 0: never. */
struct mcc_context_rules {
    bool writes, resizes, stalls, closes; /* what its elements may do */
    bool preack;
    uint32_t hold_ticks, reorder_ticks;
    uint32_t buffer;                            /* bytes kept a direction */
    uint8_t midstream, at_cap, urgent, secured; /* enums below */
    uint32_t kind;
};

enum mcc_midstream { MCC_MIDSTREAM_PICK, MCC_MIDSTREAM_PASS, MCC_MIDSTREAM_DROP };
enum mcc_at_cap { MCC_CAP_PASS, MCC_CAP_DROP, MCC_CAP_RESET };
enum mcc_urgent { MCC_URGENT_MAP, MCC_URGENT_CLEAR };
enum mcc_secured { MCC_SECURED_PASS, MCC_SECURED_DROP };

/* Everything a context function needs of one flow. */
struct mcc_turn {
    struct mcc_box *box;
    struct mcc_core *core;
    struct mcc_streams *shared;
    void *flow;
    uint32_t id; /* of the direction the packet goes */
    const struct mcc_context_rules *rules;
    const struct mcc_way *ways; /* 2: to server, to client */
    /* Wakes the context of the flow at a tick. */
    void (*arm)(struct mcc_box *box, uint32_t id, uint32_t tick);
};

/* The frame of a packet ends behind `bytes` of content: lengths in IP and UDP headers, capture lengths. Checksums are not touched. */
void mcc_context_fit(struct mcc_packet *p, uint32_t bytes);

/* Lets a packet of a stream go: nothing is counted where it has left already. */
static inline void mcc_stream_drop(struct mcc_core *core, struct mcc_packet *p, uint32_t reason)
{
    if (p->stream & MCC_STREAM_SENT)
        mcc_buffer_put(core->buffers, p);
    else
        mcc_core_drop(core, p, reason);
}

/* ---------------------------------------------------------------- datagrams: UDP, and IP as a whole */

/* The content of a datagram: behind the UDP header, as long as that says (RFC 768; what follows it is no data, RFC 9868), or behind
 * all IP headers. False: the length in the UDP header is wrong, no host would take the datagram. */
bool mcc_datagram_open(struct mcc_packet *p, bool udp);

/* Puts the lengths and checksums of a changed datagram right. A UDP checksum of zero stays zero (RFC 768). One that has grown beyond
 * what its port takes, and what it was, leaves in fragments (mcc_frag.h). */
void mcc_datagram_close(const struct mcc_core *core, struct mcc_packet *p);

#endif
