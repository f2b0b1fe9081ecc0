/* Classification by a NIC: the patterns that it is asked to match, and what the mark that it gives a packet is worth.
 *
 *   pattern:  eth / [vlan /] [vlan /] arp | ipv4 | ipv6 [/ tcp | udp | icmp | icmp6]
 *             spec and mask over these headers one behind the other, as on the wire, IPv4 without options
 *
 * Of the patterns that a packet matches the one of the smallest priority says its mark; those of equal priority that meet
 * say the same. A pattern matches packets with more headers, too. No pattern: no mark. A mark is believed where the
 * packet has the very headers that belong to it: then the handlers find what they need, whatever the NIC meant.
 */
#ifndef MCC_OFFLOAD_H
#define MCC_OFFLOAD_H

#include "mcc_packet.h"

enum {
    MCC_PATTERN_BYTES = 82, /* Ethernet, two tags, IPv6, TCP */
    MCC_ANY_TAGS = 0xff,
};

struct mcc_pattern {
    uint8_t port;      /* index of the port that the packets come in by */
    uint8_t tags;      /* VLAN tags, 0 to 2 */
    uint16_t layers;   /* enum mcc_layer: network and transport header, 0: whatever */
    uint16_t priority; /* from 0, the first */
    uint32_t mark;     /* 0: none, the packet is classified in software */
    uint8_t spec[MCC_PATTERN_BYTES], mask[MCC_PATTERN_BYTES]; /* spec has no bits beyond mask */
};

struct mcc_mark { /* what a mark says, by its number */
    uint8_t port;
    uint8_t tags;    /* or MCC_ANY_TAGS */
    uint16_t layers; /* all but MCC_VLAN */
    uint32_t leaf;
};

/* The leaf that the mark of the packet, which is parsed, says; `none` where it is not to be believed. */
static inline uint32_t mcc_mark_leaf(const struct mcc_mark *marks, uint32_t count,
                                     const struct mcc_packet *p, uint32_t none)
{
    if (p->mark > count)
        return none;
    const struct mcc_mark *m = &marks[p->mark];
    bool fits = p->in_port == m->port && (p->layers & ~(unsigned)MCC_VLAN) == m->layers &&
                (p->vlans == m->tags || m->tags == MCC_ANY_TAGS);
    return fits ? m->leaf : none;
}

#endif
