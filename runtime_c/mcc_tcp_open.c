/* How connections begin and end: handshakes, what their options say, resets, and after a close of ours. */
#include "mcc_tcp.h"

#include "mcc_header.h"

/* ---------------------------------------------------------------- opening */

/* RFC 8684, 3.7: a box that edits must not carry a subflow. */
static void no_multipath(struct mcc_packet *p, const struct mcc_tcp_options *o)
{
    uint32_t n = o->multipath ? p->data[o->multipath + 1] : 0;
    for (uint32_t i = 0; i < n; i++)
        mcc_tcp_set_byte(p, o->multipath + i, 1);
}

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
    if (mcc_tcp_strict(t->rules))
        no_multipath(p, &o);
}

void mcc_tcp_learn_stamp(const struct mcc_packet *p, struct mcc_tcp_way *w)
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
    uint32_t stamp = at ? mcc_load32(p->data + at + 2) : 0;
    if (at && (!w->stamped || (int32_t)(stamp - w->stamp) >= 0)) { /* else the segment is late */
        w->stamp = stamp;
        w->stamped = true;
    }
}

static void begin(struct mcc_tcp_way *w, uint32_t isn)
{
    w->isn = isn;
    w->known = true;
}

/* A SYN of another connection with the same addresses, while this one stands: its sender has forgotten this one, or never was
 * in it. Its receiver is asked: it answers with what it knows of this connection, and a sender that has forgotten it resets it
 * (RFC 5961, 4); or it has forgotten it too and answers the SYN. */
static int syn_of_another(struct mcc_tcp *tcp, struct mcc_packet *p, const struct mcc_segment *s,
                          unsigned d)
{
    struct mcc_tcp_options o;
    mcc_tcp_options(p, &o);
    no_multipath(p, &o);
    tcp->other_by = (uint8_t)(1 + d);
    tcp->other = s->seq + 1;
    return MCC_TCP_OTHER;
}

/* The first segments: who counts from where. MCC_PASS: go on; else as mcc_tcp_in. */
int mcc_tcp_open(const struct mcc_turn *t, struct mcc_tcp *tcp, struct mcc_packet *p,
                 const struct mcc_segment *s)
{
    unsigned d = t->id & 1;
    struct mcc_tcp_way *me = &tcp->way[d], *other = &tcp->way[1 - d];
    bool syn = s->flags & MCC_TCP_SYN, ack = s->flags & MCC_TCP_ACK;
    if (syn) {
        if (ack && tcp->other_by == 2 - d && s->ack == tcp->other && s->seq + 1 != me->isn)
            return MCC_TCP_GONE; /* the SYN comes again and begins the other one */
        if (ack && other->known &&
            (int64_t)(mcc_tcp_unwrap(s->ack, other->isn, other->acked) - other->sent) > 0)
            return MCC_PASS; /* answers another SYN (RFC 9293, 3.10.7.3): believed by nobody */
        bool fresh = !me->known || (me->next == 0 && me->sent == 0 && !me->fin &&
                                    (ack || !other->known || other->next == 0));
        if (me->known && s->seq + 1 != me->isn && !fresh) {
            bool dead = (me->fin || me->reset) && (other->fin || other->reset || !other->known);
            if (!dead && !ack && tcp->state == MCC_TCP_OPEN && mcc_tcp_strict(t->rules))
                return syn_of_another(tcp, p, s, d);
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
    if (ack && !me->syn && other->syn && other->sent == 0 && s->ack != other->isn &&
        mcc_tcp_strict(t->rules)) {
        tcp->other_by = (uint8_t)(2 - d); /* it is in a connection that its peer has lost */
        tcp->other = s->ack;
    }
    bool elsewhere = me->guessed && me->next == 0 && /* what its peer has seen of it is of no use */
                     ((int32_t)(s->seq - me->isn) < 0 || s->len);
    if (!me->known || elsewhere)
        begin(me, s->seq);
    me->guessed = false;
    if (ack && !other->known) {
        begin(other, s->ack);
        other->guessed = true;
    }
    return MCC_PASS;
}

/* ---------------------------------------------------------------- RST */

enum reset { RESET_FAR, RESET_NEAR, RESET_EXACT };

/* Whether a reset is one that its receiver may believe (RFC 5961, 3): it has the next number, or answers the receiver's word of
 * what it has; one that is near gets a challenge. */
static enum reset reset_kind(const struct mcc_turn *t, const struct mcc_tcp *tcp,
                             const struct mcc_segment *s)
{
    unsigned d = t->id & 1;
    const struct mcc_tcp_way *w = &tcp->way[d];
    if (!w->known || tcp->state == MCC_TCP_NEW)
        return RESET_EXACT;
    uint64_t acked = t->ways[d].back ? t->ways[d].back(t->flow, w->acked) : w->acked;
    if (s->x == w->next || s->x == acked || (tcp->mapped && s->x == w->told))
        return RESET_EXACT;
    int64_t ahead = (int64_t)(s->x - w->next), behind = (int64_t)(s->x - acked);
    return ahead <= 65536 * 16 && behind >= -1 ? RESET_NEAR : RESET_FAR;
}

int mcc_tcp_take_reset(const struct mcc_turn *t, struct mcc_tcp *tcp, struct mcc_packet *p,
                       const struct mcc_segment *s, int *ending)
{
    unsigned d = t->id & 1;
    struct mcc_tcp_way *w = &tcp->way[d];
    enum reset kind = reset_kind(t, tcp, s);
    if (kind == RESET_NEAR && mcc_tcp_strict(t->rules))
        return MCC_TCP_NO_END; /* the receiver answers with a challenge, and the connection goes on */
    if (tcp->other_by == 1 + d && s->seq == tcp->other) { /* ends that one (RFC 9293, 3.10.7.3) */
        t->ways[d].out(t->box, t->flow, t->id, p);
        return MCC_PASS;
    }
    if (kind == RESET_FAR) {
        t->shared->tcp.out_of_window++;
        if (mcc_tcp_strict(t->rules)) {
            mcc_core_drop(t->core, p, MCC_DROP_TCP_WINDOW);
            return MCC_PASS;
        }
        t->ways[d].out(t->box, t->flow, t->id, p); /* no stream was edited: as it is */
        return MCC_PASS;
    }
    w->reset = true;
    tcp->over = true;
    *ending = MCC_END_RST;
    if (w->known && tcp->mapped)
        mcc_tcp_translate(t, tcp, p, false);
    if (w->known && t->ways[d].held) {
        mcc_tcp_end(t, tcp, false); /* what is held goes in front of it */
        mcc_tcp_set_seq(p, w->isn + (uint32_t)(s->x == w->next ? w->sent : w->acked));
    }
    t->ways[d].out(t->box, t->flow, t->id, p);
    return MCC_PASS;
}

/* ---------------------------------------------------------------- a connection that an element ended */

int mcc_tcp_after_close(const struct mcc_turn *t, struct mcc_tcp *tcp, struct mcc_packet *p,
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
            mcc_tcp_take_ack(t, tcp, s);
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
