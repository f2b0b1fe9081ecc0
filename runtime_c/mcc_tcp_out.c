/* Segments out: what the elements released, cut to what the path takes, and what is sent again. */
#include "mcc_tcp.h"

#include "mcc_flow.h"
#include "mcc_header.h"
#include "mcc_made.h"

enum { LEAST = 536, FIRST_RTO_TICKS = 60 /* one second, RFC 6298, 2.1 */ };

/* The most payload that a segment of direction d may carry: what the receiver takes, and never more than the sender itself has sent
 * where that shows a narrower path (RFC 6691, 9293 3.7.1), or what ICMP errors said of it (RFC 1191, 8201). */
static uint32_t segment_limit(const struct mcc_tcp *tcp, const struct mcc_packet *p, unsigned d)
{
    const struct mcc_tcp_way *w = &tcp->way[d], *to = &tcp->way[1 - d];
    uint32_t options = 4u * (p->data[p->l4 + 12] >> 4) - 20u, least = LEAST - options;
    uint32_t limit = w->biggest > least + options ? w->biggest - options : least;
    if (to->mss > options && limit > to->mss - options && w->biggest <= to->mss)
        limit = to->mss - options;
    uint32_t headers = (uint32_t)(p->l4 - p->l3) + 20u + options,
             path = w->path > headers ? w->path - headers : 1;
    return w->path && limit > path ? path : limit;
}

void mcc_tcp_refresh_stamps(const struct mcc_turn *t, const struct mcc_tcp *tcp,
                            struct mcc_packet *p)
{
    const struct mcc_tcp_way *w = &tcp->way[t->id & 1], *to = &tcp->way[1 - (t->id & 1)];
    struct mcc_tcp_options o;
    mcc_tcp_options(p, &o);
    if (o.stamps && w->stamped && to->stamped) {
        mcc_tcp_set_word(p, o.stamps + 2, w->stamp);
        mcc_tcp_set_word(p, o.stamps + 6, to->stamp);
    }
}

/* Makes p the segment with n bytes at y. */
static void prepare(const struct mcc_turn *t, struct mcc_tcp *tcp, struct mcc_packet *p, uint64_t y,
                    uint32_t n, bool fin, bool late)
{
    const struct mcc_tcp_way *w = &tcp->way[t->id & 1];
    uint8_t flags = p->data[p->l4 + 13];
    if (flags & MCC_TCP_URG)
        mcc_tcp_urgent(t, w, p, y);
    p->stream |= MCC_STREAM_MAPPED;
    flags = p->data[p->l4 + 13];
    mcc_tcp_set_seq(p, w->isn + (uint32_t)y - ((flags & MCC_TCP_SYN) != 0));
    if (!(flags & (MCC_TCP_ACK | MCC_TCP_SYN | MCC_TCP_RST)) && tcp->way[1 - (t->id & 1)].known)
        mcc_tcp_set_byte(p, p->l4 + 13u,
                         flags |= MCC_TCP_ACK); /* it came on a SYN that has gone ahead */
    if (late)
        mcc_tcp_refresh_stamps(t, tcp, p);
    mcc_tcp_translate(t, tcp, p, late);
    if (flags & MCC_TCP_FIN && !fin)
        mcc_tcp_set_byte(p, p->l4 + 13u, flags & (uint8_t)~(MCC_TCP_FIN | MCC_TCP_PSH));
    if (p->stream & MCC_STREAM_CHANGED) {
        mcc_context_fit(p, n);
        mcc_checksum_fill(p);
        p->fix = 0;
        p->ip_delta = p->l4_delta = 0;
    }
    p->content_len = n;
}

/* Whether the sender believes the byte at y received though the receiver has not said so: then it is ours to send again. */
static bool is_owned(const struct mcc_turn *t, const struct mcc_tcp_way *w, uint64_t y)
{
    if (!w->early && !w->promised)
        return false;
    uint64_t x = t->ways[t->id & 1].back ? t->ways[t->id & 1].back(t->flow, y) : y;
    return (int64_t)(x - w->early) < 0 || (int64_t)(x - w->promised) < 0;
}

static void expect_ack(const struct mcc_turn *t, struct mcc_tcp *tcp, struct mcc_tcp_way *w)
{
    if (!w->rto_at) {
        w->rto_at = mcc_tick_add(t->core->tick, FIRST_RTO_TICKS);
        w->tries = 0;
        mcc_tcp_wake(t, tcp);
    }
}

/* Sends n bytes of content as the next segment. */
static void send_one(const struct mcc_turn *t, struct mcc_tcp *tcp, struct mcc_packet *p,
                     uint32_t n, bool fin)
{
    unsigned d = t->id & 1;
    struct mcc_tcp_way *w = &tcp->way[d];
    uint64_t y = w->sent;
    bool late = p->stream & MCC_STREAM_LATE,
         urgent = t->ways[d].forward && p->data[p->l4 + 13] & MCC_TCP_URG;
    if (tcp->mapped || late || p->stream & MCC_STREAM_CHANGED || urgent)
        prepare(t, tcp, p, y, n, fin, late);
    bool owned = is_owned(t, w, y);
    w->sent += n + fin;
    w->fin_sent |= fin;
    if (n + fin) {
        mcc_tcp_keep(t, w, p, y, n, fin, owned);
        if (owned)
            expect_ack(t, tcp, w);
    }
    t->ways[d].out(t->box, t->flow, t->id, p);
}

void mcc_tcp_own_all(const struct mcc_turn *t, struct mcc_tcp *tcp, const struct mcc_packet *like)
{
    struct mcc_tcp_way *w = &tcp->way[t->id & 1];
    for (struct mcc_kept *k = w->kept; k; k = k->next) {
        if (k->owned)
            continue;
        struct mcc_packet *q = mcc_stream_part(t->core, like, k->bytes, k->len);
        if (!q)
            return;
        t->core->made--;
        q->stream = MCC_STREAM_CHANGED;
        prepare(t, tcp, q, k->y, k->len, false, true);
        mcc_buffer_put(t->core->buffers, k->packet);
        k->packet = q;
        k->bytes = q->content;
        k->owned = 1;
    }
    if (w->kept)
        expect_ack(t, tcp, w);
}

/* ---------------------------------------------------------------- the receiver's window */

/* How many of n bytes at y the receiver has room for. A stream that does not grow, nor was acknowledged here, is its sender's
 * business. */
static uint32_t room_for(const struct mcc_turn *t, const struct mcc_tcp_way *w, uint64_t y,
                         uint32_t n)
{
    if ((!t->ways[t->id & 1].forward && !w->early) || !w->windowed)
        return n;
    if (w->queued)
        return 0;
    int64_t room = (int64_t)(w->edge_y - y);
    if (room > 0)
        return room < n ? (uint32_t)room : n;
    return w->acked == y && n ? 1 : 0; /* the sender probes */
}

/* Keeps p, n bytes at the end of what was sent, until the window has room. */
static void queue_one(const struct mcc_turn *t, struct mcc_tcp *tcp, struct mcc_packet *p,
                      uint32_t n, bool fin)
{
    struct mcc_tcp_way *w = &tcp->way[t->id & 1];
    p->stream |= MCC_STREAM_CHANGED;
    prepare(t, tcp, p, w->sent, n, fin, true);
    if (!mcc_tcp_keep(t, w, p, w->sent, n, fin,
                      true)) { /* no memory: rather too much for the window than a hole for ever */
        send_one(t, tcp, p, n, fin);
        return;
    }
    w->newest->gone = 0;
    w->newest->packet->stream |= MCC_STREAM_HELD;
    t->core->held++;
    t->core->kept--;
    if (!w->queued)
        w->queued = w->newest;
    w->sent += n + fin;
    w->fin_sent |= fin;
    mcc_buffer_put(t->core->buffers, p); /* its copy is held in its place */
}

void mcc_tcp_push(const struct mcc_turn *t, struct mcc_tcp *tcp, bool probe)
{
    unsigned d = t->id & 1;
    struct mcc_tcp_way *w = &tcp->way[d];
    struct mcc_kept *k;
    while ((k = w->queued) != NULL) {
        uint64_t y = k->y + k->gone;
        uint32_t left = k->len - k->gone;
        int64_t room = (int64_t)(w->edge_y - y);
        if (room <= 0 && left)
            room = probe && w->acked == y;
        uint32_t n = room <= 0 ? 0 : room < left ? (uint32_t)room : left;
        if (left && n == 0)
            return;
        bool whole = n == left;
        struct mcc_packet *q = mcc_stream_part(t->core, k->packet, k->bytes + k->gone, n);
        if (!q)
            return;
        if (whole) { /* it leaves in the place of the packet that was queued */
            t->core->held--;
            k->packet->stream &= (uint16_t)~MCC_STREAM_HELD;
            t->core->kept++;
            t->core->made--;
        }
        q->at = t->core->now;
        k->gone += n;
        prepare(t, tcp, q, y, n, whole && k->fin, true);
        if (whole) {
            w->queued = k->next;
            if (w->queued)
                w->queued->gone = 0;
        }
        expect_ack(t, tcp, w);
        t->ways[d].out(t->box, t->flow, t->id, q);
        probe = false;
    }
}

/* ---------------------------------------------------------------- what the elements released */

/* More than a segment may carry, or than the window has room for: several segments. */
static void send_split(const struct mcc_turn *t, struct mcc_tcp *tcp, struct mcc_packet *p,
                       uint32_t limit, uint32_t room, bool fin)
{
    struct mcc_packet *first = NULL, **last = &first;
    uint32_t n = p->content_len, at = n < limit ? n : limit;
    at = room && room < at ? room : at;
    uint32_t head = at;
    for (uint32_t size; at < n; at += size) {
        size = n - at < limit ? n - at : limit;
        if (at < room && at + size > room)
            size = room - at;
        struct mcc_packet *q = mcc_stream_part(t->core, p, p->content + at, size);
        if (!q) { /* no buffer: better one segment that is too long than a hole for ever */
            while ((q = first) != NULL) {
                first = q->next;
                mcc_stream_unmake(t->core, q);
            }
            send_one(t, tcp, p, n, fin);
            return;
        }
        uint8_t flags = q->data[q->l4 + 13];
        if (flags & MCC_TCP_SYN)
            mcc_tcp_set_byte(q, q->l4 + 13u, flags & (uint8_t)~MCC_TCP_SYN);
        *last = q;
        last = &q->next;
    }
    t->shared->tcp.split += n > head;
    p->stream |= MCC_STREAM_CHANGED;
    at = head;
    if (room)
        send_one(t, tcp, p, head, fin && !first);
    else
        queue_one(t, tcp, p, head, fin && !first);
    while (first) {
        struct mcc_packet *q = first;
        uint32_t size = q->content_len;
        first = q->next;
        if (at < room)
            send_one(t, tcp, q, size, fin && !first);
        else
            queue_one(t, tcp, q, size, fin && !first);
        at += size;
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
    if (__builtin_expect(p->stream & MCC_STREAM_CHANGED || tcp->mapped, 0)) {
        uint32_t limit = p->stream & MCC_STREAM_CHANGED ? segment_limit(tcp, p, d) : UINT32_MAX;
        uint32_t room = room_for(t, w, w->sent, n);
        if (n > limit || room < n || (fin && w->queued)) {
            send_split(t, tcp, p, limit, room, fin);
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
static void resend_one(const struct mcc_turn *t, struct mcc_tcp *tcp, struct mcc_packet *q,
                       uint64_t y, uint32_t n, bool fin)
{
    unsigned d = t->id & 1;
    q->stream |= MCC_STREAM_CHANGED;
    prepare(t, tcp, q, y, n, fin, false);
    t->ways[d].out(t->box, t->flow, t->id, q);
}

void mcc_tcp_resend(const struct mcc_turn *t, struct mcc_tcp *tcp, struct mcc_packet *p, uint64_t y,
                    uint32_t len, bool fin)
{
    unsigned d = t->id & 1;
    const struct mcc_tcp_way *w = &tcp->way[d];
    uint32_t limit = segment_limit(tcp, p, d), room = (uint32_t)(p->data + p->room - p->content);
    bool changed = false;
    mcc_packet_unguard(p->data, p->room);
    limit = limit < room ? limit : room;
    while (len > limit) {
        struct mcc_packet *q = mcc_stream_part(t->core, p, NULL, limit);
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

/* Sends a kept segment again in pieces of at most `limit` bytes: it left before its path was known to take no more. */
static void resend_cut(const struct mcc_turn *t, struct mcc_tcp *tcp, const struct mcc_kept *k,
                       uint32_t limit)
{
    unsigned d = t->id & 1;
    for (uint32_t at = 0; at < k->len; at += limit) {
        uint32_t n = k->len - at < limit ? k->len - at : limit;
        struct mcc_packet *q = mcc_stream_part(t->core, k->packet, k->bytes + at, n);
        if (!q)
            return;
        prepare(t, tcp, q, k->y + at, n, k->fin && at + n == k->len, true);
        q->at = t->core->now;
        t->shared->tcp.resent++;
        t->ways[d].out(t->box, t->flow, t->id, q);
    }
}

void mcc_tcp_resend_owned(const struct mcc_turn *t, struct mcc_tcp *tcp, unsigned d)
{
    struct mcc_tcp_way *w = &tcp->way[d];
    struct mcc_turn turn = *t;
    turn.id = (t->id & ~1u) | d;
    struct mcc_kept *k = w->kept;
    if (k && k == w->queued && (int64_t)(k->y + k->gone - w->acked) <= 0) {
        mcc_tcp_push(&turn, tcp, true);
        return;
    }
    if (!k || !k->owned)
        return;
    bool part = k == w->queued; /* the rest of it has not left yet */
    uint32_t limit = w->path && !part ? segment_limit(tcp, k->packet, d) : UINT32_MAX;
    if (k->len > limit) {
        resend_cut(&turn, tcp, k, limit);
        return;
    }
    struct mcc_packet *q = part ? mcc_stream_part(t->core, k->packet, k->bytes, k->gone)
                                : mcc_buffer_copy(t->core->buffers, k->packet);
    if (!q)
        return;
    if (part) {
        prepare(&turn, tcp, q, k->y, k->gone, false, true);
    } else {
        mcc_tcp_refresh_stamps(&turn, tcp, q);
        mcc_tcp_translate(&turn, tcp, q, true);
        t->core->made++;
    }
    q->at = t->core->now;
    t->shared->tcp.resent++;
    turn.ways[d].out(turn.box, turn.flow, turn.id, q);
}
