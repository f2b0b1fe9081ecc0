/* Packet buffers: many for ordinary frames and a few for the longest that captures hold.
 *
 *   | struct mcc_packet | headroom | room for the frame ......... |    one buffer, `stride` bytes
 *                                  ^ data
 *
 * Ordinary strides are no power of two, so that frames do not fall into the same cache sets. The
 * buffer put back last is given out first. Memory is touched only when a buffer is first used.
 */
#ifndef MCC_BUFFERS_H
#define MCC_BUFFERS_H

#include <stdbool.h>
#include <stdint.h>

#include "mcc_packet.h"

enum {
    /* 19 * 128; 27 * 128 where a packet that came compressed has the frame that came behind it */
    MCC_BUFFER_STRIDE = MCC_ZLIB ? 3456 : 2432,
    MCC_BUFFER_LARGE_STRIDE = 262144 + 4 * 1024 + 128,
    MCC_BUFFER_HEAD = MCC_PACKET_BYTES +
        MCC_HEADROOM, /* the packet in whole cache lines, headroom */
    MCC_BUFFER_ROOM = MCC_BUFFER_STRIDE -
        MCC_BUFFER_HEAD, /* 2,176 bytes of frame; with MCC_INNER 2,112, or 3,136 with MCC_ZLIB */
    MCC_BUFFER_LARGE_ROOM = MCC_BUFFER_LARGE_STRIDE - MCC_BUFFER_HEAD, /* 266,112 bytes of frame */
};

struct mcc_buffer_part {
    uint8_t *base;           /* owned */
    struct mcc_packet *free; /* put back, linked by `next` */
    uint32_t stride, count;
    uint32_t fresh; /* buffers below this one were given out before */
    uint32_t used;  /* given out now */
};

struct mcc_buffers {
    struct mcc_buffer_part small, large;
    void (*put_outside)(struct mcc_packet *p); /* gives back a packet of somebody else's memory */
    uint32_t outside;                          /* such packets that the box has now */
};

/* Counts of buffers (small >= 1). 0, or -ENOMEM or -EINVAL and `b` untouched. */
int mcc_buffers_init(struct mcc_buffers *b, uint32_t small, uint32_t large);
void mcc_buffers_free(struct mcc_buffers *b);

/* An empty packet (all fields 0 but data, headroom, room) with room for `len` bytes; len and
 * wire_len are set to `len`, the bytes are not. Owned by the caller until mcc_buffer_put(). NULL
 * when there is none: the caller drops and counts. */
struct mcc_packet *mcc_buffer_get(struct mcc_buffers *b, uint32_t len);

/* Gives back a packet of these buffers, or an outside one; the buffer is free when nobody else holds it (`refs`). */
void mcc_buffer_put(struct mcc_buffers *b, struct mcc_packet *p);

/* A packet with the same bytes and the same fields, but for its buffer and `next`; the tail of its frame (struct mcc_outer) is behind
 * it too. NULL as mcc_buffer_get(). */
struct mcc_packet *mcc_buffer_copy(struct mcc_buffers *b, const struct mcc_packet *p);

/* The same with the `behind` bytes of the buffer that follow the packet. */
struct mcc_packet *mcc_buffer_copy_behind(struct mcc_buffers *b, const struct mcc_packet *p,
                                          uint32_t behind);

#if MCC_INNER
/* Packet q, whose headroom is free, gets the enclosing headers of p. */
void mcc_buffer_outer(struct mcc_packet *q, const struct mcc_packet *p);
#endif

static inline bool mcc_buffer_is_of(const struct mcc_buffer_part *part, const struct mcc_packet *p)
{
    return (uintptr_t)p - (uintptr_t)part->base < (size_t)part->count * part->stride;
}

/* The packet is in memory of somebody else, such as a driver of a live port. */
static inline bool mcc_buffer_is_outside(const struct mcc_buffers *b, const struct mcc_packet *p)
{
    return !mcc_buffer_is_of(&b->small, p) && !mcc_buffer_is_of(&b->large, p);
}

/* Buffers given out now. */
static inline uint32_t mcc_buffers_used(const struct mcc_buffers *b)
{
    return b->small.used + b->large.used + b->outside;
}

#endif
