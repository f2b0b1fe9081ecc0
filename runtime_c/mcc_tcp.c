/* Segments in: what each is, and acknowledgements. */
#include "mcc_tcp.h"

#include "mcc_header.h"
#include "mcc_made.h"

enum { PROBED = 6, SLACK = 1 << 20, ANY_SCALE = 14 };

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

/* ---------------------------------------------------------------- acknowledgements */

/* The host of direction d has acknowledged up to y: what it has room for. */
static void take_window(struct mcc_tcp *tcp, unsigned d, const struct mcc_segment *s, uint64_t y)
{
    const struct mcc_tcp_way *me = &tcp->way[d];
    struct mcc_tcp_way *w = &tcp->way[1 - d];
    w->edge_y = y + ((uint64_t)me->window << (s->flags & MCC_TCP_SYN ? 0 : me->scale));
    w->windowed = true;
    if (!tcp->mapped)
        w->edge = w->edge_y; /* the other host is shown it as it is */
}

/* What the sender of p says of the other host's bytes. */
void mcc_tcp_take_ack(const struct mcc_turn *t, struct mcc_tcp *tcp, const struct mcc_segment *s)
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
            mcc_tcp_skip_hole(t, w, (uint64_t)beyond);
            w->acked = y;
            take_window(tcp, d, s, y);
            mcc_tcp_acked(t, w);
            mcc_tcp_deliver_waiting(&back, tcp);
        }
        return;
    }
    if ((int64_t)(y - w->acked) >= 0)
        take_window(tcp, d, s, y);
    if ((int64_t)(y - w->acked) > 0) {
        w->acked = y;
        w->tries = w->dup_acks = 0;
        mcc_tcp_acked(t, w);
        if (t->ways[1 - d].fold)
            t->ways[1 - d].fold(t->box, t->flow, y);
        w->rto_at = 0;
        if (w->kept && w->kept->owned)
            mcc_tcp_wake(t, tcp);
    } else if (w->queued && y == w->acked && w->tries > PROBED) {
        w->tries =
            PROBED; /* a receiver that answers probes may be without room for ever (RFC 9293, 3.8.6.1) */
    } else if (y == w->acked && s->len == 0 && w->kept && w->kept->owned && ++w->dup_acks == 3) {
        mcc_tcp_resend_owned(t, tcp, 1 - d); /* RFC 5681, 3.2, for what is ours to send again */
    }
    if (__builtin_expect(w->queued != NULL, 0)) {
        const struct mcc_turn back = mcc_turn_back(t);
        mcc_tcp_push(&back, tcp, false);
    }
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
            if (s->x + 1 == w->next && w->told == w->next) /* a keep-alive wants an answer */
                y = w->acked - 1;
            else if ((int64_t)(s->x - w->next) > 0)
                y = w->sent + (s->x - w->next);
            else if ((int64_t)(y - mcc_tcp_left(w)) >= 0) /* what is behind stays behind */
                y = mcc_tcp_left(w) - 1;
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

/* There is no room to keep what p carries: by policy. */
static void at_cap(const struct mcc_turn *t, struct mcc_tcp *tcp, struct mcc_packet *p)
{
    bool reset = t->rules->at_cap == MCC_CAP_RESET;
    t->shared->tcp.forgotten++;
    if (reset)
        mcc_tcp_close(t, tcp, p, true);
    mcc_core_drop(t->core, p, reset ? MCC_DROP_TCP_CLOSED : MCC_DROP_TCP_FULL);
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
        mcc_tcp_out_of_order(t, tcp, p, s);
        return MCC_PASS;
    }
    if (over <= 0) {
        mcc_tcp_again(t, tcp, p, s);
        return MCC_PASS;
    }
    if (__builtin_expect(w->kept_bytes + s->len > t->rules->buffer, 0) &&
        t->rules->at_cap != MCC_CAP_PASS) {
        at_cap(t, tcp, p);
        return MCC_CLOSE;
    }
    uint32_t old = (uint32_t)-ahead;
    p->stream = 0;
    if (w->waiting) {
        mcc_tcp_payload(p, 0, s->len);
        mcc_tcp_first_copy(t, w, p, s->x);
        if (!mcc_tcp_strict(
                t->rules)) /* it goes on as it came but for these bytes, though it was not captured whole */
            p->stream = 0;
    }
    mcc_tcp_payload(p, 0, s->len);
    if (old && s->len && (p = mcc_tcp_known_front(t, w, p, s, old < s->len ? old : s->len)) == NULL)
        return MCC_PASS;
    struct mcc_packet *bare = s->flags & MCC_TCP_SYN && t->ways[t->id & 1].held
                                  ? mcc_stream_part(t->core, p, NULL, 0)
                                  : NULL;
    if (!mcc_tcp_deliver(t, tcp, p, fin && !s->missing)) {
        if (bare)
            mcc_stream_unmake(t->core, bare);
        return MCC_CLOSE;
    }
    if (bare)
        syn_ahead(t, bare);
    if (s->missing) {
        mcc_tcp_skip_hole(t, w, s->missing + fin);
        w->fin |= fin;
        w->fin_sent |= fin;
    }
    if (w->waiting && !mcc_tcp_deliver_waiting(t, tcp))
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
#if MCC_INNER
    mcc_inner_note(&me->outer, p);
    if (p->outer.sealed && tcp->state == MCC_TCP_NEW && mcc_tcp_strict(t->rules)) {
        tcp->state = t->rules->secured == MCC_SECURED_DROP ? MCC_TCP_REFUSED : MCC_TCP_OPAQUE;
        t->shared->tcp.secured++;
    }
#endif
    if (t->core->checksums == MCC_CHECKSUMS_KEEP && is_damaged(me, p)) {
        t->shared->tcp.bad_checksums++;
        if (mcc_tcp_strict(t->rules))
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
            return mcc_tcp_after_close(t, tcp, p, &s, ending);
        int verdict = mcc_tcp_open(t, tcp, p, &s);
        if (verdict == MCC_TCP_AGAIN)
            return verdict;
        if (verdict == MCC_TCP_OTHER) {
            t->ways[d].out(t->box, t->flow, t->id, p);
            return MCC_PASS;
        }
        if (verdict == MCC_TCP_GONE) {
            *ending = MCC_END_REPLACED;
            mcc_core_drop(t->core, p, MCC_DROP_TCP_WINDOW);
            return MCC_PASS;
        }
        if (tcp->state >= MCC_TCP_CLOSING)
            return mcc_tcp_after_close(t, tcp, p, &s, ending);
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
    if (__builtin_expect(s.flags & MCC_TCP_RST, 0)) {
        if (mcc_tcp_take_reset(t, tcp, p, &s, ending) == MCC_TCP_NO_END)
            pass(t, tcp, p, &s);
        return MCC_PASS;
    }
    int64_t far = (int64_t)(s.x - me->next), most = reach(tcp, d);
    if (__builtin_expect(far > most || -far > most, 0)) {
        t->shared->tcp.out_of_window++;
        if (mcc_tcp_strict(t->rules))
            mcc_core_drop(t->core, p, MCC_DROP_TCP_WINDOW);
        else
            t->ways[d].out(t->box, t->flow, t->id, p);
        return MCC_PASS;
    }
    me->window = mcc_load16(mcc_tcp_head(p) + 14);
    if (mcc_tcp_strict(t->rules) || t->rules->closes)
        mcc_tcp_learn_stamp(p, me);
    if (s.flags & MCC_TCP_ACK)
        mcc_tcp_take_ack(t, tcp, &s);
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
