#include "mcc_icmp.h"

#include "mcc_made.h"

enum { ICMP_BYTES = 8, LEAST_QUOTE = 8, LEAST_PATH_IP = 68, LEAST_PATH_IP6 = 1280 };

/* ---------------------------------------------------------------- reading one */

/* RFC 1191, 7.1: a router that does not say how much fits takes the next less of these. */
static uint32_t plateau(uint32_t total)
{
    static const uint16_t table[] = {32000, 17914, 8166, 4352, 2002, 1492, 1006, 508, 296, 68};
    for (uint32_t i = 0; i < sizeof table / sizeof *table; i++)
        if (table[i] < total)
            return table[i];
    return LEAST_PATH_IP;
}

static bool read_ip(const struct mcc_packet *p, struct mcc_icmp_error *e)
{
    const uint8_t *h = p->data + p->l4, *ip = p->data + e->quoted;
    uint8_t type = h[0], code = h[1];
    if ((type != 3 && type != 11 && type != 12) || e->end < e->quoted + MCC_IP_BYTES ||
        ip[0] >> 4 != 4)
        return false;
    uint32_t header = 4u * (ip[0] & 15);
    if (header < MCC_IP_BYTES || ip[9] != MCC_PROTO_TCP || mcc_be16(ip + 6) & 0x1fff)
        return false;
    uint32_t total = mcc_be16(ip + 2);
    e->tcp = e->quoted + header;
    e->end =
        e->quoted + total < e->end ? e->quoted + total : e->end; /* RFC 4884: more may follow */
    if (type == 3 && code == 4)
        e->mtu = mcc_be16(h + 6) ? mcc_be16(h + 6) : plateau(total);
    return true;
}

static bool read_ip6(const struct mcc_packet *p, struct mcc_icmp_error *e)
{
    const uint8_t *h = p->data + p->l4, *ip = p->data + e->quoted;
    if (h[0] < 1 || h[0] > 4 || e->end < e->quoted + MCC_IP6_BYTES || ip[0] >> 4 != 6 ||
        ip[6] != MCC_PROTO_TCP)
        return false;
    uint32_t total = (uint32_t)MCC_IP6_BYTES + mcc_be16(ip + 4);
    e->tcp = e->quoted + MCC_IP6_BYTES;
    e->end = e->quoted + total < e->end ? e->quoted + total : e->end;
    if (h[0] == 2)
        e->mtu = mcc_be32(h + 4);
    return true;
}

bool mcc_icmp_read(const struct mcc_packet *p, struct mcc_icmp_error *e)
{
    *e = (struct mcc_icmp_error){.quoted = p->l4 + (uint32_t)ICMP_BYTES, .end = p->ip_end};
    bool found = p->layers & MCC_ICMP ? read_ip(p, e) : p->layers & MCC_ICMP6 && read_ip6(p, e);
    return found && e->end >= e->tcp + LEAST_QUOTE;
}

void mcc_icmp_answer(struct mcc_packet *q, const struct mcc_packet *p,
                     const struct mcc_icmp_error *e)
{
    const uint8_t *was = p->data + e->quoted, *ports = p->data + e->tcp;
    bool v6 = p->layers & MCC_IP6;
    uint32_t header = v6 ? MCC_IP6_BYTES : MCC_IP_BYTES, side = v6 ? 16 : 4, at = v6 ? 8 : 12;
    q->in_port = p->in_port;
    q->link = p->link;
    q->at = p->at;
    q->len = q->wire_len = p->l3 + header + MCC_TCP_BYTES;
    memcpy(q->data, p->data, p->l3);
    uint8_t *ip = q->data + p->l3, *tcp = ip + header;
    memset(ip, 0, header + MCC_TCP_BYTES);
    ip[0] = v6 ? 0x60 : 0x45;
    mcc_put16(ip + (v6 ? 4 : 2), v6 ? MCC_TCP_BYTES : header + MCC_TCP_BYTES);
    ip[v6 ? 6 : 9] = MCC_PROTO_TCP;
    ip[v6 ? 7 : 8] = 64;
    memcpy(ip + at, was + at + side, side);
    memcpy(ip + at + side, was + at, side);
    memcpy(tcp, ports + 2, 2);
    memcpy(tcp + 2, ports, 2);
    tcp[12] = 0x50;
    tcp[13] = MCC_TCP_ACK;
    mcc_parse(q);
}

/* ---------------------------------------------------------------- putting it right */

/* Writes a quoted number; both checksums follow. */
static void set_quoted(struct mcc_packet *p, const struct mcc_icmp_error *e, uint32_t at,
                       uint32_t value)
{
    uint32_t was = mcc_be32(p->data + at), sum = e->tcp + 16;
    if (was == value)
        return;
    mcc_put32(p->data + at, value);
    mcc_delta32(&p->l4_delta, was, value);
    p->fix |= MCC_FIX_L4;
    if (e->end < sum + 2)
        return;
    uint32_t delta = 0;
    uint16_t before = mcc_be16(p->data + sum);
    mcc_delta32(&delta, was, value);
    mcc_checksum_apply(p->data + sum, delta, false);
    mcc_delta16(&p->l4_delta, before, mcc_be16(p->data + sum));
}

/* The position in the sender's space of the segment that was sent on at y. */
static uint64_t sender_position(const struct mcc_turn *t, const struct mcc_tcp_way *w, uint64_t y)
{
    const struct mcc_way *map = &t->ways[t->id & 1];
    if ((int64_t)(y - w->sent) >= 0)
        return w->next + (y - w->sent);
    uint64_t x = map->back ? map->back(t->flow, y) : y;
    if ((int64_t)(y - w->acked) >= 0 && (int64_t)(x - w->told) < 0)
        x = w->told; /* the host takes no error about what was acknowledged */
    return (int64_t)(x - w->next) > 0 ? w->next : x;
}

void mcc_icmp_map(const struct mcc_turn *t, struct mcc_tcp *tcp, struct mcc_packet *p,
                  const struct mcc_icmp_error *e)
{
    unsigned d = t->id & 1;
    struct mcc_tcp_way *w = &tcp->way[d], *other = &tcp->way[1 - d];
    if (tcp->state != MCC_TCP_OPEN || !w->known)
        return;
    uint64_t y = mcc_tcp_unwrap(mcc_be32(p->data + e->tcp + 4), w->isn, w->acked);
    bool outstanding = (int64_t)(y - w->acked) >= 0 && (int64_t)(y - w->sent) < 0;
    uint32_t least = p->layers & MCC_IP ? LEAST_PATH_IP : LEAST_PATH_IP6;
    if (e->mtu && outstanding && (w->path == 0 || e->mtu < w->path)) /* RFC 5927, 4.1 */
        w->path = (uint16_t)(e->mtu < least ? least : e->mtu < 65535 ? e->mtu : 65535);
    if (!tcp->mapped)
        return;
    set_quoted(p, e, e->tcp + 4, w->isn + (uint32_t)sender_position(t, w, y));
    if (e->end >= e->tcp + 14 && other->known && p->data[e->tcp + 13] & MCC_TCP_ACK) {
        const struct mcc_way *map = &t->ways[1 - d];
        uint64_t x = mcc_tcp_unwrap(mcc_be32(p->data + e->tcp + 8), other->isn, other->told);
        uint64_t got = map->forward ? map->forward(t->flow, x) : x;
        if ((int64_t)(got - other->sent) > 0)
            got = other->sent;
        set_quoted(p, e, e->tcp + 8, other->isn + (uint32_t)got);
    }
    mcc_fix(p);
}
