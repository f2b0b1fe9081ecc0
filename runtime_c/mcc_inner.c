/* Into tunnels and out again: what enclosing headers say of a packet is corrected where it leaves. */
#include "mcc_inner.h"

#include "mcc_made.h"
#ifdef MCC_STREAMS
#include "mcc_frag.h"
#endif

/* ---------------------------------------------------------------- in */

/* TCP in IPv4 directly on Ethernet: nothing is around it. */
static bool inner_is_plain(const struct mcc_packet *p)
{
    return p->link == MCC_LINK_ETHERNET && p->len >= 34 && mcc_parse_is_plain(p->data + 12) &&
           p->data[23] == MCC_PROTO_TCP;
}

/* Some enclosing header has a checksum over what is inside. */
static bool inner_is_covered(const uint8_t *data, const struct mcc_inner *in)
{
    for (uint32_t i = 0; i < in->layers; i++) {
        const uint8_t *h = data + in->layer[i].at;
        if ((in->layer[i].kind == MCC_INNER_UDP && mcc_be16(h + 6) != 0) ||
            (in->layer[i].kind == MCC_INNER_GRE && h[0] & 0x80))
            return true;
    }
    return false;
}

/* FNV-1a. A change and its mended checksum leave the sum of the packet as it was, but not this. */
static uint64_t inner_digest(const struct mcc_packet *p)
{
    uint64_t mixed = 0xcbf29ce484222325u;
    for (uint32_t i = 0; i < p->len; i++)
        mixed = (mixed ^ p->data[i]) * 0x100000001b3u;
    return mixed;
}

void mcc_inner_peel(struct mcc_packet *p)
{
    struct mcc_inner in;
    p->outer = (struct mcc_outer){.peeled = false};
    if (inner_is_plain(p) || !mcc_inner_find(p->data, p->len, p->link, false, &in) ||
        !(in.tunnelled || in.extended) || in.at > MCC_HEADROOM || p->len - in.end > UINT16_MAX)
        return;
    uint32_t tail = p->len - in.end, len = in.end - in.at;
    p->outer = (struct mcc_outer){.len = len,
                                  .tail = (uint16_t)tail,
                                  .mtu = p->mtu,
                                  .headroom = p->headroom,
                                  .head = (uint8_t)in.at,
                                  .link = p->link,
                                  .peeled = true,
                                  .sealed = in.sealed,
                                  .watched = in.sealed || tail,
                                  .summed = inner_is_covered(p->data, &in)};
    p->mtu = 0;
    p->data += in.at;
    p->len = len;
    p->wire_len -= in.at + tail;
    p->room -= in.at;
    p->headroom = 0; /* it holds what encloses the packet */
    p->link = MCC_LINK_RAW;
    if (p->outer.summed)
        p->outer.sum = mcc_checksum_sum(p->data, len);
    if (p->outer.watched)
        p->outer.digest = inner_digest(p);
}

/* ---------------------------------------------------------------- out */

/* What was added to a checksum's words so far, by the parity of their place in the frame. */
struct mend {
    uint8_t *frame;
    uint32_t
        delta; /* of all bytes behind what is being mended, as words that begin at even places */
    uint32_t longer; /* bytes that the packet has grown by, modulo 2^16 */
};

static uint32_t swapped(uint32_t delta)
{
    return (uint32_t)__builtin_bswap16(mcc_checksum_fold(delta));
}

/* A word at `at` was `was` and is now `now`. */
static void mend_word(struct mend *m, uint32_t at, uint16_t was, uint16_t now)
{
    uint32_t delta = 0;
    mcc_delta16(&delta, was, now);
    m->delta = mcc_ones_add(m->delta, at & 1 ? swapped(delta) : delta);
}

static void mend_length(struct mend *m, uint32_t at)
{
    uint16_t was = mcc_be16(m->frame + at), now = (uint16_t)(was + m->longer);
    mcc_put16(m->frame + at, now);
    mend_word(m, at, was, now);
}

/* The checksum at `at`, of what begins at `from` and ends where the frame does, and of a pseudo header that has changed too. */
static void mend_sum(struct mend *m, uint32_t from, uint32_t at, uint32_t pseudo, bool udp)
{
    uint16_t was = mcc_be16(m->frame + at);
    uint32_t delta = mcc_ones_add(from & 1 ? swapped(m->delta) : m->delta, pseudo);
    if (mcc_checksum_fold(delta) % 0xffff == 0)
        return; /* changes that cancel each other, as those of a header with its checksum do: not even 0xffff becomes 0 */
    mcc_checksum_apply(m->frame + at, delta, udp);
    mend_word(m, at, was, mcc_be16(m->frame + at));
}

static void mend_ip(struct mend *m, uint32_t at)
{
    uint8_t *h = m->frame + at;
    uint16_t was = mcc_be16(h + 2), sum = mcc_be16(h + 10);
    uint32_t delta = 0;
    mend_length(m, at + 2);
    mcc_delta16(&delta, was, mcc_be16(h + 2));
    mcc_checksum_apply(h + 10, delta, false);
    mend_word(m, at + 10, sum, mcc_be16(h + 10));
}

static void mend_udp(struct mend *m, uint32_t at)
{
    uint16_t was = mcc_be16(m->frame + at + 4);
    uint32_t pseudo = 0;
    if (m->longer)
        mend_length(m, at + 4);
    mcc_delta16(&pseudo, was, mcc_be16(m->frame + at + 4));
    mend_sum(m, at, at + 6, pseudo, true);
}

static void mend_layer(struct mend *m, const struct mcc_inner_layer *layer)
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

/* Whether its enclosing headers, or what is behind it, may be wrong for the packet as it is. */
static bool inner_changed(const struct mcc_packet *p)
{
    return p->len != p->outer.len || (p->outer.watched && inner_digest(p) != p->outer.digest) ||
           (p->outer.summed && mcc_checksum_sum(p->data, p->len) != p->outer.sum);
}

/* Puts the FCS of an 802.11 frame, which begins behind its radiotap header, at its end (IEEE 802.11, 9.2.4.8). */
static void mend_fcs(struct mcc_packet *p)
{
    uint32_t crc = UINT32_MAX;
    for (uint32_t i = p->data[2] | (uint32_t)p->data[3] << 8; i < p->len; i++) {
        crc ^= p->data[i];
        for (unsigned bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
    }
    if (p->room < p->len + 4)
        return;
    mcc_packet_guard(p, p->len + 4);
    for (unsigned i = 0; i < 4; i++)
        p->data[p->len++] = (uint8_t)(~crc >> 8 * i);
    p->wire_len = p->len;
}

/* The packet has its enclosing headers again, corrected where it was changed. */
static void inner_restore(struct mcc_packet *p)
{
    struct mcc_outer o = p->outer;
    bool changed = inner_changed(p);
    struct mend m = {.longer = (p->len - o.len) & 0xffff};
    if (o.summed) {
        mcc_delta16(&m.delta, o.sum, mcc_checksum_sum(p->data, p->len));
        m.delta = o.head & 1 ? swapped(m.delta) : m.delta;
    }
    p->outer.peeled = false;
    p->data -= o.head;
    p->len += o.head + (changed ? 0 : o.tail);
    p->wire_len = p->wire_len + o.head + (changed ? 0 : o.tail);
    p->room += o.head;
    p->headroom = o.headroom;
    p->link = o.link;
    p->mtu = o.mtu;
    mcc_packet_guard(p, p->len);
    m.frame = p->data;
    struct mcc_inner in;
    if (changed && mcc_inner_find(p->data, p->len, p->link, false, &in)) {
        for (uint32_t i = in.layers; i-- > 0;)
            if (in.layer[i].at < o.head)
                mend_layer(&m, &in.layer[i]);
        if (in.fcs)
            mend_fcs(p);
    }
    if (changed && (m.longer || o.tail) && p->link == MCC_LINK_ETHERNET &&
        p->len < MCC_ETH_MIN_BYTES) {
        mcc_packet_guard(p, MCC_ETH_MIN_BYTES);
        memset(p->data + p->len, 0, MCC_ETH_MIN_BYTES - p->len);
        p->len = p->wire_len = MCC_ETH_MIN_BYTES;
    }
    mcc_parse(p);
}

/* A copy that is to leave: the packet itself is kept for later. What lies behind the packet is copied too: the tail, and how its
 * frame came in fragments (mcc_frag_parts.h), which is written at the end of the buffer. */
static struct mcc_packet *inner_copy(struct mcc_core *core, struct mcc_packet *p)
{
    uint32_t len = p->len;
    size_t used = (size_t)(p->data + p->room - (uint8_t *)p);
    size_t stride = used > MCC_BUFFER_STRIDE ? MCC_BUFFER_LARGE_STRIDE : MCC_BUFFER_STRIDE;
    uint32_t behind = p->outer.mtu ? (uint32_t)(stride - used) + p->room - len : p->outer.tail;
    mcc_packet_unguard(p->data, len + behind);
    p->len += behind;
    struct mcc_packet *q = mcc_buffer_copy(core->buffers, p);
    p->len = len;
    if (q) {
        q->len = len;
        q->outer.tail = p->outer.tail;
        if (p->outer.mtu)
            q->room = p->room;
    }
    mcc_packet_guard(p, len);
    return q;
}

void mcc_inner_leave(struct mcc_core *core, struct mcc_packet *p, uint16_t port)
{
    if (core->checksums == MCC_CHECKSUMS_FIX && !p->outer.sealed)
        mcc_checksum_fill(p);
    if (p->outer.sealed && inner_changed(p)) {
        mcc_core_drop(core, p, MCC_DROP_SEALED);
        return;
    }
    if (p->refs) {
        struct mcc_packet *q = inner_copy(core, p);
        if (!q) {
            mcc_core_drop(core, p, MCC_DROP_NO_BUFFER);
            return;
        }
        mcc_buffer_put(core->buffers, p);
        p = q;
    }
    inner_restore(p);
#ifdef MCC_STREAMS
    mcc_frag_send(core, p, port);
#else
    mcc_core_send(core, p, port);
#endif
}

/* ---------------------------------------------------------------- the other way */

void mcc_inner_note(struct mcc_inner_kept *kept, const struct mcc_packet *p)
{
    kept->outer = p->outer;
    kept->outer.mtu = kept->outer.tail = 0;
    if (p->outer.peeled)
        memcpy(kept->bytes, p->data - p->outer.head, p->outer.head);
}

static void exchange(uint8_t *a, uint8_t *b, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        uint8_t was = a[i];
        a[i] = b[i];
        b[i] = was;
    }
}

/* Exchanges the addresses of all enclosing headers of q: no checksum changes. */
static bool inner_turn(struct mcc_packet *q, const struct mcc_packet *p)
{
    struct mcc_inner in;
    uint8_t *frame = q->data - q->outer.head;
    const uint8_t *was = p->data - p->outer.head;
    if (!mcc_inner_find(was, p->outer.head + p->len, p->outer.link, false, &in) || in.one_way)
        return false;
    for (uint32_t i = 0; i < in.layers && in.layer[i].at < q->outer.head; i++) {
        uint8_t *h = frame + in.layer[i].at;
        if (in.layer[i].kind == MCC_INNER_ETH)
            exchange(h, h + 6, 6);
        else if (in.layer[i].kind == MCC_INNER_IP)
            exchange(h + 12, h + 16, 4);
        else if (in.layer[i].kind == MCC_INNER_IP6)
            exchange(h + 8, h + 24, 16);
    }
    return true;
}

bool mcc_inner_answer(struct mcc_packet *q, const struct mcc_packet *p,
                      const struct mcc_inner_kept *kept)
{
    if (kept && kept->outer.peeled) {
        q->outer = kept->outer;
        q->outer.headroom = (uint16_t)(q->headroom - kept->outer.head);
        q->headroom = 0;
        mcc_packet_unguard(q->data - kept->outer.head, kept->outer.head);
        memcpy(q->data - kept->outer.head, kept->bytes, kept->outer.head);
        return true;
    }
    mcc_buffer_outer(q, p);
    q->outer.mtu = 0;
    return !p->outer.peeled || inner_turn(q, p);
}
