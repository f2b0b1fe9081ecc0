/* What was seen before comes again: retransmissions, overlaps, keep-alives. The first copy counts. */
#include "mcc_tcp.h"

#include "mcc_header.h"

enum { KEEPALIVE = 1 };

/* Counts bytes that came before, at x, with other values, where nothing was edited, so that it can be told. */
static void conflicts(const struct mcc_turn *t, const struct mcc_tcp_way *w, const uint8_t *bytes,
                      uint32_t len, uint64_t x)
{
    const struct mcc_way *map = &t->ways[t->id & 1];
    uint64_t y = map->forward_low ? map->forward_low(t->flow, x) : x;
    uint64_t end = map->forward ? map->forward(t->flow, x + len) : x + len;
    if (end - y != len)
        return;
    bool changed = false, differs = mcc_tcp_differs(w, y, bytes, len, &changed) && !changed;
    uint32_t since;
    const struct mcc_packet *q = map->held ? map->held(t->flow, &since) : NULL;
    for (; q && !differs; q = q->next) {
        const struct mcc_span both = mcc_span_meet(q->pos, q->in_len, x, len);
        if (both.len && !(q->stream & MCC_STREAM_EDITED) && q->in_len == q->content_len)
            differs = memcmp(q->content + (both.at - q->pos), bytes + (both.at - x), both.len) != 0;
    }
    if (differs)
        t->shared->tcp.conflicts++;
}

void mcc_tcp_again(const struct mcc_turn *t, struct mcc_tcp *tcp, struct mcc_packet *p,
                   const struct mcc_segment *s)
{
    unsigned d = t->id & 1;
    struct mcc_tcp_way *w = &tcp->way[d];
    const struct mcc_way *map = &t->ways[d];
    uint32_t before = (int64_t)s->x < 0 ? (uint32_t)-(int64_t)s->x
                                        : 0; /* bytes in the place of the SYN or earlier */
    uint64_t behind = s->x + s->len, first = before ? 0 : s->x;
    before = before < s->len ? before : s->len;
    if ((int64_t)behind < 0)
        behind = 0;
    uint64_t low = map->forward_low ? map->forward_low(t->flow, first) : first;
    uint64_t high = map->forward ? map->forward(t->flow, behind) : behind;
    uint64_t limit = w->queued ? mcc_tcp_left(w) : w->sent - w->fin_sent;
    bool has_all =
        w->acked == w->sent || (tcp->mapped && w->told == w->next); /* as far as its sender knows */
    bool probe = has_all && s->len <= KEEPALIVE && s->x + 1 == w->next &&
                 !(s->flags & (MCC_TCP_SYN | MCC_TCP_FIN));
    if (probe) /* RFC 1122, 4.2.3.6: not data */
        t->shared->tcp.keepalives++;
    else
        t->shared->tcp.retransmitted++;
    mcc_tcp_payload(p, 0, s->len);
    p->stream = 0;
    if ((int64_t)(high - limit) > 0)
        high = limit;
    if (!tcp->mapped && !map->forward && !t->rules->writes) {
        bool changed = false;
        if (mcc_tcp_differs(w, low, p->content + before, s->len - before, &changed)) {
            t->shared->tcp.conflicts++;
            p->stream |= MCC_STREAM_CHANGED;
            mcc_tcp_overlay(w, low, p->content + before, s->len - before);
            mcc_checksum_fill(p);
        }
        map->out(t->box, t->flow, t->id, p);
        return;
    }
    if (probe) { /* its byte may be garbage, or one that an element holds or has replaced: it goes without */
        mcc_tcp_resend(t, tcp, p, w->acked - 1, 0, false);
        return;
    }
    conflicts(t, w, p->content + before, s->len - before, first);
    bool fin = s->flags & MCC_TCP_FIN && w->fin && w->fin_sent && !w->queued;
    if (w->queued &&
        (int64_t)(low - limit) >= 0) { /* it has not left yet: the window has no room */
        mcc_tcp_push(t, tcp, true);
        mcc_core_drop(t->core, p, MCC_DROP_TCP_ANSWERED);
        return;
    }
    if ((int64_t)(low - w->acked) < 0)
        low = w->acked;
    bool syn = s->flags & MCC_TCP_SYN, done = (int64_t)((fin ? w->sent : high) - w->acked) <= 0;
    bool early = tcp->mapped && (int64_t)(behind + (s->flags & MCC_TCP_FIN) - w->told) <= 0;
    /* the receiver has it, or we have said so: the sender must have lost our word of it */
    if ((done || early) && !syn) {
        if (w->queued) /* it probes for room, which is ours to do */
            mcc_tcp_push(t, tcp, true);
        mcc_tcp_make(t, tcp, 1 - d, p, MCC_TCP_ACK);
        if (done || (int64_t)(high - low) <= 0) {
            mcc_core_drop(t->core, p, MCC_DROP_TCP_ANSWERED);
            return;
        }
    }
    mcc_tcp_resend(t, tcp, p, low, (int64_t)(high - low) > 0 ? (uint32_t)(high - low) : 0, fin);
}

struct mcc_packet *mcc_tcp_known_front(const struct mcc_turn *t, struct mcc_tcp_way *w,
                                       struct mcc_packet *p, const struct mcc_segment *s,
                                       uint32_t known)
{
    t->shared->tcp.overlaps++;
    if (mcc_tcp_strict(t->rules)) {
        conflicts(t, w, p->content, known, s->x);
        mcc_tcp_cut_front(p, known);
        return p;
    }
    bool changed = false;
    if (mcc_tcp_differs(w, s->x, p->content, known, &changed)) {
        t->shared->tcp.conflicts++;
        mcc_tcp_overlay(w, s->x, p->content, known);
        mcc_checksum_fill(p);
    }
    struct mcc_packet *copy = mcc_buffer_copy(t->core->buffers, p);
    t->ways[t->id & 1].out(t->box, t->flow, t->id, p);
    if (copy) { /* its new bytes are read */
        mcc_tcp_payload(copy, known, s->len);
        copy->stream = MCC_STREAM_SENT;
    }
    return copy;
}
