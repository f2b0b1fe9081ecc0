#include "mcc_words.h"

#include <string.h>

#include "mcc_stream.h"

#if defined(__AVX2__)
#include <immintrin.h>
#endif

/* ---------------------------------------------------------------- filters
 *
 * A filter looks at the bytes at .. last, with nothing pending. It returns where the automaton has to begin, and sets
 * *resume: no word begins before it but those that the automaton will see. */

static inline bool mcc_words_nibble_at(const struct mcc_words *w, const uint8_t *at)
{
    uint8_t buckets = 0xff;
    for (uint32_t i = 0; i < w->reach; i++)
        buckets &= w->low[i][at[i] & 15] & w->high[i][at[i] >> 4];
    return buckets != 0;
}

#if defined(__AVX2__)

/* Which of the 32 places from `at` on a word may begin at; reads 32 + reach - 1 bytes. */
static inline __attribute__((always_inline)) uint32_t mcc_words_nibble_block(const uint8_t *at,
                                                                             uint32_t reach,
                                                                             const __m256i low[4],
                                                                             const __m256i high[4])
{
    const __m256i four = _mm256_set1_epi8(15);
    __m256i buckets = _mm256_set1_epi8(-1);
#pragma GCC unroll 4
    for (uint32_t i = 0; i < reach; i++) {
        __m256i v = _mm256_loadu_si256((const __m256i *)(const void *)(at + i));
        __m256i l = _mm256_shuffle_epi8(low[i], _mm256_and_si256(v, four));
        __m256i h = _mm256_shuffle_epi8(high[i], _mm256_and_si256(_mm256_srli_epi16(v, 4), four));
        buckets = _mm256_and_si256(buckets, _mm256_and_si256(l, h));
    }
    return ~(uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(buckets, _mm256_setzero_si256()));
}

static inline __attribute__((always_inline)) const uint8_t *
mcc_words_nibble_wide(const struct mcc_words *w, uint32_t reach, const uint8_t *at,
                      const uint8_t *last, const uint8_t **resume)
{
    __m256i low[4], high[4];
#pragma GCC unroll 4
    for (uint32_t i = 0; i < reach; i++) {
        low[i] =
            _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(const void *)w->low[i]));
        high[i] =
            _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(const void *)w->high[i]));
    }
    const uint8_t *end = last - (32 + reach - 1); /* the last place where a block fits */
    uint32_t some;
    for (; end - at >= 32; at += 64) {
        some = mcc_words_nibble_block(at, reach, low, high);
        uint32_t more = mcc_words_nibble_block(at + 32, reach, low, high);
        if (some | more) {
            at += some ? 0 : 32;
            some = some ? some : more;
            goto found;
        }
    }
    for (; at <= end; at += 32)
        if ((some = mcc_words_nibble_block(at, reach, low, high)) != 0)
            goto found;
    if (at < end + 32) { /* once more, over places that are partly known */
        uint32_t known = (uint32_t)(at - end);
        some = mcc_words_nibble_block(end, reach, low, high) >> known;
        if (some)
            goto found;
    }
    *resume = last; /* words that begin in the last reach - 1 bytes are left to the automaton */
    return end + 32;
found:
    at += __builtin_ctz(some);
    *resume = at + 1;
    return at;
}

#endif

static const uint8_t *mcc_words_nibble(const struct mcc_words *w, const uint8_t *at,
                                       const uint8_t *last, const uint8_t **resume)
{
#if defined(__AVX2__)
    if ((size_t)(last - at) >= 32 + w->reach - 1) {
        switch (w->reach) {
        case 1:
            return mcc_words_nibble_wide(w, 1, at, last, resume);
        case 2:
            return mcc_words_nibble_wide(w, 2, at, last, resume);
        case 3:
            return mcc_words_nibble_wide(w, 3, at, last, resume);
        default:
            return mcc_words_nibble_wide(w, 4, at, last, resume);
        }
    }
#endif
    for (; (size_t)(last - at) >= w->reach; at++)
        if (mcc_words_nibble_at(w, at)) {
            *resume = at + 1;
            return at;
        }
    *resume = last;
    return at;
}

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define MCC_WORDS_LITTLE(bits, x) (x)
#else
#define MCC_WORDS_LITTLE(bits, x) __builtin_bswap##bits(x)
#endif

/* The eight bytes at `at`. */
static inline uint64_t mcc_words_load(const uint8_t *at)
{
    uint64_t x;
    memcpy(&x, at, sizeof x);
    return MCC_WORDS_LITTLE(64, x);
}

/* The same where fewer may be left: those behind `last` are 0. There are eight bytes in front of `last`. */
static inline uint64_t mcc_words_load_near(const uint8_t *at, const uint8_t *last)
{
    size_t left = (size_t)(last - at);
    return left >= 8 ? mcc_words_load(at) : mcc_words_load(last - 8) >> (8 * (8 - left));
}

/* Bit 0: whether the bytes are in the set. */
static inline uint64_t mcc_words_in(const struct mcc_words_set *set, uint64_t bytes)
{
    uint64_t h = (bytes * set->factor) >> set->shift;
    return set->bits[h >> 6] >> (h & 63);
}

/* A gram was found at p: the first place from which it may be a word's, by more bytes; NULL: none. */
static const uint8_t *mcc_words_confirm(const struct mcc_words *w, const uint8_t *p,
                                        const uint8_t *last)
{
    for (const uint8_t *at = p - (w->step - 1); at <= p; at++)
        if (last - at < 8 || (mcc_words_in(&w->heads, mcc_words_load(at)) & 1))
            return at;
    return NULL;
}

enum { MCC_WORDS_GROUP = 8 };

static const uint8_t *mcc_words_grams(const struct mcc_words *w, const uint8_t *at,
                                      const uint8_t *last, const uint8_t **resume)
{
    const uint32_t step = w->step, gram = w->gram;
    const struct mcc_words_set set = w->grams;
    const uint8_t *p = at + step - 1, *found;
    if (last - at < 8 || (size_t)(last - at) < w->reach) {
        *resume = last;
        return at;
    }
    for (; last - p >= (ptrdiff_t)(step * (MCC_WORDS_GROUP - 1) + 8); p += MCC_WORDS_GROUP * step) {
        uint64_t some = 0;
        const uint8_t *q = p;
#pragma GCC unroll 8
        for (int i = 0; i < MCC_WORDS_GROUP; i++, q += step)
            some |= mcc_words_in(&set, mcc_words_load(q));
        if (__builtin_expect((some & 1) == 0, 1))
            continue;
        uint32_t which = 0;
        q = p;
#pragma GCC unroll 8
        for (int i = 0; i < MCC_WORDS_GROUP; i++, q += step)
            which |= (uint32_t)(mcc_words_in(&set, mcc_words_load(q)) & 1) << i;
        for (; which; which &= which - 1) {
            q = p + (uint32_t)__builtin_ctz(which) * step;
            if ((found = mcc_words_confirm(w, q, last)) != NULL) {
                *resume = q + 1;
                return found;
            }
        }
    }
    for (; last - p >= (ptrdiff_t)gram; p += step)
        if ((mcc_words_in(&set, mcc_words_load_near(p, last)) & 1) &&
            (found = mcc_words_confirm(w, p, last)) != NULL) {
            *resume = p + 1;
            return found;
        }
    *resume = last;
    return p - (step - 1) < last ? p - (step - 1) : last;
}

/* ---------------------------------------------------------------- the automaton */

enum { MCC_WORDS_NEAR = 4 }; /* bytes that the filter may see a second time */

/* Reads at .. last in state *row. Returns `last`, or the byte for which the state has MCC_WORDS_FAIL or more. This is the place
 * for another engine. */
static const uint8_t *mcc_words_run(const struct mcc_words *w, const uint8_t *at,
                                    const uint8_t *last, uint32_t *row)
{
    const uint32_t *rows = w->rows, depth = w->stride - 1;
    const uint8_t *classes = w->classes, *resume = w->filter == MCC_WORDS_NONE ? last : at;
    uint32_t r = *row;
    while (at != last) {
        uint32_t d = rows[r + depth];
        if (d <= MCC_WORDS_NEAR && at - resume >= (ptrdiff_t)d) {
            r = 0;
            at = w->filter == MCC_WORDS_NIBBLE ? mcc_words_nibble(w, at - d, last, &resume)
                                               : mcc_words_grams(w, at - d, last, &resume);
            if (at == last)
                break;
        }
        const uint8_t *stop = resume == last ? last : at + 1;
        do {
            uint32_t next = rows[r + classes[*at]];
            if (__builtin_expect(next >= MCC_WORDS_FAIL, 0)) {
                *row = r;
                return at;
            }
            r = next;
        } while (++at < stop);
    }
    *row = r;
    return at;
}

/* ---------------------------------------------------------------- matches */

static void mcc_words_leave(struct mcc_words_state *s, struct mcc_stream *st,
                            const struct mcc_match *m)
{
    if (m->end != s->position)
        mcc_stream_seek(st, m->end);
    s->cursor = mcc_stream_mark(st);
}

/* A step of the failure of the state: true: *m is reported; false: all was, and the failure state is reached. */
static bool mcc_words_pop(const struct mcc_words *w, struct mcc_words_state *s, struct mcc_match *m)
{
    const struct mcc_words_node *node = &w->nodes[s->row / w->stride];
    if (s->popped == node->count) {
        s->row = node->fail;
        s->popped = 0;
        return false;
    }
    const struct mcc_words_pop *pop = &w->pops[node->first + s->popped++];
    m->start = s->position - w->rows[s->row + w->stride - 1] + pop->start;
    m->end = m->start + w->lengths[pop->word];
    m->index = (uint16_t)pop->word;
    return true;
}

/* Reads up to the next match, or to the end of what there is. */
static bool mcc_words_read(const struct mcc_words *w, struct mcc_words_state *s,
                           struct mcc_stream *st, struct mcc_match *m)
{
    while (mcc_stream_more(st)) {
        const uint8_t *at = mcc_words_run(w, st->at, st->last, &s->row);
        s->position += (uint64_t)(at - st->at);
        st->at += at - st->at;
        if (at == st->last)
            continue;
        uint32_t word = w->rows[s->row + w->classes[*at]] - MCC_WORDS_FAIL;
        if (word == 0) {
            if (mcc_words_pop(w, s, m))
                return true;
            continue;
        }
        st->at++;
        s->position++;
        s->row = 0;
        m->end = s->position;
        m->start = m->end - w->lengths[word - 1];
        m->index = (uint16_t)(word - 1);
        return true;
    }
    return false;
}

bool mcc_words_next(const struct mcc_words *w, struct mcc_words_state *s, struct mcc_stream *st,
                    struct mcc_match *m, bool holds)
{
    uint64_t cursor = mcc_stream_mark(st);
    if (cursor != s->cursor)
        *s = (struct mcc_words_state){.cursor = cursor, .position = cursor};
    else if (s->position != cursor)
        mcc_stream_seek(st, s->position);
    /* first of all: the handler may have overwritten the byte at which the state failed */
    bool found = s->popped != 0 && mcc_words_pop(w, s, m);
    if (!found)
        found = mcc_words_read(w, s, st, m);
    while (!found && st->is_last && s->row != 0)
        found = mcc_words_pop(w, s, m);
    if (found) {
        mcc_words_leave(s, st, m);
        return true;
    }
    if (holds && s->row != 0 && !st->is_last)
        mcc_stream_hold(st, s->position - w->rows[s->row + w->stride - 1]);
    s->cursor = s->position;
    return false;
}
