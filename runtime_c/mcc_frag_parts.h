/* How a datagram came in fragments, written behind the room of its buffer (mcc_frag.h): numbers of 16 bits, high byte first.
 *
 *   count | l3 | head | bytes | the first `head` bytes of the whole as it was joined
 *   in order of arrival, `count` times:  offset | len | head | padding | `head` bytes of the frame | `padding` bytes behind
 */
#ifndef MCC_FRAG_PARTS_H
#define MCC_FRAG_PARTS_H

#include "mcc_frag.h"
#include "mcc_made.h"

enum { MCC_PROTO_FRAGMENT = 44, MCC_FRAG_RECORD_HEAD = 8, MCC_FRAG_PART_HEAD = 8 };

static inline uint32_t mcc_frag_padding(const struct mcc_packet *p)
{
    uint32_t n = p->len - p->ip_end;
    return n < MCC_FRAG_PADDING ? n : MCC_FRAG_PADDING;
}

static inline uint32_t mcc_frag_record_bytes(const struct mcc_packet *first, uint32_t head)
{
    uint32_t n = MCC_FRAG_RECORD_HEAD + head;
    for (const struct mcc_packet *p = first; p; p = p->next)
        n += MCC_FRAG_PART_HEAD + (uint32_t)(p->content - p->data) + mcc_frag_padding(p);
    return n;
}

/* Writes the record of q, joined of the `count` fragments from `first` on. */
static inline void mcc_frag_record_write(struct mcc_packet *q, uint32_t head, uint32_t bytes,
                                         const struct mcc_packet *first, uint32_t count)
{
    const struct mcc_packet *by_arrival[MCC_FRAG_PARTS];
    uint8_t *at = q->data + q->room;
    for (const struct mcc_packet *p = first; p; p = p->next)
        by_arrival[p->order] = p;
    mcc_put16(at, count);
    mcc_put16(at + 2, first->l3);
    mcc_put16(at + 4, head);
    mcc_put16(at + 6, bytes);
    memcpy(at + MCC_FRAG_RECORD_HEAD, q->data, head);
    at += MCC_FRAG_RECORD_HEAD + head;
    for (uint32_t i = 0; i < count; i++) {
        const struct mcc_packet *p = by_arrival[i];
        uint32_t own = (uint32_t)(p->content - p->data), padding = mcc_frag_padding(p);
        mcc_put16(at, (uint32_t)p->pos);
        mcc_put16(at + 2, p->in_len);
        mcc_put16(at + 4, own);
        mcc_put16(at + 6, padding);
        memcpy(at + MCC_FRAG_PART_HEAD, p->data, own);
        memcpy(at + MCC_FRAG_PART_HEAD + own, p->data + p->ip_end, padding);
        at += MCC_FRAG_PART_HEAD + own + padding;
    }
}

/* The record of p; NULL: it has none (a copy of a datagram, or a part of one). */
static inline const uint8_t *mcc_frag_record(const struct mcc_packet *p)
{
    const uint8_t *end = p->data + p->room;
    size_t used = (size_t)(end - (const uint8_t *)p);
    return used == MCC_BUFFER_STRIDE || used == MCC_BUFFER_LARGE_STRIDE ? NULL : end;
}

/* Bytes of the record of p; 0: it has none. */
static inline uint32_t mcc_frag_record_length(const struct mcc_packet *p)
{
    const uint8_t *record = p->mtu ? mcc_frag_record(p) : NULL;
    if (!record)
        return 0;
    uint32_t count = mcc_be16(record), n = (uint32_t)MCC_FRAG_RECORD_HEAD + mcc_be16(record + 4);
    for (uint32_t i = 0; i < count; i++)
        n += (uint32_t)MCC_FRAG_PART_HEAD + mcc_be16(record + n + 4) + mcc_be16(record + n + 6);
    return n;
}

/* A copy of p in a buffer of `b`, its record with it. NULL: there is none free. */
static inline struct mcc_packet *mcc_frag_copy(struct mcc_buffers *b, const struct mcc_packet *p)
{
    uint32_t record = mcc_frag_record_length(p);
    struct mcc_packet *q = mcc_buffer_get(b, p->len + record);
    if (!q)
        return NULL;
    q->room -= record;
    mcc_packet_unguard(q->data + q->room, record);
    if (record)
        memcpy(q->data + q->room, mcc_frag_record(p), record);
    memcpy(q->data, p->data, p->len);
    q->len = p->len;
    q->wire_len = p->wire_len;
    q->at = p->at;
    q->in_port = p->in_port;
    q->link = p->link;
    q->gso = p->gso;
    q->mtu = p->mtu;
    q->frag_id = p->frag_id;
    mcc_packet_guard(q, q->len);
    return q;
}

#endif
