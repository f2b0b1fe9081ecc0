/* What was sent on and is not acknowledged: by reference, oldest first. */
#include "mcc_tcp.h"

#include <string.h>

enum { HISTORY = 8192 };

static void kept_give(struct mcc_streams *s, struct mcc_kept *k)
{
    if (k->packet->stream & MCC_STREAM_HELD) { /* queued, and never left */
        k->packet->stream &= (uint16_t)~MCC_STREAM_HELD;
        s->core->held--;
        s->core->drops[MCC_DROP_TCP_CLOSED]++;
    } else {
        s->core->kept--;
    }
    mcc_buffer_put(s->core->buffers, k->packet);
    k->next = s->free_kept;
    s->free_kept = k;
    s->kept_used--;
}

bool mcc_tcp_keep(const struct mcc_turn *t, struct mcc_tcp_way *w, struct mcc_packet *p, uint64_t y,
                  uint32_t len, bool fin, bool owned)
{
    struct mcc_streams *s = t->shared;
    bool full = w->kept_bytes + len > t->rules->buffer ||
                mcc_buffers_used(t->core->buffers) > s->buffer_limit;
    if (full && w->kept && w->kept != w->queued &&
        !owned) { /* the oldest goes: a retransmission of it can no longer be compared */
        struct mcc_kept *old = w->kept;
        w->kept = old->next;
        if (!w->kept)
            w->newest = NULL;
        w->kept_bytes -= old->len;
        kept_give(s, old);
        s->tcp.forgotten++;
    } else if (full && !owned) {
        s->tcp.forgotten++;
        return false;
    }
    struct mcc_kept *k = s->free_kept;
    if (k)
        s->free_kept = k->next;
    else if (s->kept_fresh < s->kept_max)
        k = &s->kept_base[s->kept_fresh++];
    else
        return false;
    struct mcc_packet *held = p;
    if (owned || p->refs == UINT8_MAX) {
        held = mcc_buffer_copy(t->core->buffers, p);
        if (!held) {
            k->next = s->free_kept;
            s->free_kept = k;
            return false;
        }
    } else {
        p->refs++;
    }
    s->kept_used++;
    t->core->kept++;
    *k = (struct mcc_kept){.packet = held,
                           .bytes = held->content,
                           .y = y,
                           .len = len,
                           .owned = owned,
                           .changed = (p->stream & MCC_STREAM_EDITED) != 0,
                           .fin = fin};
    if (w->newest)
        w->newest->next = k;
    else
        w->kept = k;
    w->newest = k;
    w->kept_bytes += len;
    return true;
}

void mcc_tcp_acked(const struct mcc_turn *t, struct mcc_tcp_way *w)
{
    if (!w->kept || w->kept->y + w->kept->len + w->kept->fin > w->acked)
        return;
    /* where nothing is edited a little is kept for longer, to compare what a sender that has not heard yet sends again */
    uint32_t history = t->ways[0].forward || t->rules->writes || t->rules->stalls ||
                               mcc_buffers_used(t->core->buffers) > t->shared->buffer_limit / 4
                           ? 0
                           : HISTORY;
    struct mcc_kept *k;
    while ((k = w->kept) != NULL && k->y + k->len + k->fin <= w->acked &&
           w->acked - k->y > history && k != w->queued) {
        w->kept = k->next;
        if (!w->kept)
            w->newest = NULL;
        w->kept_bytes -= k->len;
        kept_give(t->shared, k);
    }
}

void mcc_tcp_forget(struct mcc_streams *s, struct mcc_tcp_way *w)
{
    while (w->kept) {
        struct mcc_kept *k = w->kept;
        w->kept = k->next;
        kept_give(s, k);
    }
    w->newest = w->queued = NULL;
    w->kept_bytes = 0;
}

uint32_t mcc_tcp_recall(const struct mcc_tcp_way *w, uint64_t y, uint8_t *to, uint32_t len,
                        bool *changed)
{
    uint32_t done = 0;
    for (const struct mcc_kept *k = w->kept; k && done < len; k = k->next) {
        uint64_t at = y + done;
        if (k->y + k->len <= at)
            continue;
        if (k->y > at)
            break;
        uint32_t skip = (uint32_t)(at - k->y), n = k->len - skip;
        n = n < len - done ? n : len - done;
        memcpy(to + done, k->bytes + skip, n);
        *changed |= k->changed;
        done += n;
    }
    return done;
}

bool mcc_tcp_differs(const struct mcc_tcp_way *w, uint64_t y, const uint8_t *bytes, uint32_t len,
                     bool *changed)
{
    bool differs = false;
    for (const struct mcc_kept *k = w->kept; k && (int64_t)(k->y - (y + len)) < 0; k = k->next) {
        const struct mcc_span both = mcc_span_meet(k->y, k->len, y, len);
        if (!both.len)
            continue;
        *changed |= k->changed;
        differs |= memcmp(k->bytes + (both.at - k->y), bytes + (both.at - y), both.len) != 0;
    }
    return differs;
}

void mcc_tcp_overlay(const struct mcc_tcp_way *w, uint64_t y, uint8_t *bytes, uint32_t len)
{
    for (const struct mcc_kept *k = w->kept; k && (int64_t)(k->y - (y + len)) < 0; k = k->next) {
        const struct mcc_span both = mcc_span_meet(k->y, k->len, y, len);
        if (both.len)
            memcpy(bytes + (both.at - y), k->bytes + (both.at - k->y), both.len);
    }
}
