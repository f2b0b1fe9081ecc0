/* Fragments out: as they came where the datagram's length is what it was, else cut anew. */
#include "mcc_frag.h"

#include "mcc_frag_parts.h"
#include "mcc_made.h"

/* A frame of `head` bytes at `headers`, `n` bytes of content and `padding`, with the times and ports of p; NULL: no buffer. */
static struct mcc_packet *frame_of(struct mcc_core *core, const struct mcc_packet *p,
                                   const uint8_t *headers, uint32_t head, const uint8_t *content,
                                   uint32_t n, const uint8_t *pad, uint32_t padding)
{
    struct mcc_packet *q = mcc_buffer_get(core->buffers, head + n + padding);
    if (!q)
        return NULL;
    memcpy(q->data, headers, head);
    memcpy(q->data + head, content, n);
    if (padding)
        memcpy(q->data + head + n, pad, padding);
    q->at = p->at;
    q->order = p->order; /* where batches change the order, it leaves in its place */
    q->in_port = p->in_port;
    q->link = p->link;
    q->next_hop = p->next_hop;
    q->entry_len = q->len;
#if MCC_INNER
    mcc_buffer_outer(q, p);
#endif
    return q;
}

static void send_frame(struct mcc_core *core, struct mcc_packet *q, uint16_t port)
{
    if (!q) {
        core->drops[MCC_DROP_NO_BUFFER]++;
        return;
    }
    mcc_parse(q);
    mcc_core_send(core, q, port);
}

/* ---------------------------------------------------------------- as they came */

/* What the chain has changed in the headers of the whole, from `was` to `now`, is changed in those of a fragment. */
static void rewrite_head(uint8_t *own, uint32_t own_len, const uint8_t *was, const uint8_t *now,
                         uint32_t l3, bool v6)
{
    uint32_t delta = 0, end = l3 + (v6 ? (uint32_t)MCC_IP6_BYTES : own_len - l3);
    for (uint32_t i = 0; i < end; i++) {
        uint32_t in = i - l3; /* in the IP header: length and checksum are its own */
        uint8_t flip = was[i] ^ now[i];
        if (!flip || (i >= l3 && (v6 ? in >= 4 && in < 7
                                     : (in >= 2 && in < 4) || in == 7 || in == 10 || in == 11)))
            continue;
        uint8_t value =
            !v6 && i >= l3 && in == 6 ? (uint8_t)((own[i] & 0x3f) | (now[i] & 0xc0)) : now[i];
        if (i >= l3)
            mcc_delta8(&delta, own[i], value, in & 1);
        own[i] = value;
    }
    if (!v6 && delta)
        mcc_checksum_apply(own + l3 + 10, delta, false);
}

/* Sends p in the fragments of its record. */
static void send_as_came(struct mcc_core *core, const struct mcc_packet *p, const uint8_t *record,
                         uint16_t port)
{
    uint32_t count = mcc_be16(record), l3 = mcc_be16(record + 2), head = mcc_be16(record + 4);
    const uint8_t *was = record + MCC_FRAG_RECORD_HEAD, *at = was + head;
    bool v6 = !(p->layers & MCC_IP), changed = memcmp(was, p->data, head) != 0;
    core->made += count - 1;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t offset = mcc_be16(at), len = mcc_be16(at + 2), own = mcc_be16(at + 4),
                 padding = mcc_be16(at + 6);
        const uint8_t *headers = at + MCC_FRAG_PART_HEAD;
        struct mcc_packet *q =
            frame_of(core, p, headers, own, p->data + head + offset, len, headers + own, padding);
        if (q && changed)
            rewrite_head(q->data, own < head || v6 ? own : head, was, p->data, l3, v6);
        send_frame(core, q, port);
        at += MCC_FRAG_PART_HEAD + own + padding;
    }
}

/* ---------------------------------------------------------------- cut anew */

/* The IPv4 header of a later fragment: of the options, those that are to be copied (RFC 791, 3.2). Its length. */
static uint32_t later_header(uint8_t *to, const uint8_t *ip, uint32_t header)
{
    uint32_t n = MCC_IP_BYTES;
    memcpy(to, ip, MCC_IP_BYTES);
    for (uint32_t i = MCC_IP_BYTES; i < header && ip[i] != 0;) {
        uint32_t len = ip[i] == 1 ? 1 : i + 1 < header ? ip[i + 1] : 0;
        if (len == 0 || (len < 2 && ip[i] != 1) || i + len > header)
            break;
        if (ip[i] & 0x80) {
            memcpy(to + n, ip + i, len);
            n += len;
        }
        i += len;
    }
    while (n % 4)
        to[n++] = 0;
    to[0] = (uint8_t)(0x40 | n / 4);
    return n;
}

/* The link and IP headers of the fragment of p at `offset` with `n` bytes. Returns their length. */
static uint32_t fragment_head(uint8_t *to, const struct mcc_packet *p, uint32_t offset, uint32_t n,
                              bool more)
{
    const uint8_t *ip = p->data + p->l3;
    memcpy(to, p->data, p->l3);
    uint8_t *out = to + p->l3;
    if (p->layers & MCC_IP) {
        uint32_t header = p->l4 - p->l3;
        if (offset)
            header = later_header(out, ip, header);
        else
            memcpy(out, ip, header);
        mcc_put16(out + 2, header + n);
        mcc_put16(out + 6, (mcc_be16(ip + 6) & 0xc000u) | (more ? 0x2000u : 0) | offset / 8);
        mcc_checksum_write(out + 10, mcc_checksum_ip4(out), false);
        return p->l3 + header;
    }
    memcpy(out, ip, MCC_IP6_BYTES);
    mcc_put16(out + 4, n + 8);
    out[6] = MCC_PROTO_FRAGMENT;
    uint8_t *f = out + MCC_IP6_BYTES;
    f[0] = ip[6];
    f[1] = 0;
    mcc_put16(f + 2, offset | more);
    mcc_put32(f + 4, p->frag_id);
    return p->l3 + MCC_IP6_BYTES + 8u;
}

/* Sends p, which has `bytes` behind its IP header, in fragments of at most `most` bytes of IP. */
static void send_cut(struct mcc_core *core, const struct mcc_packet *p, uint32_t bytes,
                     uint32_t most, uint16_t port)
{
    uint8_t headers[UINT8_MAX + 60 + 8];
    uint32_t header = p->layers & MCC_IP ? (uint32_t)(p->l4 - p->l3) : MCC_IP6_BYTES + 8u;
    uint32_t step = (most - header) & ~7u;
    for (uint32_t offset = 0; offset < bytes; offset += step) {
        uint32_t n = bytes - offset < step ? bytes - offset : step;
        uint32_t head = fragment_head(headers, p, offset, n, offset + n < bytes);
        core->made += offset != 0;
        send_frame(core, frame_of(core, p, headers, head, p->data + p->l4 + offset, n, NULL, 0),
                   port);
    }
}

void mcc_frag_leave(struct mcc_core *core, struct mcc_packet *p, uint16_t port)
{
    const uint8_t *record = mcc_frag_record(p);
    if (!(p->layers & (MCC_IP | MCC_IP6))) {
        mcc_core_send(core, p, port);
        return;
    }
#if MCC_INNER
    if (p->layers & MCC_IP6 && p->l4 != p->l3 + MCC_IP6_BYTES) { /* with extension headers */
        mcc_core_send(core, p, port);
        return;
    }
#endif
    if (core->checksums == MCC_CHECKSUMS_FIX)
        mcc_checksum_fill(p);
    bool v6 = !(p->layers & MCC_IP);
    uint32_t head = p->l4, bytes = p->ip_end - head, total = p->ip_end - p->l3;
    uint32_t least = v6 ? MCC_FRAG_LEAST_IP6 : MCC_FRAG_LEAST_IP,
             most = p->mtu > least ? p->mtu : least;
    if (p->stream & MCC_STREAM_GROWN && mcc_packet_mtu(p, core->mtu[port]) > most)
        most = mcc_packet_mtu(p, core->mtu[port]);
    if (record && mcc_be16(record + 2) == p->l3 && mcc_be16(record + 4) == head &&
        mcc_be16(record + 6) == bytes &&
        (!v6 || record[MCC_FRAG_RECORD_HEAD + p->l3 + 6] == p->data[p->l3 + 6])) {
        send_as_came(core, p, record, port);
    } else if (total <= most) {
        mcc_core_send(core, p, port);
        return;
    } else if (total > 65535 || p->l3 > UINT8_MAX) {
        mcc_core_drop(core, p, MCC_DROP_FRAG_LIMIT);
        return;
    } else {
        send_cut(core, p, bytes, most, port);
    }
    mcc_buffer_put(core->buffers, p);
}
