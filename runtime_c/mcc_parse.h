/* Where the headers of a frame are: fills etype, vlans, l3, l4, layers, proto, frag and ip_end of a
 * packet from its data, len and link. The text that this follows is docs/semantics.md, section 1.
 *
 *   | link header | VLAN tag ... | network header ... | transport header | payload ... | padding |
 *                                  ^ l3                 ^ l4                             ^ ip_end
 *
 * A bit of `layers` promises a whole, sane header. The rest is also set for packets that are cut or
 * malformed, from whatever bytes were captured, because classes look at raw bytes:
 *   etype, vlans, l3   whenever the link header has them; etype 0 where it does not
 *   l4                 etype IPv4: l3 + 4 * (low nibble of the first byte), which may be less
 *                      than 20 or lie beyond len (0 if that byte is not captured);
 *                      etype IPv6: l3 + 40; else 0
 *   proto, frag        etype IPv4 or IPv6 and the byte (both bytes of the fragment word)
 *                      captured; else 0xff, 0
 *   ip_end             len, where there is no layer IP or IP6
 */
#ifndef MCC_PARSE_H
#define MCC_PARSE_H

#include <string.h>

#include "mcc_packet.h"

enum mcc_etype {
    MCC_ETYPE_IP = 0x0800,
    MCC_ETYPE_ARP = 0x0806,
    MCC_ETYPE_IP6 = 0x86dd,
    MCC_ETYPE_VLAN = 0x8100,
    MCC_ETYPE_QINQ = 0x88a8,
    MCC_ETYPE_QINQ_OLD = 0x9100,
};

enum mcc_proto {
    MCC_PROTO_ICMP = 1,
    MCC_PROTO_TCP = 6,
    MCC_PROTO_UDP = 17,
    MCC_PROTO_AH = 51,
    MCC_PROTO_ICMP6 = 58,
    MCC_PROTO_IPCOMP = 108,
    MCC_PROTO_NONE = 0xff
};

enum {
    MCC_ETH_BYTES = 14,
    MCC_IP_BYTES = 20,
    MCC_IP6_BYTES = 40,
    MCC_TCP_BYTES = 20,
    MCC_UDP_BYTES = 8
};

static inline bool mcc_parse_is_tag(uint32_t etype)
{
    return etype == MCC_ETYPE_VLAN || etype == MCC_ETYPE_QINQ || etype == MCC_ETYPE_QINQ_OLD;
}

/* The layer bit of the transport header at `h`, of which `left` bytes are inside the IP packet and
 * the capture. */
static inline unsigned mcc_parse_l4(const uint8_t *h, uint32_t left, uint8_t proto,
                                    unsigned ip_layer)
{
    if (proto == MCC_PROTO_TCP)
        return left >= MCC_TCP_BYTES && h[12] >= 0x50 ? MCC_TCP : 0;
    if (left < MCC_UDP_BYTES)
        return 0;
    if (proto == MCC_PROTO_UDP)
        return MCC_UDP;
    if (proto == MCC_PROTO_ICMP && ip_layer == MCC_IP)
        return MCC_ICMP;
    return proto == MCC_PROTO_ICMP6 && ip_layer == MCC_IP6 ? MCC_ICMP6 : 0;
}

/* Fewer than 20 bytes of an IPv4 header: what can be read of them. */
static inline void mcc_parse_ip_cut(struct mcc_packet *p, const uint8_t *h, uint32_t left)
{
    p->l4 = left ? (uint16_t)(p->l3 + 4 * (h[0] & 15)) : 0;
    if (left >= 8) {
        uint32_t fragment = mcc_be16(h + 6);
        p->frag = (uint8_t)(((fragment & 0x1fff) != 0) | (fragment >> 12 & 2));
    }
    p->proto = left >= 10 ? h[9] : MCC_PROTO_NONE;
}

/* Bytes of the header of `proto` at `h` that stands between an IP header and what it carries: AH, and of IPv6 hop-by-hop options,
 * destination options, and a routing header that is through. 0: it is none of them, or not whole in `left` bytes. */
static inline uint32_t mcc_parse_beyond(const uint8_t *h, uint32_t left, uint8_t proto, bool v6,
                                        uint8_t *next)
{
    bool options = v6 && (proto == 0 || proto == 60 || proto == 43);
    if (left < 8 || (!options && proto != MCC_PROTO_AH) || (proto == 43 && h[3] != 0))
        return 0;
    uint32_t bytes = options ? 8 + 8u * h[1] : 8 + 4u * h[1];
    *next = h[0];
    return bytes <= left ? bytes : 0;
}

#if MCC_INNER
/* Of a packet that was peeled: the transport header is behind all such headers. l3 and ip_end are set, and the layer of IP. */
static __attribute__((noinline, unused)) void mcc_parse_peeled(struct mcc_packet *p)
{
    bool v6 = p->layers & MCC_IP6;
    uint32_t at = p->l4, bytes;
    uint8_t proto = p->proto, next = 0;
    if (!(p->layers & (MCC_IP | MCC_IP6)) || p->frag)
        return;
    for (unsigned i = 0;
         i < 8 && (bytes = mcc_parse_beyond(p->data + at, p->ip_end - at, proto, v6, &next)) != 0;
         i++) {
        at += bytes;
        proto = next;
    }
    if (at == p->l4 || at > UINT16_MAX)
        return;
    p->l4 = (uint16_t)at;
    p->proto = proto;
    p->layers |= (uint16_t)mcc_parse_l4(p->data + at, p->ip_end - at, proto, v6 ? MCC_IP6 : MCC_IP);
}
#endif

/* The IPv4 header at `l3` with `left` >= 20 bytes captured from there; `layers` are those found
 * before it. Sets all that mcc_parse() sets but etype, l3 and vlans. Everything is loaded before
 * anything is stored, as the compiler must assume that they overlap. */
static inline void mcc_parse_ip(struct mcc_packet *p, uint32_t l3, uint32_t left, unsigned layers)
{
    const uint8_t *h = p->data + l3;
    uint32_t header = 4u * (h[0] & 15), total = mcc_be16(h + 2), fragment = mcc_be16(h + 6),
             end = left;
    uint8_t proto = h[9], frag = (uint8_t)(((fragment & 0x1fff) != 0) | (fragment >> 12 & 2));
    if (h[0] >> 4 == 4 && header >= MCC_IP_BYTES && header <= left && total >= header) {
        end = total < left ? total : left;
        layers |= MCC_IP;
        if (!(frag & 1))
            layers |= mcc_parse_l4(h + header, end - header, proto, MCC_IP);
    }
    p->l4 = (uint16_t)(l3 + header);
    p->layers = (uint16_t)layers;
    p->proto = proto;
    p->frag = frag;
    p->ip_end = l3 + end;
}

static inline void mcc_parse_ip6(struct mcc_packet *p, const uint8_t *h, uint32_t left)
{
    p->l4 = (uint16_t)(p->l3 + MCC_IP6_BYTES);
    p->proto = left >= 7 ? h[6] : MCC_PROTO_NONE;
    if (left < MCC_IP6_BYTES || h[0] >> 4 != 6)
        return;
    uint32_t total = (uint32_t)MCC_IP6_BYTES + mcc_be16(h + 4), end = total < left ? total : left;
    p->ip_end = p->l3 + end;
    p->layers |=
        (uint16_t)(MCC_IP6 | mcc_parse_l4(h + MCC_IP6_BYTES, end - MCC_IP6_BYTES, h[6], MCC_IP6));
}

/* The EtherType that an address family of BSD's loopback header stands for, in either byte order;
 * 0: another. */
static inline uint16_t mcc_parse_family(const uint8_t *h)
{
    uint32_t family = mcc_be32(h);
    if (family >= 1u << 24)
        family = __builtin_bswap32(family);
    if (family == 2)
        return MCC_ETYPE_IP;
    return family == 24 || family == 28 || family == 30 ? MCC_ETYPE_IP6 : 0;
}

/* Sets etype and l3 from the link header alone; true if VLAN tags may follow. */
static inline bool mcc_parse_link(struct mcc_packet *p)
{
    const uint8_t *d = p->data;
    switch (p->link) {
    case MCC_LINK_ETHERNET:
        p->l3 = MCC_ETH_BYTES;
        p->etype = p->len >= MCC_ETH_BYTES ? mcc_be16(d + 12) : 0;
        p->layers = p->len >= MCC_ETH_BYTES ? MCC_ETH : 0;
        return true;
    case MCC_LINK_SLL:
        p->l3 = 16;
        p->etype = p->len >= 16 ? mcc_be16(d + 14) : 0;
        return true;
    case MCC_LINK_SLL2:
        p->l3 = 20;
        p->etype = p->len >= 2 ? mcc_be16(d) : 0;
        return true;
    case MCC_LINK_NULL:
        p->l3 = 4;
        p->etype = p->len >= 4 ? mcc_parse_family(d) : 0;
        return false;
    case MCC_LINK_RAW:
        if (p->len)
            p->etype = d[0] >> 4 == 4 ? MCC_ETYPE_IP : d[0] >> 4 == 6 ? MCC_ETYPE_IP6 : 0;
        return false;
    default:
        return false;
    }
}

/* Any frame. */
static __attribute__((noinline, unused)) void mcc_parse_any(struct mcc_packet *p)
{
    p->etype = p->l3 = p->l4 = p->layers = 0;
    p->vlans = p->frag = 0;
    p->proto = MCC_PROTO_NONE;
    p->ip_end = p->len;
    if (mcc_parse_link(p)) {
        while (mcc_parse_is_tag(p->etype) && p->vlans < MCC_MAX_VLANS && p->l3 + 4u <= p->len) {
            p->etype = mcc_be16(p->data + p->l3 + 2);
            p->l3 = (uint16_t)(p->l3 + 4);
            p->vlans++;
        }
        if (p->vlans && p->layers & MCC_ETH)
            p->layers |= MCC_VLAN;
    }
    const uint8_t *h = p->data + p->l3;
    uint32_t left = p->len > p->l3 ? p->len - p->l3 : 0;
    if (p->etype == MCC_ETYPE_IP && left >= MCC_IP_BYTES)
        mcc_parse_ip(p, p->l3, left, p->layers);
    else if (p->etype == MCC_ETYPE_IP)
        mcc_parse_ip_cut(p, h, left);
    else if (p->etype == MCC_ETYPE_IP6)
        mcc_parse_ip6(p, h, left);
    else if (p->etype == MCC_ETYPE_ARP && left >= 28 && h[4] == 6 && h[5] == 4)
        p->layers |= MCC_ARP;
#if MCC_INNER
    if (p->outer.peeled)
        mcc_parse_peeled(p);
#endif
}

/* The first four bytes behind the MACs, but for the last (type of service), of IPv4 without
 * options. */
static inline bool mcc_parse_is_plain(const uint8_t *behind_macs)
{
    static const uint8_t plain[4] = {0x08, 0x00, 0x45, 0}, mask[4] = {0xff, 0xff, 0xff, 0};
    uint32_t got, want, care;
    memcpy(&got, behind_macs, 4);
    memcpy(&want, plain, 4);
    memcpy(&care, mask, 4);
    return (got & care) == want;
}

/* Whole TCP and UDP packets in IPv4 without options on Ethernet are told with few tests (a third of
 * the time that mcc_parse_any() takes); it agrees with mcc_parse_any(), where all others go. */
static inline void mcc_parse(struct mcc_packet *p)
{
    enum {
        L4 = MCC_ETH_BYTES + MCC_IP_BYTES,
        TCP_END = L4 + MCC_TCP_BYTES,
        UDP_END = L4 + MCC_UDP_BYTES
    };
    const uint8_t *d = p->data;
    uint32_t len = p->len;
    if (__builtin_expect(
            p->link != MCC_LINK_ETHERNET || len < UDP_END || !mcc_parse_is_plain(d + 12), 0)) {
        mcc_parse_any(p);
        return;
    }
    uint32_t end = MCC_ETH_BYTES + (uint32_t)mcc_be16(d + 16);
    uint8_t proto = d[23];
    unsigned layers = MCC_ETH | MCC_IP | (proto == MCC_PROTO_TCP ? MCC_TCP : MCC_UDP);
    end = end < len ? end : len;
    bool whole = proto == MCC_PROTO_TCP ? end >= TCP_END && d[L4 + 12] >= 0x50
                                        : proto == MCC_PROTO_UDP && end >= UDP_END;
    if (__builtin_expect(!whole || (mcc_be16(d + 20) & 0x3fff) != 0, 0)) {
        mcc_parse_any(p);
        return;
    }
    p->etype = MCC_ETYPE_IP;
    p->l3 = MCC_ETH_BYTES;
    p->l4 = L4;
    p->layers = (uint16_t)layers;
    p->vlans = 0;
    p->proto = proto;
    p->frag = 0;
    p->ip_end = end;
}

#endif
