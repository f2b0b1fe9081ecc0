/* Packets that came compressed (IPComp, RFC 3173, with DEFLATE, RFC 2394): the frame as it would be without.
 *
 *   | link | .. | IP, extension headers | IPComp | DEFLATE ........ | padding |
 *   | link | .. | IP, extension headers | what it was ........................ |
 *
 * The byte that named IPComp names what was compressed; lengths and checksums of the IP header and of the headers around it are
 * corrected by the difference. Once: what is found compressed again in it stays so, whoever compresses a packet in itself.
 *
 * Not read, and left as it came: another transform, a DEFLATE stream that is damaged, cut, empty or does not end where the packet ends,
 * an IP packet of more than MCC_INFLATE_MOST bytes, one that is deeper than MCC_HEADROOM before or after, a frame of more than 65,535. */
#include "mcc_inflate.h"
#include "mcc_inner.h"

/* The header of the IP packet at `at` names the protocol `next`, at `said`. */
static void ipcomp_rename(uint8_t *frame, uint32_t at, uint32_t said, uint8_t next)
{
    uint8_t *ip = frame + at;
    uint32_t delta = 0;
    mcc_delta8(&delta, frame[said], next, true);
    frame[said] = next;
    if (said == at + 9 && ip[0] >> 4 == 4)
        mcc_checksum_apply(ip + 10, delta, false);
}

uint8_t *mcc_inner_inflated(struct mcc_inflate *f, const uint8_t *frame, uint32_t len, uint8_t link,
                            bool partial, const struct mcc_inner *in, struct mcc_inner *plain)
{
    enum { IPCOMP_BYTES = 4 };
    uint32_t headers = in->ipcomp - in->at, was = in->ipcomp_end - in->at;
    if (!f || !in->ipcomp || in->at > MCC_HEADROOM || headers >= MCC_INFLATE_MOST ||
        len > UINT16_MAX)
        return NULL;
    uint32_t from = in->ipcomp + IPCOMP_BYTES;
    uint32_t bytes = mcc_inflate_whole(f, frame + from, in->ipcomp_end - from,
                                       f->frame + in->ipcomp, MCC_INFLATE_MOST - headers);
    if (bytes == 0)
        return NULL;
    memcpy(f->frame, frame, in->ipcomp);
    ipcomp_rename(f->frame, in->at, in->ipcomp_said, frame[in->ipcomp]);
    struct mcc_mend m =
        mcc_mend_begin(f->frame, in->at, mcc_checksum_sum(frame + in->at, was),
                       mcc_checksum_sum(f->frame + in->at, headers + bytes), headers + bytes - was);
    for (uint32_t i = in->layers + 1; i-- > 0;) /* its own header is behind those around it */
        mcc_mend_layer(&m, &in->layer[i]);
    uint32_t end = in->ipcomp + bytes;
    if (in->fcs) { /* one that nobody looks at: it is made anew where the packet leaves changed */
        memset(f->frame + end, 0, 4);
        end += 4;
    }
    bool found = mcc_inner_find(f->frame, end, link, partial, plain);
    return found && plain->at <= MCC_HEADROOM ? f->frame : NULL;
}
