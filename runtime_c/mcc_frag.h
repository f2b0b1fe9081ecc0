/* Fragments of IP: gathered into whole datagrams where packets enter, and cut again where they leave.
 *
 *   fragments -> [ by source, destination, identification: sorted by offset ] -> one datagram -> chain -> fragments
 *
 * A datagram that nothing has resized leaves in the fragments it came in: same boundaries, same order, the headers of each
 * (with what the chain has rewritten, nothing else) and its padding. Others leave in fragments as large as the largest that
 * came. How it came is written behind the room of the datagram's own buffer, so it is gone when the buffer is.
 *
 * Bounded: MCC_FRAG_DATAGRAMS at once, MCC_FRAG_BYTES of buffers and a quarter of those of the box, MCC_FRAG_PARTS each; the
 * oldest datagram gives way. Overlapping fragments end their datagram (RFC 5722; the same for IPv4), and so do contradicting
 * ends; what still comes of such a datagram is dropped for the same reason until its time is up. Exact copies are ignored.
 *
 * RFC 791, 815 (IPv4); 8200 section 4.5, 5722, 6946 (IPv6: only a fragment header directly behind the IPv6 header).
 */
#ifndef MCC_FRAG_H
#define MCC_FRAG_H

#include "mcc_core.h"
#include "mcc_list.h"

enum {
    MCC_FRAG_DATAGRAMS = 1024,
    MCC_FRAG_BUCKETS = 2048,
    MCC_FRAG_BYTES = 16 << 20,
    MCC_FRAG_PARTS = 64,
    MCC_FRAG_PADDING = 64,     /* bytes of a frame behind its IP packet that are remembered */
    MCC_FRAG_LEAST_IP = 68,    /* what every link takes whole: RFC 791 */
    MCC_FRAG_LEAST_IP6 = 1280, /* RFC 8200, 5 */
};

#define MCC_FRAG_NS_IP (30ull * 1000000000)
#define MCC_FRAG_NS_IP6 (60ull * 1000000000) /* RFC 8200, 4.5 */

enum mcc_frag_wants {
    MCC_FRAG_TCP = 1,
    MCC_FRAG_UDP = 2,
    MCC_FRAG_ANY = 4
}; /* IPv6: all, whichever is set */

struct mcc_frag_key {
    uint32_t
        word[11]; /* source, destination | identification | protocol, port, link, version | VLANs */
};

/* A datagram of which something is missing. */
struct mcc_frag_datagram {
    struct mcc_frag_key key;
    uint32_t bucket, next; /* of the same bucket; 0: the last */
    struct mcc_packet *first,
        *newest;         /* by offset, linked by `next`; owned. The one that came last */
    uint64_t deadline;   /* ns */
    uint32_t end;        /* bytes of the whole; UINT32_MAX: not known */
    uint32_t got, count; /* bytes and fragments that are here */
    uint32_t dead;       /* 0, or 1 + the reason for which its fragments are dropped */
    uint16_t mtu;        /* the longest IP packet that came */
};

struct mcc_frags {
    struct mcc_core *core;
    struct mcc_frag_datagram *datagrams; /* owned; 1 .. MCC_FRAG_DATAGRAMS are used */
    struct mcc_link_ids *links;          /* owned */
    uint32_t *buckets;                   /* owned */
    struct mcc_list idle, waiting[2];    /* waiting: IPv4, IPv6; the oldest first */
    uint64_t seed, now, bytes; /* now: ns, of the newest fragment; bytes: of buffers that wait */
    uint32_t small, large;     /* buffers that wait */
    uint32_t wants;
};

/* `wants`: enum mcc_frag_wants. 0 or -ENOMEM. */
int mcc_frags_init(struct mcc_frags *f, struct mcc_core *core, uint32_t wants, uint64_t seed);
/* Gives all buffers back, uncounted. */
void mcc_frags_free(struct mcc_frags *f);

/* Takes the fragments out of a burst and puts whole datagrams in: the new length of the burst. */
uint32_t mcc_frag_burst(struct mcc_frags *f, struct mcc_packet **packets, uint32_t n);

/* Drops what has waited until `now` in vain; UINT64_MAX: all. */
void mcc_frag_expire(struct mcc_frags *f, uint64_t now);
/* When the next datagram has waited too long, ns; UINT64_MAX: none waits. */
uint64_t mcc_frag_due(const struct mcc_frags *f);

/* A datagram that came in fragments, or has grown too long for one packet (p->mtu != 0), leaves by `port`. */
void mcc_frag_leave(struct mcc_core *core, struct mcc_packet *p, uint16_t port);

/* mcc_core_send and mcc_core_out where packets may be such datagrams. */
static inline __attribute__((always_inline)) void mcc_frag_send(struct mcc_core *core,
                                                                struct mcc_packet *p, uint16_t port)
{
    if (__builtin_expect(p->mtu != 0, 0))
        mcc_frag_leave(core, p, port);
    else
        mcc_core_send(core, p, port);
}

static inline __attribute__((always_inline)) void mcc_frag_out(struct mcc_core *core,
                                                               struct mcc_packet *p, uint16_t port)
{
    mcc_fix(p);
    mcc_frag_send(core, p, port);
}

#endif
