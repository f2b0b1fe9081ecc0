/* Regular expressions over streams with Hyperscan (or Vectorscan) in streaming mode; link with -lhs.
 *
 * A database belongs to a box: compiled when the box opens, with one scratch. A stream's state hangs on a handle, a
 * u64 in session state: 0 until the first scan, then the number of a place here; MCC_HS_REFUSED where no place or
 * memory was left, and the stream passes unread. Whoever ends the session closes the handle; what is open when the
 * database goes, goes with it.
 */
#ifndef MCC_HS_H
#define MCC_HS_H

#include <stdint.h>

#include <hs/hs.h>

#define MCC_HS_REFUSED UINT64_MAX

union mcc_hs_place {
    hs_stream_t *stream;
    uint64_t next; /* of a free place: the number of the next one, 0: none */
};

struct mcc_hs {
    hs_database_t *db;
    hs_scratch_t *scratch;
    union mcc_hs_place *places; /* 1 .. cap */
    uint8_t *taken;             /* 1: the place holds a stream */
    uint64_t open, refused;
    uint32_t cap, used,
        free; /* used: places that ever held a stream; free: the list of those that do not now */
    uint32_t first; /* the pattern that was found first in the last call */
    uint32_t found;
};

/* `n` patterns, one set of HS_FLAG_..; at most `cap` streams at a time. 0, or -1 with the reason on stderr. */
int mcc_hs_init(struct mcc_hs *hs, const char *node, const char *const *patterns, uint32_t n,
                unsigned flags, uint32_t cap);
void mcc_hs_free(struct mcc_hs *hs);

/* The next bytes of a stream: the ends of matches in them. */
uint32_t mcc_hs_scan(struct mcc_hs *hs, uint64_t *handle, const uint8_t *data, uint32_t len);

/* No bytes come any more: matches that only the end makes certain. Closes the handle. */
uint32_t mcc_hs_finish(struct mcc_hs *hs, uint64_t *handle);

/* Closes a handle, without a word of matches. */
void mcc_hs_close(struct mcc_hs *hs, uint64_t *handle);

#endif
