/* Segments of our own: acknowledgements, FINs, RSTs. */
#include "mcc_tcp.h"

#include "mcc_header.h"
#include "mcc_made.h"

#if MCC_INNER
/* Puts p, made after `like`, into its tunnel; `same`: it goes the way that `like` went, else where `kept` says. False: it cannot be
 * known; p is gone and counted. */
static bool made_enclosed(const struct mcc_turn *t, struct mcc_packet *p,
                          const struct mcc_packet *like, bool same,
                          const struct mcc_inner_kept *kept)
{
    if (same)
        mcc_buffer_outer(p, like);
    else if (!mcc_inner_answer(p, like, kept)) {
        t->core->made++;
        mcc_core_drop(t->core, p, MCC_DROP_NO_WAY_BACK);
        return false;
    }
    p->outer.mtu = 0;
    return true;
}
#endif

/* Fills p, which has the link and IP headers of its direction, with a TCP header and sends it out. */
static void made_out(const struct mcc_turn *t, struct mcc_packet *p, uint8_t *tcp_head,
                     uint32_t options, uint64_t now)
{
    p->len = p->wire_len = (uint32_t)(tcp_head + 20 + options - p->data);
    if (p->link == MCC_LINK_ETHERNET && p->len < MCC_ETH_MIN_BYTES) {
        mcc_packet_unguard(p->data, MCC_ETH_MIN_BYTES);
        memset(p->data + p->len, 0, MCC_ETH_MIN_BYTES - p->len);
        p->len = p->wire_len = MCC_ETH_MIN_BYTES;
    }
    p->at = now;
    mcc_parse(p);
    mcc_checksum_fill(p);
    p->content = p->data + p->ip_end;
    p->content_len = 0;
    t->core->made++;
    t->shared->tcp.made++;
    t->ways[t->id & 1].out(t->box, t->flow, t->id, p);
}

/* A packet with link and IP headers as the host of direction t->id would send them, made after `like` of direction `of`; its TCP
 * header's place in *head. NULL: no buffer, or no way back into a tunnel. */
static struct mcc_packet *made_begin(const struct mcc_turn *t, const struct mcc_tcp *conn,
                                     const struct mcc_packet *like, unsigned of, uint32_t options,
                                     uint8_t **head)
{
    (void)conn;
    struct mcc_packet *p = mcc_buffer_get(t->core->buffers, like->l3 + 40u + 20u + 40u);
    if (!p) {
        t->core->drops[MCC_DROP_NO_BUFFER]++;
        t->core->made++;
        return NULL;
    }
    bool same = of == (t->id & 1);
#if MCC_INNER
    if (!made_enclosed(t, p, like, same, &conn->way[t->id & 1].outer))
        return NULL;
#endif
    p->link = like->link;
    p->in_port = like->in_port;
    p->proto = like->proto;
    p->layers = like->layers;
    if (same)
        memcpy(p->data, like->data, like->l3);
    else
        mcc_make_link(p, like);
    uint8_t *ip = p->data + like->l3;
    uint32_t bytes = mcc_make_ip(ip, like, 20 + options);
    if (same) { /* mcc_make_ip answers: turn the addresses round again */
        const uint8_t *was = like->data + like->l3;
        if (like->layers & MCC_IP)
            memcpy(ip + 12, was + 12, 8);
        else
            memcpy(ip + 8, was + 8, 32);
    }
    *head = ip + bytes;
    memset(*head, 0, 20 + options);
    const uint8_t *tcp = like->data + like->l4;
    memcpy(*head + (same ? 0 : 2), tcp, 2);
    memcpy(*head + (same ? 2 : 0), tcp + 2, 2);
    (*head)[12] = (uint8_t)((5 + options / 4) << 4);
    return p;
}

/* SACK blocks for what waits in direction d, the one with position `first` at the head (RFC 2018, 4). */
static uint32_t waiting_blocks(const struct mcc_tcp_way *w, uint64_t first, uint64_t block[][2],
                               uint32_t max)
{
    uint32_t n = 0;
    for (unsigned pass = 0; pass < 2; pass++) {
        for (const struct mcc_packet *p = w->waiting; p && n < max;) {
            uint64_t left = p->pos, right = p->pos;
            for (; p && (int64_t)(p->pos - right) <= 0; p = p->next)
                if ((int64_t)(p->pos + p->in_len - right) > 0)
                    right = p->pos + p->in_len;
            bool has = (int64_t)(first - left) >= 0 && (int64_t)(first - right) < 0;
            if (right != left && has == (pass == 0)) {
                block[n][0] = left;
                block[n++][1] = right;
            }
        }
    }
    return n;
}

static void make(const struct mcc_turn *t, struct mcc_tcp *tcp, unsigned from,
                 const struct mcc_packet *like, uint8_t flags, const uint64_t *waits)
{
    struct mcc_turn turn = *t;
    turn.id = (t->id & ~1u) | from;
    struct mcc_tcp_way *me = &tcp->way[from], *w = &tcp->way[1 - from];
    uint32_t options = me->stamped && w->stamped && !(flags & MCC_TCP_RST) ? 12 : 0, blocks = 0,
             stamps = options;
    uint64_t block[3][2];
    if (waits && me->sack_ok && w->sack_ok) {
        blocks = waiting_blocks(w, *waits, block, 3);
        options += blocks ? 4 + 8 * blocks : 0;
        for (uint32_t i = 0; i < blocks; i++)
            if ((int64_t)(block[i][1] - w->promised) > 0)
                w->promised = block[i][1]; /* ours to send until it is there */
    }
    uint8_t *head;
    struct mcc_packet *p = made_begin(&turn, tcp, like, t->id & 1, options, &head);
    if (!p)
        return;
    uint64_t ack = mcc_tcp_shown(t, tcp, 1 - from, w->acked);
    if ((int64_t)(ack - w->told) > 0)
        w->told = ack;
    mcc_put32(head + 4, me->isn + (uint32_t)(flags & MCC_TCP_FIN ? me->sent : mcc_tcp_left(me)));
    if (flags & MCC_TCP_ACK)
        mcc_put32(head + 8, w->isn + (uint32_t)ack);
    head[13] = flags;
    if (!(flags & MCC_TCP_RST)) {
        uint16_t window = mcc_tcp_window(t, tcp, 1 - from, ack);
        mcc_put16(head + 14, window);
    }
    if (stamps) {
        mcc_put32(head + 20, 0x0101080a);
        mcc_put32(head + 24, me->stamp);
        mcc_put32(head + 28, w->stamp);
    }
    if (blocks) {
        uint8_t *o = head + 20 + stamps;
        mcc_put32(o, 0x01010500 | (2 + 8 * blocks));
        for (uint32_t i = 0; i < blocks; i++) {
            mcc_put32(o + 4 + 8 * i, w->isn + (uint32_t)block[i][0]);
            mcc_put32(o + 8 + 8 * i, w->isn + (uint32_t)block[i][1]);
        }
    }
    p->stream = 0;
    if (flags & MCC_TCP_FIN) { /* ours until it is acknowledged */
        p->len = p->wire_len = (uint32_t)(head + 20 + options - p->data);
        p->at = t->core->now;
        mcc_parse(p);
        mcc_checksum_fill(p);
        p->content = p->data + p->ip_end;
        p->content_len = 0;
        mcc_tcp_keep(&turn, me, p, me->sent, 0, true, true);
        me->sent++;
        me->fin_sent = true;
    }
    made_out(&turn, p, head, options, t->core->now);
}

void mcc_tcp_make(const struct mcc_turn *t, struct mcc_tcp *tcp, unsigned from,
                  const struct mcc_packet *like, uint8_t flags)
{
    make(t, tcp, from, like, flags, NULL);
}

void mcc_tcp_make_duplicate(const struct mcc_turn *t, struct mcc_tcp *tcp,
                            const struct mcc_packet *like)
{
    make(t, tcp, 1 - (t->id & 1), like, MCC_TCP_ACK, &like->pos);
}

void mcc_tcp_refuse(const struct mcc_turn *t, const struct mcc_packet *like)
{
    struct mcc_packet *p = mcc_buffer_get(t->core->buffers, like->l3 + 100u);
    if (!p) {
        t->core->drops[MCC_DROP_NO_BUFFER]++;
        t->core->made++;
        return;
    }
    struct mcc_turn back = mcc_turn_back(t);
    if (!mcc_make_rst(p, like)) {
        mcc_buffer_put(t->core->buffers, p);
        return;
    }
#if MCC_INNER
    if (!made_enclosed(t, p, like, false, NULL))
        return;
#endif
    p->at = t->core->now;
    p->content = p->data + p->ip_end;
    t->core->made++;
    t->shared->tcp.made++;
    t->shared->tcp.resets++;
    back.ways[back.id & 1].out(t->box, t->flow, back.id, p);
}
