/* What lies inside tunnels: the innermost IP packet of a frame that can be reached, and the headers around it.
 *
 *   | link | .. enclosing headers .. | IP packet ............ | padding of the enclosing ones |
 *   ^ data, where the packet comes and goes                   ^ data + len of what the chain sees
 *                                    ^ data of what the chain sees, link MCC_LINK_RAW
 *
 * mcc_inner_burst() moves `data` behind the enclosing headers, which stay in front of it; everything between the ports sees an IP
 * packet without a link header, whose transport header may lie behind extension headers. Where it leaves, mcc_inner_leave() puts
 * `data` back and corrects what the enclosing headers say of it: lengths, and checksums by difference (RFC 1624), so that an
 * untouched packet leaves bit for bit as it came. A packet in no tunnel is not peeled.
 *
 * One that came compressed (IPComp, RFC 3173) is peeled out of the frame as it were uncompressed; behind it lies the frame as it came,
 * which is what leaves unless the packet was changed:
 *
 *   | link | .. enclosing headers .. | IP packet, inflated .... | link | .. the whole frame, compressed .. |
 *                                    ^ data                    ^ data + len
 *
 * Bounded: MCC_INNER_STEPS headers, MCC_HEADROOM bytes of them; what lies deeper is content of the packet around it.
 */
#ifndef MCC_INNER_H
#define MCC_INNER_H

#include "mcc_core.h"

enum { MCC_INNER_STEPS = 32, MCC_INNER_LAYERS = 16 };

enum mcc_inner_kind { /* enclosing headers that say something of what is inside, or of who sends it to whom */
                      MCC_INNER_ETH,
                      MCC_INNER_IP,
                      MCC_INNER_IP6,
                      MCC_INNER_UDP,
                      MCC_INNER_GRE,
                      MCC_INNER_PPTP,  /* GRE version 1: payload length */
                      MCC_INNER_GTP,   /* GTP-U: length */
                      MCC_INNER_PPPOE, /* length */
};

struct mcc_inner_layer {
    uint8_t kind; /* enum mcc_inner_kind */
    uint32_t at;  /* offset in the frame */
};

struct mcc_inner {
    uint32_t at,
        end; /* of the innermost IP packet; end: what encloses it, or the capture, ends there */
    bool tunnelled;       /* something other than a link header and VLAN tags is around it */
    bool extended;        /* its transport header lies behind extension headers or AH */
    bool sealed;          /* AH (RFC 4302) covers it: whoever changes it breaks it */
    bool fcs;             /* four bytes behind the frame are its CRC-32 (802.11 with radiotap) */
    bool one_way;         /* GTP-U, MPLS, 802.11: the other direction has numbers of its own */
    uint32_t ipcomp;      /* of its IPComp header, behind which DEFLATE may be; 0: it has none */
    uint32_t ipcomp_end;  /* where what is compressed ends */
    uint32_t ipcomp_said; /* of the byte that says that IPComp follows */
    uint32_t layers;
    struct mcc_inner_layer layer[MCC_INNER_LAYERS]; /* around it, outermost first */
};

/* The innermost IP packet of the frame; `partial`: first fragments of IPv4 are looked into too. False: there is none. */
bool mcc_inner_find(const uint8_t *data, uint32_t len, uint8_t link, bool partial,
                    struct mcc_inner *found);

/* The frame as it would be if what was found `in` it, by `link` and `partial`, had not been compressed, and what is innermost then.
 * It lies in f until f is used again. NULL: nothing is compressed, or it cannot be read (mcc_inner_ipcomp.c says when). */
uint8_t *mcc_inner_inflated(struct mcc_inflate *f, const uint8_t *frame, uint32_t len, uint8_t link,
                            bool partial, const struct mcc_inner *in, struct mcc_inner *plain);

/* Makes the packets of a burst that came in by one of the `ports` (bit i: port i) what the chain is to see of them: the new length of
 * the burst. Without a buffer for what was compressed a packet is dropped. */
uint32_t mcc_inner_burst(struct mcc_core *core, struct mcc_packet **packets, uint32_t n,
                         uint64_t ports);

/* What was added to a checksum's words so far, by the parity of their place in the frame. */
struct mcc_mend {
    uint8_t *frame;
    uint32_t
        delta; /* of all bytes behind what is being mended, as words that begin at even places */
    uint32_t longer; /* bytes that the packet has grown by, modulo 2^16 */
};

/* The packet at `at` of the frame, whose bytes' one's complement sum `was` and is `now`, has grown by `longer` bytes. */
struct mcc_mend mcc_mend_begin(uint8_t *frame, uint32_t at, uint16_t was, uint16_t now,
                               uint32_t longer);

/* Corrects what an enclosing header says; to be called for one after the other, the innermost first. */
void mcc_mend_layer(struct mcc_mend *m, const struct mcc_inner_layer *layer);

/* The headers around packets of one direction, kept for packets that mcc makes. */
struct mcc_inner_kept {
    struct mcc_outer outer;
    uint8_t bytes[MCC_HEADROOM];
};

/* Remembers the headers around p. */
void mcc_inner_note(struct mcc_inner_kept *kept, const struct mcc_packet *p);

/* Packet q is in the tunnel of an answer to p: as `kept` says, or where nothing was noted (or NULL) with the addresses of p's
 * enclosing headers exchanged. False: the other direction has numbers of its own that are not known. */
bool mcc_inner_answer(struct mcc_packet *q, const struct mcc_packet *p,
                      const struct mcc_inner_kept *kept);

#endif
