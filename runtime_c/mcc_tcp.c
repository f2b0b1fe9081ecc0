/* Segments in: order, overlaps, retransmissions, and what opens and ends a connection. */
#include "mcc_tcp.h"

#include "mcc_header.h"
#include "mcc_made.h"

enum { KEEPALIVE = 1, WAITING_MAX = 4096, SLACK = 1 << 20, ANY_SCALE = 14 };

/* ---------------------------------------------------------------- reading a segment */

static void read_segment(const struct mcc_tcp *tcp, const struct mcc_packet *p, unsigned d,
                         struct mcc_segment *s)
{
    const uint8_t *h = mcc_tcp_head(p);
    uint32_t begin = p->l4 + 4u * (h[12] >> 4);
    const uint8_t *ip = p->data + p->l3;
    uint32_t total =
        p->layers & MCC_IP ? mcc_be16(ip + 2) : MCC_IP6_BYTES + (uint32_t)mcc_be16(ip + 4);
    uint32_t end = p->l3 + total;
    *s = (struct mcc_segment){.seq = mcc_load32(h + 4), .ack = mcc_load32(h + 8), .flags = h[13]};
    s->len = p->ip_end > begin ? p->ip_end - begin : 0;
    s->missing = end > p->ip_end && end > begin ? end - (begin > p->ip_end ? begin : p->ip_end) : 0;
    const struct mcc_tcp_way *w = &tcp->way[d];
    s->x = mcc_tcp_unwrap(s->seq + ((s->flags & MCC_TCP_SYN) != 0), w->isn, w->next);
}

/* How far from `next` a segment of direction d may be: the window that the receiver announced, with room to spare. */
static int64_t reach(const struct mcc_tcp *tcp, unsigned d)
{
    const struct mcc_tcp_way *to = &tcp->way[1 - d];
    return ((int64_t)to->window << (to->syn ? to->scale : ANY_SCALE)) + SLACK;
}

/* The stream's view of a packet: its payload from `skip` on. */
static void take_payload(struct mcc_packet *p, uint32_t skip, uint32_t len)
{
    p->content = p->data + p->ip_end - len + skip;
    p->content_len = len - skip;
    p->in_len = len - skip;
}

/* Takes `skip` bytes, which came before, off the front: the rest moves up to the header, as the segment goes out. */
static void cut_front(struct mcc_packet *p, uint32_t skip)
{
    p->content_len -= skip;
    memmove(p->content, p->content + skip, p->content_len);
    p->in_len = p->content_len;
    p->stream |= MCC_STREAM_CHANGED;
}

/* ---------------------------------------------------------------- in order */

static void skip_hole(const struct mcc_turn *t, struct mcc_tcp_way *w, uint64_t bytes)
{
    w->next += bytes;
    w->sent += bytes;
    t->shared->tcp.gaps++;
}

/* One packet goes through the elements. False: an element has closed or reset the connection. */
static bool deliver_one(const struct mcc_turn *t, struct mcc_tcp *tcp, struct mcc_packet *p,
                        bool fin)
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
static bool deliver_waiting(const struct mcc_turn *t, struct mcc_tcp *tcp)
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
                cut_front(p, skip);
            }
        }
        p->stream &= (uint8_t)~MCC_STREAM_FIN;
        p->stream |= MCC_STREAM_LATE;
        if (!deliver_one(t, tcp, p, fin))
            return false;
    }
    w->waiting_since = t->core->tick;
    return true;
}

/* ---------------------------------------------------------------- out of order */

static bool strict(const struct mcc_context_rules *r)
{
    return r->writes || r->resizes || r->stalls;
}

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
static void first_copy(const struct mcc_turn *t, const struct mcc_tcp_way *w, struct mcc_packet *p,
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

static void out_of_order(const struct mcc_turn *t, struct mcc_tcp *tcp, struct mcc_packet *p,
                         const struct mcc_segment *s)
{
    unsigned d = t->id & 1;
    struct mcc_tcp_way *w = &tcp->way[d];
    bool fin = s->flags & MCC_TCP_FIN;
    t->shared->tcp.reordered++;
    take_payload(p, 0, s->len);
    p->stream = fin ? MCC_STREAM_FIN : 0;
    p->pos = s->x;
    first_copy(t, w, p, s->x);
    if (!strict(t->rules)) { /* it goes on; a copy waits to be read */
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
    if (like) { /* what the receiver would have said, had it got the segment */
        mcc_tcp_make_duplicate(t, tcp, like);
        mcc_buffer_put(t->core->buffers, like);
    }
    mcc_tcp_wake(t, tcp);
}

/* ---------------------------------------------------------------- again */

/* Counts a retransmission with other bytes than before, where nothing was edited between y and `end`, so that it can be told. */
static void conflicts(const struct mcc_turn *t, const struct mcc_tcp_way *w, const uint8_t *bytes,
                      uint32_t len, uint64_t y, uint64_t end)
{
    bool changed = false,
         differs = end - y == len && mcc_tcp_differs(w, y, bytes, len, &changed) && !changed;
    uint32_t since;
    const struct mcc_packet *held =
        t->ways[t->id & 1].held ? t->ways[t->id & 1].held(t->flow, &since) : NULL;
    for (const struct mcc_packet *q = held; q && end - y == len && !differs; q = q->next) {
        const struct mcc_span both = mcc_span_meet(q->pos, q->in_len, y, len);
        if (both.len && !(q->stream & MCC_STREAM_CHANGED) && q->in_len == q->content_len)
            differs = memcmp(q->content + (both.at - q->pos), bytes + (both.at - y), both.len) != 0;
    }
    if (differs)
        t->shared->tcp.conflicts++;
}

/* A segment all of whose bytes were seen. */
static void again(const struct mcc_turn *t, struct mcc_tcp *tcp, struct mcc_packet *p,
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
    bool probe = s->len <= KEEPALIVE && s->x + 1 == w->next && w->acked == w->sent &&
                 !(s->flags & (MCC_TCP_SYN | MCC_TCP_FIN));
    if (probe) /* RFC 1122, 4.2.3.6: not data */
        t->shared->tcp.keepalives++;
    else
        t->shared->tcp.retransmitted++;
    take_payload(p, 0, s->len);
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
    if (probe) { /* the byte before the next, whatever it says */
        mcc_tcp_set_seq(p, w->isn + (uint32_t)limit - 1);
        mcc_tcp_translate(t, tcp, p, false);
        map->out(t->box, t->flow, t->id, p);
        return;
    }
    conflicts(t, w, p->content + before, s->len - before, low, high);
    bool fin = s->flags & MCC_TCP_FIN && w->fin && w->fin_sent && !w->queued;
    if (w->queued &&
        (int64_t)(low - limit) >= 0) { /* it has not left yet: the window has no room */
        mcc_tcp_push(t, tcp, true);
        mcc_core_drop(t->core, p, MCC_DROP_TCP_ANSWERED);
        return;
    }
    if ((int64_t)(high - w->acked) <= 0 && !fin &&
        !(s->flags &
          MCC_TCP_SYN)) { /* the receiver has it: the sender must have lost our word of it */
        mcc_tcp_make(t, tcp, 1 - d, p, MCC_TCP_ACK);
        mcc_core_drop(t->core, p, MCC_DROP_TCP_ANSWERED);
        return;
    }
    if ((int64_t)(low - w->acked) < 0)
        low = w->acked;
    mcc_tcp_resend(t, tcp, p, low, (int64_t)(high - low) > 0 ? (uint32_t)(high - low) : 0, fin);
}

/* ---------------------------------------------------------------- acknowledgements */

/* What the sender of p says of the other host's bytes. */
static void take_ack(const struct mcc_turn *t, struct mcc_tcp *tcp, const struct mcc_segment *s)
{
    unsigned d = t->id & 1;
    struct mcc_tcp_way *w = &tcp->way[1 - d];
    uint64_t y = mcc_tcp_unwrap(s->ack, w->isn, w->acked);
    int64_t beyond = (int64_t)(y - w->sent);
    if (beyond > 0) {
        t->shared->tcp.bad_acks++;
        if (beyond > reach(tcp, 1 - d))
            return;
        if (!tcp->mapped &&
            !t->ways[1 - d].held) { /* the receiver has bytes that did not come by here */
            struct mcc_turn back = mcc_turn_back(t);
            skip_hole(t, w, (uint64_t)beyond);
            w->acked = y;
            mcc_tcp_acked(t, w);
            deliver_waiting(&back, tcp);
        }
        return;
    }
    if ((int64_t)(y - w->acked) >= 0) {
        w->edge_y =
            y + ((uint64_t)tcp->way[d].window << (s->flags & MCC_TCP_SYN ? 0 : tcp->way[d].scale));
        w->windowed = true;
    }
    if ((int64_t)(y - w->acked) > 0) {
        w->acked = y;
        w->tries = w->dup_acks = 0;
        mcc_tcp_acked(t, w);
        if (t->ways[1 - d].fold)
            t->ways[1 - d].fold(t->box, t->flow, y);
        w->rto_at = 0;
        if (w->kept && w->kept->owned)
            mcc_tcp_wake(t, tcp);
    } else if (y == w->acked && s->len == 0 && w->kept && w->kept->owned && ++w->dup_acks == 3) {
        mcc_tcp_resend_owned(t, tcp, 1 - d); /* RFC 5681, 3.2, for what is ours to send again */
    }
    if (__builtin_expect(w->queued != NULL, 0)) {
        const struct mcc_turn back = mcc_turn_back(t);
        mcc_tcp_push(&back, tcp, false);
    }
}

/* ---------------------------------------------------------------- opening */

static void learn_options(const struct mcc_turn *t, struct mcc_tcp *tcp, struct mcc_packet *p,
                          struct mcc_tcp_way *w)
{
    struct mcc_tcp_options o;
    mcc_tcp_options(p, &o);
    w->mss = o.mss ? mcc_load16(p->data + o.mss + 2) : 536;
    w->sack_ok = o.sack_ok != 0;
    w->scale = o.scale ? (p->data[o.scale + 2] > 14 ? 14 : p->data[o.scale + 2]) : 0;
    if (o.signature) {
        tcp->state = t->rules->secured == MCC_SECURED_DROP ? MCC_TCP_REFUSED : MCC_TCP_OPAQUE;
        t->shared->tcp.secured++;
    }
    if (o.multipath &&
        strict(t->rules)) { /* RFC 8684, 3.7: a box that edits must not carry a subflow */
        uint32_t n = p->data[o.multipath + 1];
        for (uint32_t i = 0; i < n; i++)
            mcc_tcp_set_byte(p, o.multipath + i, 1);
    }
}

static void learn_stamp(const struct mcc_packet *p, struct mcc_tcp_way *w)
{
    const uint8_t *h = mcc_tcp_head(p);
    uint32_t words = h[12] >> 4, at = 0;
    if (words >= 8 && p->l4 + 32u <= p->ip_end && mcc_load32(h + 20) == 0x0101080a) {
        at = p->l4 + 22u;
    } else if (words > 5) {
        struct mcc_tcp_options o;
        mcc_tcp_options(p, &o);
        at = o.stamps;
    }
    if (at) {
        w->stamp = mcc_load32(p->data + at + 2);
        w->stamped = true;
    }
}

static void begin(struct mcc_tcp_way *w, uint32_t isn)
{
    w->isn = isn;
    w->known = true;
}

/* The first segments: who counts from where. MCC_PASS: go on; else as mcc_tcp_in. */
static int open_connection(const struct mcc_turn *t, struct mcc_tcp *tcp, struct mcc_packet *p,
                           const struct mcc_segment *s)
{
    unsigned d = t->id & 1;
    struct mcc_tcp_way *me = &tcp->way[d], *other = &tcp->way[1 - d];
    bool syn = s->flags & MCC_TCP_SYN, ack = s->flags & MCC_TCP_ACK;
    if (syn) {
        if (ack && other->known &&
            (int64_t)(mcc_tcp_unwrap(s->ack, other->isn, other->acked) - other->sent) > 0)
            return MCC_PASS; /* answers another SYN (RFC 9293, 3.10.7.3): believed by nobody */
        bool fresh = !me->known || (me->next == 0 && me->sent == 0 && !me->fin &&
                                    (ack || !other->known || other->next == 0));
        if (me->known && s->seq + 1 != me->isn && !fresh) {
            bool dead = (me->fin || me->reset) && (other->fin || other->reset || !other->known);
            if (!dead || ack)
                return MCC_PASS;
            t->shared->tcp.reused++;
            return MCC_TCP_AGAIN;
        }
        if (!me->known || s->seq + 1 != me->isn)
            begin(me, s->seq + 1);
        me->syn = true;
        me->guessed = false;
        if (tcp->state == MCC_TCP_NEW || tcp->state == MCC_TCP_REFUSED)
            tcp->state = MCC_TCP_OPEN;
        learn_options(t, tcp, p, me);
        if (ack && !other->known)
            begin(other, s->ack);
        return MCC_PASS;
    }
    if (tcp->state == MCC_TCP_NEW) {
        if (s->flags & MCC_TCP_RST)
            return MCC_PASS;
        t->shared->tcp.midstream++;
        static const uint8_t state[] = {[MCC_MIDSTREAM_PICK] = MCC_TCP_OPEN,
                                        [MCC_MIDSTREAM_PASS] = MCC_TCP_OPAQUE,
                                        [MCC_MIDSTREAM_DROP] = MCC_TCP_REFUSED};
        tcp->state = state[t->rules->midstream];
    }
    if (!me->known || (me->guessed && (int32_t)(s->seq - me->isn) < 0 && me->next == 0))
        begin(me, s->seq);
    me->guessed = false;
    if (ack && !other->known) {
        begin(other, s->ack);
        other->guessed = true;
    }
    return MCC_PASS;
}

/* ---------------------------------------------------------------- RST */

/* Whether a reset is one that its receiver may believe (RFC 5961, 3). */
static bool reset_counts(const struct mcc_turn *t, const struct mcc_tcp *tcp,
                         const struct mcc_segment *s)
{
    unsigned d = t->id & 1;
    const struct mcc_tcp_way *w = &tcp->way[d];
    if (!w->known || tcp->state == MCC_TCP_NEW)
        return true;
    uint64_t acked = t->ways[d].back ? t->ways[d].back(t->flow, w->acked) : w->acked;
    int64_t ahead = (int64_t)(s->x - w->next), behind = (int64_t)(s->x - acked);
    return ahead <= 65536 * 16 && behind >= -1;
}

static int take_reset(const struct mcc_turn *t, struct mcc_tcp *tcp, struct mcc_packet *p,
                      const struct mcc_segment *s, int *ending)
{
    unsigned d = t->id & 1;
    struct mcc_tcp_way *w = &tcp->way[d];
    bool counts = reset_counts(t, tcp, s);
    if (!counts) {
        t->shared->tcp.out_of_window++;
        if (strict(t->rules)) {
            mcc_core_drop(t->core, p, MCC_DROP_TCP_WINDOW);
            return MCC_PASS;
        }
    }
    if (tcp->mapped && w->known) {
        bool next = s->x == w->next;
        uint64_t y = next ? w->sent : t->ways[d].forward ? t->ways[d].forward(t->flow, s->x) : s->x;
        mcc_tcp_set_seq(p, w->isn + (uint32_t)y);
        mcc_tcp_translate(t, tcp, p, false);
    }
    if (counts) {
        w->reset = true;
        tcp->over = true;
        *ending = MCC_END_RST;
        if (t->ways[d].held) {
            mcc_tcp_end(t, tcp, false); /* what is held goes in front of it */
            mcc_tcp_set_seq(p, w->isn + (uint32_t)w->sent);
        }
    }
    t->ways[d].out(t->box, t->flow, t->id, p);
    return MCC_PASS;
}

/* ---------------------------------------------------------------- a connection that an element ended */

static int after_close(const struct mcc_turn *t, struct mcc_tcp *tcp, struct mcc_packet *p,
                       const struct mcc_segment *s, int *ending)
{
    unsigned d = t->id & 1;
    struct mcc_tcp_way *me = &tcp->way[d];
    if (s->flags & MCC_TCP_RST) {
        me->reset = true;
    } else if (tcp->state == MCC_TCP_RESET) {
        if (!(s->flags & MCC_TCP_SYN) || !(s->flags & MCC_TCP_ACK) || me->known)
            mcc_tcp_refuse(t, p);
        me->reset = true;
    } else {
        uint64_t end = s->x + s->len + ((s->flags & MCC_TCP_FIN) != 0);
        if ((int64_t)(end - me->next) > 0 && (int64_t)(s->x - me->next) <= 0)
            me->next = end;
        me->fin |= (s->flags & MCC_TCP_FIN) && end == me->next;
        me->early = me->next;
        if (s->flags & MCC_TCP_ACK)
            take_ack(t, tcp, s);
        if (s->len || s->flags & MCC_TCP_FIN)
            mcc_tcp_make(t, tcp, 1 - d, p, MCC_TCP_ACK);
    }
    mcc_core_drop(t->core, p, MCC_DROP_TCP_CLOSED);
    bool done = true;
    for (unsigned i = 0; i < 2; i++)
        done &=
            tcp->way[i].reset || (tcp->way[i].fin && tcp->way[1 - i].acked == tcp->way[1 - i].sent);
    if (done && !tcp->over) {
        tcp->over = true;
        *ending = MCC_END_CLOSED;
    }
    return MCC_PASS;
}

/* ---------------------------------------------------------------- a segment */

/* Passes a segment without a word of the stream in it. */
static void pass(const struct mcc_turn *t, struct mcc_tcp *tcp, struct mcc_packet *p,
                 const struct mcc_segment *s)
{
    unsigned d = t->id & 1;
    struct mcc_tcp_way *w = &tcp->way[d];
    if (tcp->mapped && !(s->flags & MCC_TCP_SYN)) {
        uint64_t y = mcc_tcp_left(w);
        if (s->x != w->next) {
            y = t->ways[d].forward ? t->ways[d].forward(t->flow, s->x) : s->x;
            if ((int64_t)(s->x - w->next) > 0)
                y = w->sent + (s->x - w->next);
            else if ((int64_t)(y - mcc_tcp_left(w)) >= 0) /* what is behind stays behind */
                y = mcc_tcp_left(w) - 1;                  /* a keep-alive wants an answer */
        }
        mcc_tcp_set_seq(p, w->isn + (uint32_t)y);
    }
    if (tcp->mapped)
        mcc_tcp_translate(t, tcp, p, false);
    t->ways[d].out(t->box, t->flow, t->id, p);
}

/* Both sides are through: the FIN of each is acknowledged. */
static bool is_over(const struct mcc_tcp *tcp)
{
    const struct mcc_tcp_way *a = &tcp->way[0], *b = &tcp->way[1];
    return a->fin_sent && b->fin_sent && a->acked == a->sent && b->acked == b->sent;
}

/* A SYN whose data (RFC 7413) an element holds goes ahead of them. */
static void syn_ahead(const struct mcc_turn *t, struct mcc_packet *bare)
{
    uint32_t since;
    struct mcc_packet *p = t->ways[t->id & 1].held(t->flow, &since);
    if (!p || !(p->data[p->l4 + 13] & MCC_TCP_SYN)) {
        mcc_stream_unmake(t->core, bare);
        return;
    }
    mcc_tcp_set_byte(p, p->l4 + 13u, p->data[p->l4 + 13] & (uint8_t)~MCC_TCP_SYN);
    mcc_context_fit(bare, 0);
    mcc_checksum_fill(bare);
    t->ways[t->id & 1].out(t->box, t->flow, t->id, bare);
}

static int data_segment(const struct mcc_turn *t, struct mcc_tcp *tcp, struct mcc_packet *p,
                        struct mcc_segment *s)
{
    struct mcc_tcp_way *w = &tcp->way[t->id & 1];
    bool fin = s->flags & MCC_TCP_FIN;
    int64_t ahead = (int64_t)(s->x - w->next),
            over = (int64_t)(s->x + s->len + s->missing + fin - w->next);
    uint32_t size = s->len + 4u * (mcc_tcp_head(p)[12] >> 4) -
                    MCC_TCP_BYTES; /* options take room from the payload */
    if (s->len && size > w->biggest)
        w->biggest = size < 65535 ? (uint16_t)size : 65535;
    if (ahead > 0) {
        out_of_order(t, tcp, p, s);
        return MCC_PASS;
    }
    if (over <= 0) {
        again(t, tcp, p, s);
        return MCC_PASS;
    }
    if (__builtin_expect(w->kept_bytes + s->len > t->rules->buffer, 0) &&
        t->rules->at_cap != MCC_CAP_PASS) {
        bool reset = t->rules->at_cap == MCC_CAP_RESET;
        t->shared->tcp.forgotten++;
        if (reset)
            mcc_tcp_close(t, tcp, p, true);
        mcc_core_drop(t->core, p, reset ? MCC_DROP_TCP_CLOSED : MCC_DROP_TCP_FULL);
        return MCC_CLOSE;
    }
    uint32_t old = (uint32_t)-ahead;
    p->stream = 0;
    if (w->waiting) {
        take_payload(p, 0, s->len);
        first_copy(t, w, p, s->x);
        if (!strict(
                t->rules)) /* it goes on as it came but for these bytes, though it was not captured whole */
            p->stream = 0;
    }
    if (old && s->len) { /* its beginning is known: the first copy of that counts */
        bool changed = false;
        t->shared->tcp.overlaps++;
        take_payload(p, 0, s->len);
        if (strict(t->rules)) {
            const struct mcc_way *map = &t->ways[t->id & 1];
            uint32_t n = old < s->len ? old : s->len;
            conflicts(t, w, p->content, n,
                      map->forward_low ? map->forward_low(t->flow, s->x) : s->x,
                      map->forward_low ? map->forward_low(t->flow, s->x + n) : s->x + n);
            cut_front(p, old < s->len ? old : s->len);
        } else if (mcc_tcp_differs(w, s->x, p->content, old < s->len ? old : s->len, &changed)) {
            t->shared->tcp.conflicts++;
            mcc_tcp_overlay(w, s->x, p->content, old < s->len ? old : s->len);
            mcc_checksum_fill(p);
        }
        if (!strict(t->rules)) { /* it goes on whole; its new bytes are read */
            struct mcc_packet *copy = mcc_buffer_copy(t->core->buffers, p);
            t->ways[t->id & 1].out(t->box, t->flow, t->id, p);
            if (!copy)
                return MCC_PASS;
            take_payload(copy, old < s->len ? old : s->len, s->len);
            copy->stream = MCC_STREAM_SENT;
            p = copy;
        }
    } else {
        take_payload(p, 0, s->len);
    }
    struct mcc_packet *bare = s->flags & MCC_TCP_SYN && t->ways[t->id & 1].held
                                  ? mcc_stream_part(t->core, p, NULL, 0)
                                  : NULL;
    if (!deliver_one(t, tcp, p, fin && !s->missing)) {
        if (bare)
            mcc_stream_unmake(t->core, bare);
        return MCC_CLOSE;
    }
    if (bare)
        syn_ahead(t, bare);
    if (s->missing) {
        skip_hole(t, w, s->missing + fin);
        w->fin |= fin;
        w->fin_sent |= fin;
    }
    if (w->waiting && !deliver_waiting(t, tcp))
        return MCC_CLOSE;
    return MCC_PASS;
}

/* Whether a segment is damaged. Where the checksums of a host's data are wrong from the first on, they were left to its network
 * card (captures taken on the host itself): they say nothing. */
static bool is_damaged(struct mcc_tcp_way *w, struct mcc_packet *p)
{
    mcc_fix(p);
    bool wrong = mcc_verify(p) & MCC_FIX_L4;
    if (!wrong && p->ip_end > p->l4 + 4u * (p->data[p->l4 + 12] >> 4))
        w->sums_right = true;
    return wrong && w->sums_right;
}

int mcc_tcp_in(const struct mcc_turn *t, struct mcc_tcp *tcp, struct mcc_packet *p, int *ending)
{
    unsigned d = t->id & 1;
    struct mcc_tcp_way *me = &tcp->way[d];
    struct mcc_segment s;
    p->stream = 0;
    if (t->core->checksums == MCC_CHECKSUMS_KEEP && is_damaged(me, p)) {
        t->shared->tcp.bad_checksums++;
        if (strict(t->rules))
            mcc_core_drop(t->core, p, MCC_DROP_CHECKSUM);
        else
            t->ways[d].out(t->box, t->flow, t->id, p);
        return MCC_PASS;
    }
    read_segment(tcp, p, d, &s);
    if (__builtin_expect(tcp->state != MCC_TCP_OPEN || s.flags & MCC_TCP_SYN || !me->known ||
                             me->guessed || !tcp->way[1 - d].known,
                         0)) {
        if (tcp->state >= MCC_TCP_CLOSING && !(s.flags & MCC_TCP_SYN))
            return after_close(t, tcp, p, &s, ending);
        int verdict = open_connection(t, tcp, p, &s);
        if (verdict == MCC_TCP_AGAIN)
            return verdict;
        if (tcp->state >= MCC_TCP_CLOSING)
            return after_close(t, tcp, p, &s, ending);
        if (tcp->state == MCC_TCP_REFUSED) {
            mcc_core_drop(t->core, p, MCC_DROP_TCP_POLICY);
            return MCC_PASS;
        }
        read_segment(tcp, p, d, &s);
        if (tcp->state == MCC_TCP_OPAQUE) {
            if (s.flags & MCC_TCP_RST)
                *ending = MCC_END_RST;
            me->fin |= s.flags & MCC_TCP_FIN;
            t->ways[d].out(t->box, t->flow, t->id, p);
            return MCC_PASS;
        }
    }
    if (__builtin_expect(s.flags & MCC_TCP_RST, 0))
        return take_reset(t, tcp, p, &s, ending);
    int64_t far = (int64_t)(s.x - me->next), most = reach(tcp, d);
    if (__builtin_expect(far > most || -far > most, 0)) {
        t->shared->tcp.out_of_window++;
        if (strict(t->rules))
            mcc_core_drop(t->core, p, MCC_DROP_TCP_WINDOW);
        else
            t->ways[d].out(t->box, t->flow, t->id, p);
        return MCC_PASS;
    }
    me->window = mcc_load16(mcc_tcp_head(p) + 14);
    if (strict(t->rules) || t->rules->closes)
        learn_stamp(p, me);
    if (s.flags & MCC_TCP_ACK)
        take_ack(t, tcp, &s);
    int verdict = MCC_PASS;
    if (s.len || s.missing || s.flags & MCC_TCP_FIN)
        verdict = data_segment(t, tcp, p, &s);
    else
        pass(t, tcp, p, &s);
    if (verdict == MCC_CLOSE)
        return MCC_PASS; /* the connection lingers: mcc_tcp_close has seen to it */
    if (t->ways[d].held)
        mcc_tcp_wake(t, tcp); /* what is held is let go in time */
    if (__builtin_expect(me->fin, 0) && !tcp->over && is_over(tcp)) {
        tcp->over = true;
        *ending = MCC_END_FIN;
    }
    return MCC_PASS;
}
