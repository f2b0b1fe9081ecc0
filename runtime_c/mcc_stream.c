#include "mcc_stream.h"

#include <errno.h>
#include <string.h>

#include "mcc_mem.h"

/* ---------------------------------------------------------------- packets of a window */

static inline uint64_t packet_end(const struct mcc_packet *p)
{
    return p->pos + p->in_len;
}

/* The byte at position x of a packet; x is not edited yet, so it lies as far from the end as it came. */
static inline uint8_t *packet_at(const struct mcc_packet *p, uint64_t x)
{
    return p->content + p->content_len - (packet_end(p) - x);
}

/* Puts the cursor to position x of packet p. */
static void stream_stand(struct mcc_stream *st, struct mcc_packet *p, uint64_t x)
{
    st->packet = p;
    st->last = p->content + p->content_len;
    st->last_pos = packet_end(p);
    st->at = st->last - (st->last_pos - x);
}

bool mcc_stream_next(struct mcc_stream *st)
{
    struct mcc_packet *p = st->packet ? st->packet->next : st->head;
    while (p && p->in_len == 0)
        p = p->next;
    if (!p)
        return false;
    uint64_t from = p->pos < st->last_pos ? st->last_pos : p->pos;
    stream_stand(st, p, from);
    return st->at != st->last || mcc_stream_next(st);
}

uint8_t mcc_stream_peek(const struct mcc_stream *st, uint64_t i)
{
    uint64_t x = mcc_stream_mark(st) + i;
    struct mcc_packet *p = st->packet ? st->packet : st->head;
    while (p && packet_end(p) <= x)
        p = p->next;
    return p ? *packet_at(p, x) : 0;
}

void mcc_stream_seek(struct mcc_stream *st, uint64_t mark)
{
    uint64_t low = st->edited > st->start ? st->edited : st->start;
    uint64_t x = mark < low ? low : mark > st->end ? st->end : mark;
    struct mcc_packet *p = st->head, *last = NULL;
    for (; p && packet_end(p) < x; p = p->next)
        last = p;
    if (p)
        stream_stand(st, p, x);
    else if (last)
        stream_stand(st, last, packet_end(last));
}

/* ---------------------------------------------------------------- edits */

/* Moves what follows the gap up to what was edited. */
static void stream_settle(struct mcc_stream *st)
{
    struct mcc_packet *p = st->gap_packet;
    if (!p)
        return;
    size_t rest = (size_t)(packet_end(p) - st->edited);
    uint64_t cursor = mcc_stream_mark(st);
    memmove(p->content + st->done, p->content + p->content_len - rest, rest);
    p->content_len = st->done + (uint32_t)rest;
    st->gap_packet = NULL;
    if (st->packet == p)
        stream_stand(st, p, cursor);
}

struct mcc_packet *mcc_stream_part(struct mcc_core *core, const struct mcc_packet *p,
                                   const uint8_t *bytes, uint32_t n)
{
    uint32_t head = (uint32_t)(p->content - p->data);
    struct mcc_packet *q = mcc_buffer_get(core->buffers, head + n);
    if (!q)
        return NULL;
    struct mcc_packet buffer = *q;
    *q = *p;
    q->data = buffer.data;
    q->headroom = buffer.headroom;
    q->room = buffer.room;
    q->refs = 0;
    q->next = NULL;
#if MCC_INNER
    mcc_buffer_outer(q, p);
#endif
    memcpy(q->data, p->data, head);
    if (n && bytes)
        memcpy(q->data + head, bytes, n);
    q->content = q->data + head;
    q->content_len = n;
    q->len = q->wire_len = head + n;
    q->stream = (uint16_t)((p->stream | MCC_STREAM_CHANGED) & ~(MCC_STREAM_FIN | MCC_STREAM_HELD));
    core->made++;
    return q;
}

/* Gives what is edited of the packet, up to input position x, to a packet of its own in front of it. */
static bool stream_spill(struct mcc_stream *st, struct mcc_packet *p, uint64_t x)
{
    struct mcc_packet *own = mcc_stream_part(st->shared->core, p, p->content, st->done);
    if (!own)
        return false;
    own->in_len = (uint32_t)(x - p->pos);
    own->stream |= MCC_STREAM_MADE;
    p->in_len = (uint32_t)(packet_end(p) - x);
    p->pos = x;
    st->done = 0;
    own->next = p;
    if (st->head == p) {
        st->head = own;
    } else {
        struct mcc_packet *before = st->head;
        while (before->next != p)
            before = before->next;
        before->next = own;
    }
    return true;
}

/* Writes n bytes into the gap of p, whose suffix begins at position `from`; false: no buffer, *n: bytes written. */
static bool stream_fill(struct mcc_stream *st, struct mcc_packet *p, uint64_t from,
                        const uint8_t *data, uint32_t *n)
{
    uint32_t left = *n;
    for (;;) {
        size_t rest = (size_t)(packet_end(p) - from);
        uint32_t room = p->content_len - (uint32_t)rest - st->done;
        uint32_t take = left < room ? left : room;
        if (take)
            memcpy(p->content + st->done, data, take);
        st->done += take;
        data += take;
        left -= take;
        if (left == 0)
            return true;
        uint32_t behind = (uint32_t)(p->data + p->room - (p->content + p->content_len));
        if (behind) { /* the suffix goes to the end of the buffer */
            mcc_packet_unguard(p->data, p->room);
            memmove(p->content + p->content_len + behind - rest, p->content + p->content_len - rest,
                    rest);
            p->content_len += behind;
        } else if (st->done == 0 || !stream_spill(st, p, from)) {
            *n -= left;
            return false;
        }
    }
}

/* Takes [a, packet end) out of a packet that is not being edited. */
static void stream_cut(struct mcc_packet *p, uint64_t a)
{
    uint64_t from = a < p->pos ? p->pos : a;
    p->content_len -= (uint32_t)(packet_end(p) - from);
    p->stream |= MCC_STREAM_CHANGED | MCC_STREAM_EDITED;
}

bool mcc_stream_edit(struct mcc_stream *st, uint64_t a, uint64_t b, const void *data, uint32_t n)
{
    if (a < st->start || a < st->edited || a > b || b > st->end || b - a > UINT32_MAX || !st->edits)
        return false;
    struct mcc_packet *p = st->head;
    while (p && p->next && packet_end(p) <= a)
        p = p->next;
    if (!p) /* the stream ends without a packet: what is put in has nothing to go with */
        return st->is_last;
    struct mcc_edit *e = mcc_edits_take(st->shared);
    if (!e) {
        st->failed = true;
        return false;
    }
    uint64_t cursor = mcc_stream_mark(st);
    if (packet_end(p) <
        b) { /* over several packets: the last one is edited, those before lose their ends */
        uint64_t from = a;
        if (st->gap_packet && st->gap_packet != p)
            stream_settle(st);
        if (st->gap_packet == p)
            stream_settle(st);
        for (; packet_end(p) < b; p = p->next) {
            uint64_t end = packet_end(p);
            stream_cut(p, from);
            /* what was taken out still counts as its input */
            from = end;
        }
        st->gap_packet = p;
        st->done = 0;
    } else if (st->gap_packet != p) {
        stream_settle(st);
        st->gap_packet = p;
        st->done = p->content_len - (uint32_t)(packet_end(p) - a);
    } else { /* what lies between the last edit and this one joins the prefix */
        size_t kept = (size_t)(a - st->edited);
        memmove(p->content + st->done, packet_at(p, st->edited), kept);
        st->done += (uint32_t)kept;
    }
    p->stream |= MCC_STREAM_CHANGED | MCC_STREAM_EDITED;
    uint32_t written = n;
    bool whole = stream_fill(st, p, b, data, &written);
    mcc_edits_add(st->edits, e, a, (uint32_t)(b - a), written);
    st->edited = b;
    if (cursor < b)
        cursor = b;
    mcc_stream_seek(st, cursor);
    st->failed |= !whole;
    return whole;
}

bool mcc_stream_mask(struct mcc_stream *st, uint64_t a, uint64_t b, uint8_t value)
{
    if (a < st->start || a < st->edited || a > b || b > st->end)
        return false;
    for (struct mcc_packet *p = st->head; p && p->pos < b; p = p->next) {
        uint64_t from = a < p->pos ? p->pos : a, to = b < packet_end(p) ? b : packet_end(p);
        if (from >= to)
            continue;
        memset(packet_at(p, from), value, (size_t)(to - from));
        p->stream |= MCC_STREAM_CHANGED | MCC_STREAM_EDITED;
    }
    return true;
}

bool mcc_stream_set(struct mcc_stream *st, uint8_t value)
{
    uint64_t cursor = mcc_stream_mark(st);
    return cursor > 0 && mcc_stream_mask(st, cursor - 1, cursor, value);
}

/* ---------------------------------------------------------------- a call */

void mcc_stream_open(struct mcc_stream *st, struct mcc_streams *shared, struct mcc_window *w,
                     struct mcc_edits *edits, struct mcc_packet *p, bool is_last, bool to_server)
{
    *st = (struct mcc_stream){.shared = shared,
                              .edits = edits,
                              .start = w->start,
                              .edited = w->edited,
                              .fresh = w->end,
                              .hold = MCC_NOTHING,
                              .is_last = is_last,
                              .to_server = to_server};
    if (p) {
        p->pos = w->end;
        p->in_len = p->content_len;
        p->next = NULL;
        w->end += p->in_len;
        if (w->tail)
            w->tail->next = p;
        else
            w->head = p;
        w->tail = p;
    }
    st->head = w->head;
    st->end = w->end;
    if (!st->head) {
        st->last_pos = w->end;
    } else if (st->head == p) {
        stream_stand(st, p, p->pos);
    } else {
        mcc_stream_seek(st, w->cursor);
    }
}

/* Packets from `from` up to `to` (not included) are held no more. */
static void mcc_stream_unhold(struct mcc_core *core, struct mcc_packet *from,
                              const struct mcc_packet *to)
{
    for (; from != to; from = from->next)
        if (from->stream & MCC_STREAM_HELD) {
            from->stream &= (uint16_t)~MCC_STREAM_HELD;
            core->held--;
        }
}

/* The packet for `first` up to `last`, the parts of one datagram with `bytes` of content that were `in` bytes of input. */
static struct mcc_packet *datagram_of(struct mcc_core *core, struct mcc_packet *first,
                                      struct mcc_packet *last, uint32_t bytes, uint32_t in)
{
    struct mcc_packet *q = mcc_stream_part(core, last, NULL, bytes), *p = first, *next;
    uint64_t pos = first->pos;
    uint8_t *at = q ? q->content : NULL;
    for (; p != last; p = next) {
        next = p->next;
        if (q)
            at = (uint8_t *)memcpy(at, p->content, p->content_len) + p->content_len;
        mcc_stream_unmake(core, p);
    }
    if (q) {
        memcpy(at, last->content, last->content_len);
        q->next = last->next;
        q->stream = last->stream | MCC_STREAM_CHANGED;
        mcc_stream_unmake(core, last);
    } else {
        q = last;
        q->content_len = 0;
        q->stream |= MCC_STREAM_TAKEN;
    }
    q->pos = pos;
    q->in_len = in;
    return q;
}

void mcc_datagram_join(struct mcc_stream *st)
{
    stream_settle(st);
    uint64_t cursor = mcc_stream_mark(st);
    bool joined = false;
    for (struct mcc_packet **at = &st->head; *at; at = &(*at)->next) {
        struct mcc_packet *first = *at, *last = first;
        uint32_t bytes = first->content_len, in = first->in_len;
        for (; last->stream & MCC_STREAM_MADE && last->next; joined = true) {
            last = last->next;
            bytes += last->content_len;
            in += last->in_len;
        }
        if (last != first)
            *at = datagram_of(st->shared->core, first, last, bytes, in);
    }
    if (joined)
        mcc_stream_seek(st, cursor);
}

struct mcc_packet *mcc_stream_done(struct mcc_stream *st, struct mcc_window *w, uint32_t max_hold,
                                   uint32_t tick, bool *overflow)
{
    uint64_t cursor = mcc_stream_mark(st), hold = st->is_last ? MCC_NOTHING : st->hold;
    stream_settle(st);
    *overflow = hold < st->end && st->end - hold > max_hold;
    if (*overflow)
        hold = MCC_NOTHING;
    struct mcc_packet *released = st->head, *p = st->head, *before = NULL;
    if (hold >= st->end) {
        mcc_stream_unhold(st->shared->core, st->head, NULL);
        w->head = w->tail = NULL;
        w->start = w->cursor = st->end;
    } else {
        for (; p && packet_end(p) <= hold; p = p->next)
            before = p;
        mcc_stream_unhold(st->shared->core, st->head, p);
        if (before)
            before->next = NULL;
        else
            released = NULL;
        if (st->end - hold > st->shared->tcp.held_bytes_peak)
            st->shared->tcp.held_bytes_peak = st->end - hold;
        w->held_since = tick;
        w->head = p;
        for (;; p = p->next) {
            if (!(p->stream & (MCC_STREAM_HELD | MCC_STREAM_SENT))) {
                p->stream |= MCC_STREAM_HELD | MCC_STREAM_LATE;
                st->shared->core->held++;
            }
            if (!p->next)
                break;
        }
        w->tail = p;
        w->start = hold;
        w->cursor = cursor < hold ? hold : cursor;
    }
    w->edited = st->edited;
    return released;
}

struct mcc_packet *mcc_window_release(struct mcc_core *core, struct mcc_window *w)
{
    struct mcc_packet *released = w->head;
    mcc_stream_unhold(core, released, NULL);
    w->head = w->tail = NULL;
    w->start = w->cursor = w->end;
    return released;
}

/* ---------------------------------------------------------------- what all share */

int mcc_streams_init(struct mcc_streams *s, struct mcc_core *core, uint32_t buffers)
{
    struct mcc_streams fresh = {.core = core,
                                .edits_max = 1u << 20,
                                .kept_max = buffers + 1024,
                                .buffer_limit = buffers - buffers / 4};
    fresh.edit_base = mcc_mem_map((size_t)fresh.edits_max * sizeof *fresh.edit_base);
    fresh.kept_base = mcc_mem_map((size_t)fresh.kept_max * sizeof *fresh.kept_base);
    if (!fresh.edit_base || !fresh.kept_base) {
        mcc_streams_free(&fresh);
        return -ENOMEM;
    }
    *s = fresh;
    return 0;
}

void mcc_streams_free(struct mcc_streams *s)
{
    if (s->edit_base)
        mcc_mem_unmap(s->edit_base, (size_t)s->edits_max * sizeof *s->edit_base);
    if (s->kept_base)
        mcc_mem_unmap(s->kept_base, (size_t)s->kept_max * sizeof *s->kept_base);
    *s = (struct mcc_streams){.core = NULL};
}
