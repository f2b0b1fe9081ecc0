#include "mcc_inflate.h"

#if MCC_ZLIB
#include <errno.h>
#include <stdlib.h>
#include <zlib.h>

enum { RAW_WINDOW = -15 }; /* no header, no checksum; the largest window */

int mcc_inflate_new(struct mcc_inflate **made)
{
    struct mcc_inflate *f = calloc(1, sizeof *f);
    z_stream *z = calloc(1, sizeof *z);
    int failed = !f || !z || inflateInit2(z, RAW_WINDOW) != Z_OK;
    if (!failed) { /* an empty dictionary: zlib takes memory for its window now, not when a packet asks for it */
        f->stream = z;
        if (inflateSetDictionary(z, (const Bytef *)"", 0) == Z_OK) {
            *made = f;
            return 0;
        }
        (void)inflateEnd(z);
    }
    free(z);
    free(f);
    return -ENOMEM;
}

void mcc_inflate_free(struct mcc_inflate *f)
{
    if (!f)
        return;
    (void)inflateEnd(f->stream);
    free(f->stream);
    free(f);
}

uint32_t mcc_inflate_whole(struct mcc_inflate *f, const uint8_t *from, uint32_t n, uint8_t *to,
                           uint32_t room)
{
    z_stream *z = f->stream;
    if (inflateReset(z) != Z_OK)
        return 0;
    z->next_in = (Bytef *)(uintptr_t)from; /* it is only read */
    z->avail_in = n;
    z->next_out = to;
    z->avail_out = room;
    int end = inflate(z, Z_FINISH);
    return end == Z_STREAM_END && z->avail_in == 0 ? room - z->avail_out : 0;
}
#else
int mcc_inflate_new(struct mcc_inflate **made)
{
    *made = NULL;
    return 0;
}

void mcc_inflate_free(struct mcc_inflate *f)
{
    (void)f;
}

uint32_t mcc_inflate_whole(struct mcc_inflate *f, const uint8_t *from, uint32_t n, uint8_t *to,
                           uint32_t room)
{
    (void)f, (void)from, (void)n, (void)to, (void)room;
    return 0;
}
#endif
