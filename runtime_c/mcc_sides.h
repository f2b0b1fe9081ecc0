/* Which side of a two-port box each packet of one capture comes from.
 *
 * The sender of a session's first packet is on side 0, its peer on side 1; packets that are in no session come from
 * side 0. What a session is depends on the chain: conversations between two ports, between two addresses, or none.
 * A conversation is new again after `timeout`, and when a TCP SYN follows the FIN or RST of the one before.
 */
#ifndef MCC_SIDES_H
#define MCC_SIDES_H

#include <stdint.h>

#include "mcc_packet.h"

enum mcc_side_key { MCC_SIDE_NONE, MCC_SIDE_ADDRESSES, MCC_SIDE_PORTS };

struct mcc_side;

struct mcc_sides {
    struct mcc_side *slots;  /* owned; open addressing, at most half full */
    uint32_t size, used;     /* size: a power of two, or 0 */
    uint64_t timeout;        /* ns; 0: never */
    uint8_t tcp, udp, other; /* enum mcc_side_key: for TCP, UDP, any other IP packet */
};

/* The side, 0 or 1, of a parsed packet; remembers who began. Where memory is short, 0. */
uint8_t mcc_sides_of(struct mcc_sides *s, const struct mcc_packet *p);

void mcc_sides_free(struct mcc_sides *s);

#endif
