/* Order: what is next goes through the elements, what is ahead waits or is copied to be read later. */
#include "mcc_tcp.h"

enum { WAITING_MAX = 4096 };

/* ---------------------------------------------------------------- in order */

void mcc_tcp_skip_hole(const struct mcc_turn *t, struct mcc_tcp_way *w, uint64_t bytes)
{
    w->next += bytes;
    w->sent += bytes;
    t->shared->tcp.gaps++;
}

/* One packet goes through the elements. False: an element has closed or reset the connection. */
bool mcc_tcp_deliver(const struct mcc_turn *t, struct mcc_tcp *tcp, struct mcc_packet *p, bool fin)
{
    unsigned d = t->id & 1;
    struct mcc_tcp_way *w = &tcp->way[d];
    w->next += p->content_len + fin;
    if (fin) {
        w->fin = true;
        p->stream |= MCC_STREAM_FIN;
    }
    if (w->ended) { /* bytes behind the end: nobody looks at them */
        mcc_tcp_send(t, tcp, p);
        return true;
    }
    w->ended = fin;
    int verdict = t->ways[d].data(t->box, t->flow, t->id, p, fin);
    return verdict != MCC_CLOSE && verdict != MCC_RESET;
}

/* Whatever waited and is in order now. */
bool mcc_tcp_deliver_waiting(const struct mcc_turn *t, struct mcc_tcp *tcp)
{
    struct mcc_tcp_way *w = &tcp->way[t->id & 1];
    struct mcc_packet *p;
    while ((p = w->waiting) != NULL && (int64_t)(p->pos - w->next) <= 0) {
        uint64_t end = p->pos + p->in_len;
        bool fin = p->stream & MCC_STREAM_FIN;
        w->waiting = p->next;
        w->waiting_bytes -= p->in_len;
        --*mcc_tcp_waits(t->core, p);
        if ((int64_t)(end + fin - w->next) <= 0) {
            t->shared->tcp.overlaps++;
            mcc_stream_drop(t->core, p, MCC_DROP_TCP_DUPLICATE);
            continue;
        }
        uint32_t skip = (uint32_t)(w->next - p->pos);
        if (skip) {
            t->shared->tcp.overlaps++;
            if (p->stream & MCC_STREAM_SENT) {
                p->content += skip;
                p->content_len -= skip;
            } else {
                mcc_tcp_cut_front(p, skip);
            }
        }
        p->stream &= (uint16_t)~MCC_STREAM_FIN;
        p->stream |= MCC_STREAM_LATE;
        if (!mcc_tcp_deliver(t, tcp, p, fin))
            return false;
    }
    w->waiting_since = t->core->tick;
    return true;
}

/* ---------------------------------------------------------------- out of order */

/* Puts p, a segment that is ahead, where it belongs; of equal ones the first stays. Where there is no room, p is gone. */
static void enqueue(const struct mcc_turn *t, struct mcc_tcp_way *w, struct mcc_packet *p)
{
    struct mcc_packet **at = &w->waiting;
    uint32_t steps = 0;
    while (*at && (int64_t)((*at)->pos - p->pos) <= 0) {
        if ((*at)->pos + (*at)->in_len + ((*at)->stream & MCC_STREAM_FIN ? 1 : 0) >=
            p->pos + p->in_len + (p->stream & MCC_STREAM_FIN ? 1 : 0)) {
            t->shared->tcp.overlaps++;
            mcc_stream_drop(t->core, p, MCC_DROP_TCP_DUPLICATE);
            return;
        }
        at = &(*at)->next;
        steps++;
    }
    if (steps > WAITING_MAX || w->waiting_bytes + p->in_len > t->rules->buffer ||
        mcc_buffers_used(t->core->buffers) > t->shared->buffer_limit) {
        t->shared->tcp.late_dropped++;
        mcc_stream_drop(t->core, p, MCC_DROP_TCP_FULL);
        return;
    }
    if (!w->waiting)
        w->waiting_since = t->core->tick;
    p->next = *at;
    *at = p;
    w->waiting_bytes += p->in_len;
    ++*mcc_tcp_waits(t->core, p);
}

/* Bytes of p that came before, in segments that wait, are made what they were: the first copy counts. */
void mcc_tcp_first_copy(const struct mcc_turn *t, const struct mcc_tcp_way *w, struct mcc_packet *p,
                        uint64_t x)
{
    bool differs = false;
    for (const struct mcc_packet *q = w->waiting; q && (int64_t)(q->pos - (x + p->content_len)) < 0;
         q = q->next) {
        const struct mcc_span both = mcc_span_meet(q->pos, q->in_len, x, p->content_len);
        uint8_t *mine = p->content + (both.at - x);
        const uint8_t *theirs = q->content + (both.at - q->pos);
        if (both.len && memcmp(mine, theirs, both.len) != 0) {
            memcpy(mine, theirs, both.len);
            differs = true;
        }
    }
    if (differs) {
        t->shared->tcp.conflicts++;
        p->stream |= MCC_STREAM_CHANGED;
        mcc_checksum_fill(p);
    }
}

void mcc_tcp_out_of_order(const struct mcc_turn *t, struct mcc_tcp *tcp, struct mcc_packet *p,
                          const struct mcc_segment *s)
{
    unsigned d = t->id & 1;
    struct mcc_tcp_way *w = &tcp->way[d];
    bool fin = s->flags & MCC_TCP_FIN;
    t->shared->tcp.reordered++;
    mcc_tcp_payload(p, 0, s->len);
    p->stream = fin ? MCC_STREAM_FIN : 0;
    p->pos = s->x;
    mcc_tcp_first_copy(t, w, p, s->x);
    if (!mcc_tcp_strict(t->rules)) { /* it goes on; a copy waits to be read */
        struct mcc_packet *copy = mcc_buffer_copy(t->core->buffers, p);
        if (copy) {
            copy->stream |= MCC_STREAM_SENT;
            enqueue(t, w, copy);
        }
        t->ways[d].out(t->box, t->flow, t->id, p);
        return;
    }
    struct mcc_packet *like = mcc_buffer_copy(t->core->buffers, p);
    enqueue(t, w, p);
    if (like) { /* what the receiver would have said, had it got the segment, and what is held in front of it */
        uint32_t since;
        const struct mcc_packet *held = t->ways[d].held ? t->ways[d].held(t->flow, &since) : NULL;
        if (held)
            mcc_tcp_ack_early(t, tcp, held);
        mcc_tcp_make_duplicate(t, tcp, like);
        mcc_buffer_put(t->core->buffers, like);
    }
    mcc_tcp_wake(t, tcp);
}
