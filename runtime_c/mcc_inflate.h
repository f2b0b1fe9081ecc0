/* Raw DEFLATE (RFC 1951) with zlib, one whole packet at a time: none knows anything of the one before.
 *
 * Modules that are compiled with MCC_ZLIB, and linked with -lz, have it; in others mcc_inflate_new() makes nothing. All memory
 * is taken when it is made. */
#ifndef MCC_INFLATE_H
#define MCC_INFLATE_H

#include <stdint.h>

#include "mcc_packet.h"

enum {
    MCC_INFLATE_MOST = 9216, /* of an IP packet, uncompressed: a jumbo frame's */
    MCC_INFLATE_FRAME = MCC_HEADROOM + MCC_INFLATE_MOST +
        4 /* with the headers around it, and an FCS */
};

struct mcc_inflate {
    void *stream; /* owned: z_stream */
    uint8_t frame[MCC_INFLATE_FRAME];
};

/* 0, and *made NULL without zlib; -ENOMEM. */
int mcc_inflate_new(struct mcc_inflate **made);
void mcc_inflate_free(struct mcc_inflate *f);

/* Inflates the n bytes at `from`, which must be one DEFLATE stream from the first byte to the last, to at most `room` bytes at `to`.
 * How many; 0: they are something else, damaged, cut, or more than fits. */
uint32_t mcc_inflate_whole(struct mcc_inflate *f, const uint8_t *from, uint32_t n, uint8_t *to,
                           uint32_t room);

#endif
