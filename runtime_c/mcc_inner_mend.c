/* What enclosing headers say of a packet that has changed: lengths, and checksums by difference (RFC 1624). */
#include "mcc_inner.h"

#include "mcc_made.h"

static uint32_t swapped(uint32_t delta)
{
    return (uint32_t)__builtin_bswap16(mcc_checksum_fold(delta));
}

struct mcc_mend mcc_mend_begin(uint8_t *frame, uint32_t at, uint16_t was, uint16_t now,
                               uint32_t longer)
{
    struct mcc_mend m = {.frame = frame, .longer = longer & 0xffff};
    mcc_delta16(&m.delta, was, now);
    m.delta = at & 1 ? swapped(m.delta) : m.delta;
    return m;
}

/* A word at `at` was `was` and is now `now`. */
static void mend_word(struct mcc_mend *m, uint32_t at, uint16_t was, uint16_t now)
{
    uint32_t delta = 0;
    mcc_delta16(&delta, was, now);
    m->delta = mcc_ones_add(m->delta, at & 1 ? swapped(delta) : delta);
}

static void mend_length(struct mcc_mend *m, uint32_t at)
{
    uint16_t was = mcc_be16(m->frame + at), now = (uint16_t)(was + m->longer);
    mcc_put16(m->frame + at, now);
    mend_word(m, at, was, now);
}

/* The checksum at `at`, of what begins at `from` and ends where the frame does, and of a pseudo header that has changed too. */
static void mend_sum(struct mcc_mend *m, uint32_t from, uint32_t at, uint32_t pseudo, bool udp)
{
    uint16_t was = mcc_be16(m->frame + at);
    uint32_t delta = mcc_ones_add(from & 1 ? swapped(m->delta) : m->delta, pseudo);
    if (mcc_checksum_fold(delta) % 0xffff == 0)
        return; /* changes that cancel each other, as those of a header with its checksum do: not even 0xffff becomes 0 */
    mcc_checksum_apply(m->frame + at, delta, udp);
    mend_word(m, at, was, mcc_be16(m->frame + at));
}

static void mend_ip(struct mcc_mend *m, uint32_t at)
{
    uint8_t *h = m->frame + at;
    uint16_t was = mcc_be16(h + 2), sum = mcc_be16(h + 10);
    uint32_t delta = 0;
    mend_length(m, at + 2);
    mcc_delta16(&delta, was, mcc_be16(h + 2));
    mcc_checksum_apply(h + 10, delta, false);
    mend_word(m, at + 10, sum, mcc_be16(h + 10));
}

static void mend_udp(struct mcc_mend *m, uint32_t at)
{
    uint16_t was = mcc_be16(m->frame + at + 4);
    uint32_t pseudo = 0;
    if (m->longer)
        mend_length(m, at + 4);
    mcc_delta16(&pseudo, was, mcc_be16(m->frame + at + 4));
    mend_sum(m, at, at + 6, pseudo, true);
}

void mcc_mend_layer(struct mcc_mend *m, const struct mcc_inner_layer *layer)
{
    uint32_t at = layer->at;
    const uint8_t *h = m->frame + at;
    if (layer->kind == MCC_INNER_UDP)
        mend_udp(m, at);
    else if (layer->kind == MCC_INNER_GRE && h[0] & 0x80)
        mend_sum(m, at, at + 4, 0, false);
    if (!m->longer)
        return;
    if (layer->kind == MCC_INNER_IP)
        mend_ip(m, at);
    else if (layer->kind == MCC_INNER_IP6 || layer->kind == MCC_INNER_PPTP ||
             layer->kind == MCC_INNER_PPPOE)
        mend_length(m, at + 4);
    else if (layer->kind == MCC_INNER_GTP)
        mend_length(m, at + 2);
}
