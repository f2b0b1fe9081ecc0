/* Into tunnels and out again: what enclosing headers say of a packet is corrected where it leaves. */
#include "mcc_inner.h"

#include "mcc_frag_parts.h"
#include "mcc_hash.h"
#include "mcc_inflate.h"
#include "mcc_made.h"

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

/* A hash, eight bytes at a time. A change and its mended checksum leave the sum of the packet as it was, but not this. Where the
 * frame that lies behind the packet is to leave in its place, that counts too: somebody may have written over it. */
static uint64_t inner_digest(const struct mcc_packet *p)
{
    const uint64_t odd = 0xe7037ed1a0b428dbu; /* wyhash's */
    uint32_t left = p->len + (p->outer.compressed ? mcc_packet_tail(p) : 0);
    const uint8_t *at = p->data;
    uint64_t mixed = odd, word;
    mcc_packet_unguard(at, left);
    for (; left >= sizeof word; left -= (uint32_t)sizeof word, at += sizeof word) {
        memcpy(&word, at, sizeof word);
        mixed = mcc_hash_fold(mixed ^ word, odd);
    }
    word = 0;
    memcpy(&word, at, left);
    return mcc_hash_fold(mixed ^ word, odd);
}

/* p, which holds a frame, becomes its innermost IP packet; `tail` bytes lie behind that. */
static void inner_peel(struct mcc_packet *p, const struct mcc_inner *in, uint32_t tail,
                       bool compressed)
{
    uint32_t len = in->end - in->at;
    p->outer = (struct mcc_outer){.len = len,
                                  .tail = (uint16_t)tail,
                                  .mtu = p->mtu,
                                  .headroom = p->headroom,
                                  .head = (uint8_t)in->at,
                                  .link = p->link,
                                  .peeled = true,
                                  .sealed = in->sealed,
                                  .watched = in->sealed || tail,
                                  .compressed = compressed,
                                  .summed = inner_is_covered(p->data, in)};
    p->mtu = 0;
    p->data += in->at;
    p->len = len;
    p->wire_len -= in->at + tail;
    p->room -= in->at;
    p->headroom = 0; /* it holds what encloses the packet */
    p->link = MCC_LINK_RAW;
    if (p->outer.summed)
        p->outer.sum = mcc_checksum_sum(p->data, len);
    if (p->outer.watched)
        p->outer.digest = inner_digest(p);
}

/* A packet in the place of p, which came compressed: `frame` is that of p without IPComp. How the frame of p came in fragments
 * (mcc_frag_parts.h) stays at the end of the buffer. NULL: no buffer; p is dropped. */
static struct mcc_packet *inner_unpack(struct mcc_core *core, struct mcc_packet *p,
                                       const uint8_t *frame, const struct mcc_inner *in)
{
    uint32_t record = mcc_frag_record_length(p);
    struct mcc_packet *q = mcc_buffer_get(core->buffers, in->end + p->len + record);
    if (!q) {
        mcc_core_drop(core, p, MCC_DROP_NO_BUFFER);
        return NULL;
    }
    struct mcc_packet buffer = *q;
    *q = *p;
    q->data = buffer.data;
    q->headroom = buffer.headroom;
    q->room = buffer.room - record;
    q->cookie = buffer.cookie;
    q->next = NULL;
    q->refs = 0;
    q->len = in->end;
    q->wire_len = p->wire_len + in->end;
    memcpy(q->data, frame, in->end);
    memcpy(q->data + in->end, p->data, p->len);
    if (record) {
        mcc_packet_unguard(q->data + q->room, record);
        memcpy(q->data + q->room, mcc_frag_record(p), record);
    }
    inner_peel(q, in, p->len, true);
    mcc_packet_guard(q, q->len);
    mcc_buffer_put(core->buffers, p);
    return q;
}

/* What the chain is to see of p, as it came in; NULL: it was dropped. */
static struct mcc_packet *inner_enter(struct mcc_core *core, struct mcc_packet *p)
{
    struct mcc_inner in, plain;
    p->outer = (struct mcc_outer){.peeled = false};
    if (inner_is_plain(p) || !mcc_inner_find(p->data, p->len, p->link, false, &in))
        return p;
    const uint8_t *frame =
        mcc_inner_inflated(core->inflate, p->data, p->len, p->link, false, &in, &plain);
    if (frame)
        return inner_unpack(core, p, frame, &plain);
    if ((in.tunnelled || in.extended) && in.at <= MCC_HEADROOM && p->len - in.end <= UINT16_MAX)
        inner_peel(p, &in, p->len - in.end, false);
    return p;
}

uint32_t mcc_inner_burst(struct mcc_core *core, struct mcc_packet **packets, uint32_t n,
                         uint64_t ports)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < n; i++) {
        struct mcc_packet *p = packets[i];
        if (ports >> p->in_port & 1)
            p = inner_enter(core, p);
        if (p)
            packets[kept++] = p;
    }
    return kept;
}

/* ---------------------------------------------------------------- out */

/* Whether its enclosing headers, or what is behind it, may be wrong for the packet as it is. */
static bool inner_changed(const struct mcc_packet *p)
{
    return p->len != p->outer.len || (p->outer.watched && inner_digest(p) != p->outer.digest) ||
           (p->outer.summed && mcc_checksum_sum(p->data, p->len) != p->outer.sum);
}

/* Puts the FCS of an 802.11 frame, which begins behind its radiotap header, at its end (IEEE 802.11, 9.2.4.8). */
static void inner_fcs(struct mcc_packet *p)
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

/* The packet, unchanged, is again the frame that came compressed. */
static void inner_compressed_again(struct mcc_packet *p)
{
    uint32_t len = p->outer.tail;
    p->wire_len = p->wire_len - p->len + len;
    p->data += p->len;
    p->room -= p->len;
    p->len = len;
    p->headroom = 0;
}

/* The packet has its enclosing headers again. */
static void inner_enclose(struct mcc_packet *p, bool changed)
{
    const struct mcc_outer *o = &p->outer;
    uint32_t more = o->head + (changed ? 0u : o->tail);
    p->data -= o->head;
    p->len += more;
    p->wire_len += more;
    p->room += o->head;
    p->headroom = o->headroom;
}

/* Corrects the enclosing headers of p, which has them again, `o` is about, and was changed. */
static void inner_mend(struct mcc_packet *p, const struct mcc_outer *o)
{
    struct mcc_inner in;
    uint32_t longer = p->len - o->head - o->len;
    uint16_t now = o->summed ? mcc_checksum_sum(p->data + o->head, p->len - o->head) : 0;
    struct mcc_mend m = mcc_mend_begin(p->data, o->head, o->summed ? o->sum : 0, now, longer);
    if (mcc_inner_find(p->data, p->len, p->link, false, &in)) {
        for (uint32_t i = in.layers; i-- > 0;)
            if (in.layer[i].at < o->head)
                mcc_mend_layer(&m, &in.layer[i]);
        if (in.fcs)
            inner_fcs(p);
    }
    if ((m.longer || o->tail) && p->link == MCC_LINK_ETHERNET && p->len < MCC_ETH_MIN_BYTES) {
        mcc_packet_guard(p, MCC_ETH_MIN_BYTES);
        memset(p->data + p->len, 0, MCC_ETH_MIN_BYTES - p->len);
        p->len = p->wire_len = MCC_ETH_MIN_BYTES;
    }
}

/* The packet is the frame again: as it came, or with enclosing headers that are right for what was changed. */
static void inner_restore(struct mcc_packet *p, bool changed)
{
    struct mcc_outer o = p->outer;
    if (o.compressed && !changed)
        inner_compressed_again(p);
    else
        inner_enclose(p, changed);
    p->outer.peeled = false;
    p->link = o.link;
    p->mtu = o.mtu;
    mcc_packet_guard(p, p->len);
    if (changed)
        inner_mend(p, &o);
    mcc_parse(p);
}

/* A copy that is to leave: the packet itself is kept for later. What lies behind the packet is copied too: the tail, and how its
 * frame came in fragments (mcc_frag_parts.h), which is written at the end of the buffer. */
static struct mcc_packet *inner_copy(struct mcc_core *core, struct mcc_packet *p)
{
    if (!p->outer.mtu)
        return mcc_buffer_copy(core->buffers, p);
    size_t used = (size_t)(p->data + p->room - (uint8_t *)p);
    size_t stride = used > MCC_BUFFER_STRIDE ? MCC_BUFFER_LARGE_STRIDE : MCC_BUFFER_STRIDE;
    struct mcc_packet *q =
        mcc_buffer_copy_behind(core->buffers, p, (uint32_t)(stride - used) + p->room - p->len);
    if (q)
        q->room = p->room;
    return q;
}

void mcc_inner_leave(struct mcc_core *core, struct mcc_packet *p, uint16_t port)
{
    if (core->checksums == MCC_CHECKSUMS_FIX && !p->outer.sealed)
        mcc_checksum_fill(p);
    bool changed = inner_changed(p);
    if (p->outer.sealed && changed) {
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
    inner_restore(p, changed);
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
    kept->outer.compressed = false; /* what we make goes as it is */
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
