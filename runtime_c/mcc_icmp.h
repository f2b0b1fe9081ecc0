/* ICMP errors about segments that a TCP context has changed: the host that gets one must know its own segment in it.
 *
 *   | IP | ICMP, 8 bytes | IP header of the segment | TCP: ports, sequence number [, acknowledgement ...] |
 *                        ^ quoted                   ^ tcp
 *
 * The sequence number quoted is one that the receiver's side sees; it goes back to the space of the sender, the
 * acknowledgement, which the sender gave, to that of what the sender has got. Checksums follow by difference: the quoted
 * one (where it is quoted; it is that of the whole segment, of which only this changes) and that of the ICMP message.
 *
 * RFC 792 (types 3, 11, 12), 4443 (types 1 to 4), 5927 (what may be believed of them), 1191 and 8201 (path MTU).
 */
#ifndef MCC_ICMP_H
#define MCC_ICMP_H

#include "mcc_tcp.h"

struct mcc_icmp_error {
    uint32_t quoted, tcp,
        end;      /* offsets in the frame: quoted IP header, TCP header, behind what is quoted */
    uint32_t mtu; /* of the next hop, bytes of IP; 0: it does not say */
};

/* Whether parsed packet p is an ICMP error that quotes at least 8 bytes of TCP, from the segment's beginning. */
bool mcc_icmp_read(const struct mcc_packet *p, struct mcc_icmp_error *e);

/* Bytes that mcc_icmp_answer() needs room for behind the link header of p. */
enum { MCC_ICMP_ANSWER_BYTES = MCC_IP6_BYTES + MCC_TCP_BYTES };

/* Makes q, whose data has room for p->l3 + MCC_ICMP_ANSWER_BYTES, a bare segment that answers the quoted one and comes in
 * where p did: its session is the one that the error is about. Parsed. */
void mcc_icmp_answer(struct mcc_packet *q, const struct mcc_packet *p,
                     const struct mcc_icmp_error *e);

/* Puts the error right for the host that sent the quoted segment, and remembers what it says of the path. t->id: the
 * direction of that host. */
void mcc_icmp_map(const struct mcc_turn *t, struct mcc_tcp *tcp, struct mcc_packet *p,
                  const struct mcc_icmp_error *e);

#endif
