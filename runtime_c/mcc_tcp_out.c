/* Segments out: what the elements released, cut to what the path takes, and what is sent again. */
#include "mcc_tcp.h"

#include "mcc_flow.h"
#include "mcc_header.h"
#include "mcc_made.h"

enum { LEAST = 536, FIRST_RTO_TICKS = 60 /* one second, RFC 6298, 2.1 */ };

/* The most payload that a segment of direction d may carry: what the receiver takes, and never more than the sender itself has sent
 * where that shows a narrower path (RFC 6691, 9293 3.7.1). */
static uint32_t segment_limit(const struct mcc_tcp *tcp, const struct mcc_packet *p, unsigned d)
{
    const struct mcc_tcp_way *w = &tcp->way[d], *to = &tcp->way[1 - d];
    uint32_t options = 4u * (p->data[p->l4 + 12] >> 4) - 20u, least = LEAST - options;
    uint32_t limit = w->biggest > least + options ? w->biggest - options : least;
    if (to->mss > options && limit > to->mss - options && w->biggest <= to->mss)
        limit = to->mss - options;
    return limit;
}

/* Sends n bytes of content as the segment at y. */
static void send_one(const struct mcc_turn *t, struct mcc_tcp *tcp, struct mcc_packet *p, uint32_t n, bool fin)
{
    unsigned d = t->id & 1;
    struct mcc_tcp_way *w = &tcp->way[d];
    uint64_t y = w->sent;
    if (tcp->mapped || p->stream & MCC_STREAM_CHANGED) {
        mcc_tcp_set_seq(p, w->isn + (uint32_t)y);
        mcc_tcp_translate(t, tcp, p, p->stream & MCC_STREAM_LATE);
        uint8_t flags = p->data[p->l4 + 13];
        if (flags & MCC_TCP_FIN && !fin)
            mcc_tcp_set_byte(p, p->l4 + 13u, flags & (uint8_t) ~(MCC_TCP_FIN | MCC_TCP_PSH));
        if (flags & MCC_TCP_URG)
            mcc_tcp_urgent(t, p, n);
    }
    if (p->stream & MCC_STREAM_CHANGED) {
        mcc_context_fit(p, n);
        mcc_checksum_fill(p);
        p->fix = 0;
        p->ip_delta = p->l4_delta = 0;
    }
    bool owned = false;
    if (w->early) {
        uint64_t x = t->ways[d].back ? t->ways[d].back(t->flow, y) : y;
        owned = (int64_t)(x - w->early) < 0;
    }
    w->sent += n + fin;
    w->fin_sent |= fin;
    p->content_len = n;
    if (n + fin) {
        mcc_tcp_keep(t, w, p, y, n, fin, owned);
        if (owned && !w->rto_at) {
            w->rto_at = mcc_tick_add(t->core->tick, FIRST_RTO_TICKS);
            w->tries = 0;
        }
    }
    t->ways[d].out(t->box, t->flow, t->id, p);
}

/* A packet with the headers of p and n bytes at `bytes` behind them; NULL: no buffer. */
static struct mcc_packet *part_of(const struct mcc_turn *t, const struct mcc_packet *p, const uint8_t *bytes, uint32_t n)
{
    uint32_t head = (uint32_t)(p->content - p->data);
    struct mcc_packet *q = mcc_buffer_get(t->core->buffers, head + n);
    if (!q)
        return NULL;
    struct mcc_packet buffer = *q;
    *q = *p;
    q->data = buffer.data;
    q->headroom = buffer.headroom;
    q->room = buffer.room;
    q->refs = 0;
    q->next = NULL;
    memcpy(q->data, p->data, head);
    if (n && bytes)
        memcpy(q->data + head, bytes, n);
    q->content = q->data + head;
    q->content_len = n;
    q->len = q->wire_len = head + n;
    q->stream = (uint8_t)((p->stream | MCC_STREAM_CHANGED) & ~(MCC_STREAM_FIN | MCC_STREAM_HELD));
    t->core->made++;
    return q;
}

/* The payload grew beyond what a segment may carry: several segments. */
static void send_split(const struct mcc_turn *t, struct mcc_tcp *tcp, struct mcc_packet *p, uint32_t limit, bool fin)
{
    struct mcc_packet *first = NULL, **last = &first;
    uint32_t n = p->content_len;
    for (uint32_t at = limit; at < n; at += limit) {
        struct mcc_packet *q = part_of(t, p, p->content + at, n - at < limit ? n - at : limit);
        if (!q) { /* no buffer: better one segment that is too long than a hole for ever */
            while ((q = first) != NULL) {
                first = q->next;
                t->core->made--;
                mcc_buffer_put(t->core->buffers, q);
            }
            send_one(t, tcp, p, n, fin);
            return;
        }
        *last = q;
        last = &q->next;
    }
    t->shared->tcp.split++;
    p->stream |= MCC_STREAM_CHANGED;
    send_one(t, tcp, p, limit, false);
    while (first) {
        struct mcc_packet *q = first;
        first = q->next;
        send_one(t, tcp, q, q->content_len, fin && !first);
    }
}

void mcc_tcp_send(const struct mcc_turn *t, struct mcc_tcp *tcp, struct mcc_packet *p)
{
    unsigned d = t->id & 1;
    struct mcc_tcp_way *w = &tcp->way[d];
    uint32_t n = p->content_len;
    bool fin = p->stream & MCC_STREAM_FIN;
    if (p->stream & MCC_STREAM_SENT) {
        if (n + fin)
            mcc_tcp_keep(t, w, p, w->sent, n, fin, false);
        w->sent += n + fin;
        w->fin_sent |= fin;
        mcc_buffer_put(t->core->buffers, p);
        return;
    }
    if (__builtin_expect(p->stream & MCC_STREAM_CHANGED, 0)) {
        uint32_t limit = segment_limit(tcp, p, d);
        if (n > limit) {
            send_split(t, tcp, p, limit, fin);
            return;
        }
        if (n == 0 && !fin) { /* swallowed whole: nobody else would acknowledge it */
            t->shared->tcp.swallowed++;
            if (w->acked == w->sent && (int64_t)(mcc_tcp_shown(t, tcp, d, w->acked) - w->told) > 0)
                mcc_tcp_make(t, tcp, 1 - d, p, MCC_TCP_ACK);
        }
    }
    send_one(t, tcp, p, n, fin);
}

/* ---------------------------------------------------------------- again */

/* One segment of a retransmission: n bytes at y are in q's content. */
static void resend_one(const struct mcc_turn *t, struct mcc_tcp *tcp, struct mcc_packet *q, uint64_t y, uint32_t n, bool fin)
{
    unsigned d = t->id & 1;
    mcc_tcp_set_seq(q, tcp->way[d].isn + (uint32_t)y);
    mcc_tcp_translate(t, tcp, q, false);
    uint8_t flags = q->data[q->l4 + 13];
    if (flags & MCC_TCP_FIN && !fin)
        mcc_tcp_set_byte(q, q->l4 + 13u, flags & (uint8_t)~MCC_TCP_FIN);
    if (flags & MCC_TCP_URG)
        mcc_tcp_urgent(t, q, n);
    mcc_context_fit(q, n);
    mcc_checksum_fill(q);
    q->fix = 0;
    q->ip_delta = q->l4_delta = 0;
    t->ways[d].out(t->box, t->flow, t->id, q);
}

void mcc_tcp_resend(const struct mcc_turn *t, struct mcc_tcp *tcp, struct mcc_packet *p, uint64_t y, uint32_t len, bool fin)
{
    unsigned d = t->id & 1;
    const struct mcc_tcp_way *w = &tcp->way[d];
    uint32_t limit = segment_limit(tcp, p, d), room = (uint32_t)(p->data + p->room - p->content);
    bool changed = false;
    mcc_packet_unguard(p->data, p->room);
    limit = limit < room ? limit : room;
    while (len > limit) {
        struct mcc_packet *q = part_of(t, p, NULL, limit);
        if (!q)
            break;
        if (mcc_tcp_recall(w, y, q->content, limit, &changed) < limit) {
            mcc_core_drop(t->core, q, MCC_DROP_TCP_FULL);
            mcc_core_drop(t->core, p, MCC_DROP_TCP_FULL);
            return;
        }
        resend_one(t, tcp, q, y, limit, false);
        y += limit;
        len -= limit;
    }
    len = len < limit ? len : limit;
    if (mcc_tcp_recall(w, y, p->content, len, &changed) < len) {
        mcc_core_drop(t->core, p, MCC_DROP_TCP_FULL);
        return;
    }
    resend_one(t, tcp, p, y, len, fin);
}

void mcc_tcp_resend_owned(const struct mcc_turn *t, struct mcc_tcp *tcp, unsigned d)
{
    struct mcc_tcp_way *w = &tcp->way[d];
    struct mcc_turn turn = *t;
    turn.id = (t->id & ~1u) | d;
    struct mcc_packet *q = w->kept && w->kept->owned ? mcc_buffer_copy(t->core->buffers, w->kept->packet) : NULL;
    if (!q)
        return;
    struct mcc_tcp_options o;
    mcc_tcp_options(q, &o);
    if (o.stamps && w->stamped && tcp->way[1 - d].stamped) {
        mcc_tcp_set_word(q, o.stamps + 2, w->stamp);
        mcc_tcp_set_word(q, o.stamps + 6, tcp->way[1 - d].stamp);
    }
    q->at = t->core->now;
    t->core->made++;
    t->shared->tcp.resent++;
    turn.ways[d].out(turn.box, turn.flow, turn.id, q);
}
