/* TCP headers: options, and what a changed stream means for acknowledgements, windows and SACK blocks. */
#include "mcc_tcp.h"

#include "mcc_header.h"
#include "mcc_made.h"

enum {
    OPT_END,
    OPT_NOP,
    OPT_MSS,
    OPT_SCALE,
    OPT_SACK_OK,
    OPT_SACK,
    OPT_STAMPS = 8,
    OPT_MD5 = 19,
    OPT_AO = 29,
    OPT_MPTCP = 30,
    OPT_TFO = 34
};

void mcc_tcp_options(const struct mcc_packet *p, struct mcc_tcp_options *o)
{
    *o = (struct mcc_tcp_options){0};
    uint32_t at = p->l4 + 20u, end = p->l4 + 4u * (p->data[p->l4 + 12] >> 4);
    end = end < p->ip_end ? end : p->ip_end;
    while (at < end) {
        uint8_t kind = p->data[at];
        if (kind == OPT_END)
            return;
        if (kind == OPT_NOP) {
            at++;
            continue;
        }
        if (at + 1 >= end)
            return;
        uint32_t n = p->data[at + 1];
        if (n < 2 || at + n > end)
            return;
        if (kind == OPT_MSS && n == 4)
            o->mss = at;
        else if (kind == OPT_SCALE && n == 3)
            o->scale = at;
        else if (kind == OPT_SACK_OK && n == 2)
            o->sack_ok = at;
        else if (kind == OPT_SACK && n >= 10 && (n - 2) % 8 == 0)
            o->sack = at, o->sack_blocks = (uint8_t)((n - 2) / 8);
        else if (kind == OPT_STAMPS && n == 10)
            o->stamps = at;
        else if (kind == OPT_MPTCP)
            o->multipath = at;
        else if (kind == OPT_TFO)
            o->fast_open = at;
        else if (kind == OPT_MD5 || kind == OPT_AO)
            o->signature = at;
        at += n;
    }
}

/* ---------------------------------------------------------------- rewriting, checksums by difference */

static void set32(struct mcc_packet *p, uint32_t at, uint32_t value)
{
    uint32_t was = mcc_load32(p->data + at);
    if (was == value)
        return;
    mcc_store32(p->data + at, value);
    if ((at - p->l4) & 1) { /* at an odd place every byte counts for the other half of its word */
        was = __builtin_bswap32(was);
        value = __builtin_bswap32(value);
        was = (was >> 16) | (was << 16);
        value = (value >> 16) | (value << 16);
    }
    mcc_delta32(&p->l4_delta, was, value);
    p->fix |= MCC_FIX_L4;
}

static void set16(struct mcc_packet *p, uint32_t at, uint16_t value)
{
    uint16_t was = mcc_load16(p->data + at);
    if (was == value)
        return;
    mcc_store16(p->data + at, value);
    mcc_delta16(&p->l4_delta, was, value);
    p->fix |= MCC_FIX_L4;
}

static void set8(struct mcc_packet *p, uint32_t at, uint8_t value)
{
    mcc_delta8(&p->l4_delta, p->data[at], value, (at - p->l4) & 1);
    p->data[at] = value;
    p->fix |= MCC_FIX_L4;
}

void mcc_tcp_set_byte(struct mcc_packet *p, uint32_t at, uint8_t value)
{
    set8(p, at, value);
}

void mcc_tcp_set_word(struct mcc_packet *p, uint32_t at, uint32_t value)
{
    set32(p, at, value);
}

void mcc_tcp_set_seq(struct mcc_packet *p, uint32_t seq)
{
    set32(p, p->l4 + 4u, seq);
}

void mcc_tcp_urgent(const struct mcc_turn *t, const struct mcc_tcp_way *w, struct mcc_packet *p,
                    uint64_t y)
{
    const struct mcc_way *map = &t->ways[t->id & 1];
    uint32_t seq = mcc_load32(p->data + p->l4 + 4), pointer = mcc_load16(p->data + p->l4 + 18);
    uint64_t end = mcc_tcp_unwrap(seq, w->isn, w->next) + pointer; /* behind the last urgent byte */
    if (!(p->stream & MCC_STREAM_MAPPED) && map->forward && pointer) {
        bool decided = (int64_t)(end - (p->pos + p->in_len)) <= 0; /* else a later segment tells */
        end = decided ? map->forward_low(t->flow, end) : y;
    }
    int64_t ahead = (int64_t)(end - y);
    if (t->rules->urgent == MCC_URGENT_CLEAR || ahead <= 0) {
        set8(p, p->l4 + 13u, p->data[p->l4 + 13] & (uint8_t)~MCC_TCP_URG);
        ahead = 0;
    }
    set16(p, p->l4 + 18u, (uint16_t)(ahead > 65535 ? 65535 : ahead));
}

/* ---------------------------------------------------------------- translation */

uint64_t mcc_tcp_shown(const struct mcc_turn *t, const struct mcc_tcp *tcp, unsigned d, uint64_t y)
{
    const struct mcc_tcp_way *w = &tcp->way[d];
    uint64_t x = t->ways[d].back ? t->ways[d].back(t->flow, y) : y;
    x = (int64_t)(x - w->early) < 0 ? w->early : x;
    if (y == w->acked &&
        (int64_t)(x - w->told) < 0) /* an insertion behind bytes that were removed */
        x = w->told;
    return (int64_t)(x - w->next) > 0 ? w->next : x;
}

uint16_t mcc_tcp_window(const struct mcc_turn *t, struct mcc_tcp *tcp, unsigned d, uint64_t ack_x)
{
    struct mcc_tcp_way *w = &tcp->way[d];
    unsigned scale = tcp->way[1 - d].scale;
    uint64_t edge_y = w->edge_y, edge = edge_y;
    if ((int64_t)(edge_y - w->acked) <= 0) {
        w->edge = ack_x;
        return 0;
    }
    if (t->ways[d].back) {
        uint64_t sent_x = t->ways[d].back(t->flow, w->sent);
        edge = (int64_t)(edge_y - w->sent) >= 0 ? sent_x + (edge_y - w->sent)
                                                : t->ways[d].back(t->flow, edge_y);
        if (w->edge && (int64_t)(edge - w->edge) < 0 && sent_x != w->sent)
            edge = w->edge;
    }
    uint64_t ahead = (int64_t)(edge - ack_x) > 0 ? edge - ack_x : 0, units = ahead >> scale;
    bool left = w->edge && (int64_t)(ack_x + (units << scale) - w->edge) < 0 &&
                (int64_t)(edge - w->edge) >= 0;
    units += left || (units == 0 &&
                      ahead); /* rounded down, unless that moved the edge or closed the window */
    units = units > 65535 ? 65535 : units;
    w->edge = ack_x + (units << scale);
    return (uint16_t)units;
}

/* Blocks that say nothing true in the sender's space become no-operations. */
static void translate_sack(const struct mcc_turn *t, struct mcc_tcp *tcp, struct mcc_packet *p,
                           const struct mcc_tcp_options *o, unsigned d, uint64_t ack_y,
                           uint64_t ack_x)
{
    const struct mcc_tcp_way *w = &tcp->way[d];
    const struct mcc_way *map = &t->ways[d];
    uint32_t left[4], right[4], n = 0;
    for (unsigned i = 0; i < o->sack_blocks && i < 4; i++) {
        uint32_t at = o->sack + 2 + 8 * i;
        uint64_t l = mcc_tcp_unwrap(mcc_load32(p->data + at), w->isn, w->acked);
        uint64_t r = mcc_tcp_unwrap(mcc_load32(p->data + at + 4), w->isn, w->acked);
        if ((int64_t)(r - l) <= 0 || (int64_t)(r - w->sent) > 0)
            continue;
        bool duplicate = (int64_t)(r - ack_y) <= 0; /* RFC 2883: reports what came twice */
        uint64_t lx = map->back_low ? map->back_low(t->flow, l) : l,
                 rx = map->back ? map->back(t->flow, r) : r;
        if ((int64_t)(rx - lx) <= 0)
            continue;
        if (!duplicate && (int64_t)(lx - ack_x) < 0) {
            if ((int64_t)(rx - ack_x) <= 0)
                continue;
            lx = ack_x;
        }
        left[n] = w->isn + (uint32_t)lx;
        right[n++] = w->isn + (uint32_t)rx;
    }
    if (n == o->sack_blocks) {
        for (unsigned i = 0; i < n; i++) {
            set32(p, o->sack + 2 + 8 * i, left[i]);
            set32(p, o->sack + 6 + 8 * i, right[i]);
        }
        return;
    }
    uint32_t end = o->sack + 2 + 8u * o->sack_blocks, at = o->sack;
    if (n) { /* fewer blocks: the option shrinks, what is left over does nothing */
        set8(p, at + 1, (uint8_t)(2 + 8 * n));
        for (unsigned i = 0; i < n; i++) {
            set32(p, at + 2 + 8 * i, left[i]);
            set32(p, at + 6 + 8 * i, right[i]);
        }
        at += 2 + 8 * n;
    }
    for (; at < end; at++)
        set8(p, at, OPT_NOP);
}

void mcc_tcp_translate(const struct mcc_turn *t, struct mcc_tcp *tcp, struct mcc_packet *p,
                       bool late)
{
    unsigned d = t->id & 1, back = 1 - d;
    struct mcc_tcp_way *w = &tcp->way[back];
    if (!(p->data[p->l4 + 13] & MCC_TCP_ACK) || !w->known)
        return;
    /* what waited says what its host says now; its own word may be old, or translated already */
    uint64_t y =
        late ? w->acked : mcc_tcp_unwrap(mcc_load32(p->data + p->l4 + 8), w->isn, w->acked);
    int64_t beyond = (int64_t)(y - w->sent);
    if (beyond > 0) { /* of what was never sent: unacceptable there too (RFC 5961, 5) */
        set32(p, p->l4 + 8u, w->isn + (uint32_t)w->next + (uint32_t)beyond);
        return;
    }
    uint64_t x = mcc_tcp_shown(t, tcp, back, y);
    if ((int64_t)(x - w->told) > 0)
        w->told = x;
    set32(p, p->l4 + 8u, w->isn + (uint32_t)x);
    bool syn = p->data[p->l4 + 13] & MCC_TCP_SYN;
    if (!syn && y == w->acked) {
        uint16_t window = mcc_tcp_window(t, tcp, back, x);
        set16(p, p->l4 + 14u, window);
    }
    struct mcc_tcp_options o;
    if ((p->data[p->l4 + 12] >> 4) > 5) {
        mcc_tcp_options(p, &o);
        if (o.sack)
            translate_sack(t, tcp, p, &o, back, y, x);
    }
}
