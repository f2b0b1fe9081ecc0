/* Time and ends: what waits too long, what is ours to send again, connections that an element closed. */
#include "mcc_tcp.h"

#include "mcc_mem.h"
#include "mcc_flow.h"

enum {
    ACK_TICKS =
        3, /* held bytes are acknowledged early after some 50 ms, as a host delays an ACK (RFC 9293, 3.8.6.3) */
    RTO_TICKS = 60,       /* one second */
    RTO_MAX_TICKS = 3600, /* one minute */
    TRIES = 8,
    LINGER_TICKS = 600, /* ten seconds for both sides to finish after a close of ours */
};

/* ---------------------------------------------------------------- timers */

static uint32_t sooner(uint32_t a, uint32_t b)
{
    return a == 0 || (b && b < a) ? b : a;
}

static uint32_t next_due(const struct mcc_turn *t, const struct mcc_tcp *tcp)
{
    uint32_t due = 0;
    for (unsigned d = 0; d < 2; d++) {
        const struct mcc_tcp_way *w = &tcp->way[d];
        uint32_t since;
        if (t->ways[d].held && t->ways[d].held(t->flow, &since)) {
            if (t->rules->preack && (int64_t)(w->next - w->early) > 0)
                due = sooner(due, mcc_tick_add(since, ACK_TICKS));
            if (t->rules->hold_ticks)
                due = sooner(due, mcc_tick_add(since, t->rules->hold_ticks));
        }
        if (w->waiting && t->rules->reorder_ticks)
            due = sooner(due, mcc_tick_add(w->waiting_since, t->rules->reorder_ticks));
        if (w->rto_at)
            due = sooner(due, w->rto_at);
    }
    if (tcp->state >= MCC_TCP_CLOSING)
        due = sooner(due, tcp->closed_at);
    return due;
}

void mcc_tcp_wake(const struct mcc_turn *t, struct mcc_tcp *tcp)
{
    for (unsigned d = 0; d < 2; d++) {
        struct mcc_tcp_way *w = &tcp->way[d];
        if (w->kept && w->kept->owned && !w->rto_at)
            w->rto_at = mcc_tick_add(t->core->tick, RTO_TICKS << (w->tries < 6 ? w->tries : 6));
    }
    uint32_t due = next_due(t, tcp);
    if (due && (tcp->armed == 0 || due < tcp->armed)) {
        tcp->armed = due;
        t->arm(t->box, t->id, due);
    }
}

static void drop_waiting(const struct mcc_turn *t, struct mcc_tcp_way *w, uint32_t reason)
{
    struct mcc_packet *p;
    while ((p = w->waiting) != NULL) {
        w->waiting = p->next;
        --*mcc_tcp_waits(t->core, p);
        mcc_stream_drop(t->core, p, reason);
    }
    w->waiting_bytes = 0;
}

static bool retransmission_due(const struct mcc_turn *t, struct mcc_tcp *tcp, unsigned d)
{
    struct mcc_tcp_way *w = &tcp->way[d];
    if (!w->rto_at || w->rto_at > t->core->tick)
        return true;
    w->rto_at = 0;
    if (!w->kept || !w->kept->owned)
        return true;
    if (++w->tries > TRIES)
        return false;
    mcc_tcp_resend_owned(t, tcp, d);
    uint32_t wait = (uint32_t)RTO_TICKS << w->tries;
    w->rto_at = mcc_tick_add(t->core->tick, wait < RTO_MAX_TICKS ? wait : RTO_MAX_TICKS);
    return true;
}

bool mcc_tcp_ack_early(const struct mcc_turn *t, struct mcc_tcp *tcp, const struct mcc_packet *held)
{
    struct mcc_tcp_way *w = &tcp->way[t->id & 1];
    if (!t->rules->preack || (int64_t)(w->next - w->early) <= 0)
        return false;
    mcc_tcp_own_all(t, tcp, held);
    w->early = w->next;
    tcp->mapped = true;
    t->shared->tcp.early_acks++;
    return true;
}

static void holding_due(const struct mcc_turn *t, struct mcc_tcp *tcp)
{
    unsigned d = t->id & 1;
    uint32_t since, tick = t->core->tick;
    struct mcc_packet *p = t->ways[d].held ? t->ways[d].held(t->flow, &since) : NULL;
    if (!p)
        return;
    if (tick >= mcc_tick_add(since, ACK_TICKS) && mcc_tcp_ack_early(t, tcp, p))
        mcc_tcp_make(t, tcp, 1 - d, p, MCC_TCP_ACK);
    if (t->rules->hold_ticks && tick >= mcc_tick_add(since, t->rules->hold_ticks)) {
        t->shared->tcp.hold_timeouts++;
        t->ways[d].let_go(t->box, t->flow, t->id);
    }
}

bool mcc_tcp_due(const struct mcc_turn *t, struct mcc_tcp *tcp)
{
    tcp->armed = 0;
    if (tcp->state >= MCC_TCP_CLOSING && tcp->closed_at <= t->core->tick) {
        tcp->over = true;
        return true;
    }
    for (unsigned d = 0; d < 2; d++) {
        struct mcc_turn turn = *t;
        struct mcc_tcp_way *w = &tcp->way[d];
        turn.id = (t->id & ~1u) | d;
        if (!retransmission_due(&turn, tcp, d)) {
            t->shared->tcp.resets++;
            mcc_tcp_close(&turn, tcp, w->kept->packet, true);
            tcp->over = true;
            return true;
        }
        holding_due(&turn, tcp);
        if (w->waiting && t->rules->reorder_ticks &&
            t->core->tick >= mcc_tick_add(w->waiting_since, t->rules->reorder_ticks)) {
            t->shared->tcp.late_dropped++;
            drop_waiting(&turn, w, MCC_DROP_TCP_LATE);
        }
    }
    mcc_tcp_wake(t, tcp);
    return false;
}

/* ---------------------------------------------------------------- ends */

void mcc_tcp_close(const struct mcc_turn *t, struct mcc_tcp *tcp, const struct mcc_packet *like,
                   bool reset)
{
    unsigned d = t->id & 1;
    if (tcp->state >= MCC_TCP_CLOSING)
        return;
    bool speaks = tcp->state == MCC_TCP_OPEN;
    tcp->state = reset ? MCC_TCP_RESET : MCC_TCP_CLOSING;
    tcp->mapped = true;
    tcp->closed_at = mcc_tick_add(t->core->tick, LINGER_TICKS);
    for (unsigned i = 0; i < 2; i++) {
        struct mcc_tcp_way *w = &tcp->way[i];
        if (t->ways[i].abandon)
            t->ways[i].abandon(t->box, t->flow, (t->id & ~1u) | i);
        w->ended = true;
        w->early = w->next;
        drop_waiting(t, w, MCC_DROP_TCP_CLOSED);
    }
    for (unsigned i = 0; speaks && like && i < 2; i++) {
        unsigned from = i == 0 ? d : 1 - d;
        struct mcc_tcp_way *w = &tcp->way[from];
        if (!w->known || !tcp->way[1 - from].known || w->fin_sent)
            continue;
        if (reset)
            t->shared->tcp.resets++;
        mcc_tcp_make(t, tcp, from, like,
                     reset ? MCC_TCP_RST | MCC_TCP_ACK : MCC_TCP_FIN | MCC_TCP_ACK);
    }
    mcc_tcp_wake(t, tcp);
}

void mcc_tcp_end(const struct mcc_turn *t, struct mcc_tcp *tcp, bool silent)
{
    for (unsigned d = 0; d < 2; d++) {
        struct mcc_turn turn = *t;
        struct mcc_tcp_way *w = &tcp->way[d];
        turn.id = (t->id & ~1u) | d;
        if (!w->ended && !silent && tcp->state <= MCC_TCP_OPEN) {
            w->ended = true;
            turn.ways[d].data(turn.box, turn.flow, turn.id, NULL, true);
        }
        w->ended = true;
        if (turn.ways[d].abandon)
            turn.ways[d].abandon(turn.box, turn.flow, turn.id);
        drop_waiting(&turn, w, MCC_DROP_TCP_LATE);
        mcc_tcp_forget(t->shared, w);
        w->rto_at = 0;
    }
    tcp->over = true;
}
