/* Packets that mcc makes: ARP requests and TCP resets. */
#ifndef MCC_MADE_H
#define MCC_MADE_H

#include <string.h>

#include "mcc_checksum.h"
#include "mcc_packet.h"
#include "mcc_parse.h"

enum { MCC_ARP_FRAME_BYTES = 60, MCC_ETH_MIN_BYTES = 60, MCC_ETH_MTU = 1500 };

static inline void mcc_put16(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static inline void mcc_put32(uint8_t *at, uint32_t value)
{
    mcc_put16(at, value >> 16);
    mcc_put16(at + 2, value);
}

static inline void mcc_put48(uint8_t *at, uint64_t value)
{
    mcc_put16(at, (uint32_t)(value >> 32));
    mcc_put32(at + 2, (uint32_t)value);
}

/* Makes `p`, which has room for 60 bytes, a broadcast ARP request (RFC 826) on Ethernet: who has
 * `tpa`, tell `spa` at `sha`. Padded with zeros to 60 bytes, parsed. IPv4 addresses and the low 48
 * bits of `sha` in host order. */
static inline void mcc_make_arp_request(struct mcc_packet *p, uint32_t spa, uint64_t sha,
                                        uint32_t tpa)
{
    static const uint8_t fixed[] = {0x08, 0x06, 0, 1, 0x08, 0, 6, 4, 0, 1};
    uint8_t *d = p->data;
    memset(d, 0, MCC_ARP_FRAME_BYTES);
    memset(d, 0xff, 6);
    mcc_put48(d + 6, sha);
    memcpy(d + 12, fixed, sizeof fixed);
    mcc_put48(d + 22, sha);
    mcc_put32(d + 28, spa);
    mcc_put32(d + 38, tpa);
    p->len = p->wire_len = MCC_ARP_FRAME_BYTES;
    p->link = MCC_LINK_ETHERNET;
    mcc_parse(p);
}

/* The link header, VLAN tags included, of an answer to `of`: Ethernet addresses exchanged, else as
 * it was. */
static inline void mcc_make_link(struct mcc_packet *p, const struct mcc_packet *of)
{
    memcpy(p->data, of->data, of->l3);
    if (of->link == MCC_LINK_ETHERNET) {
        memcpy(p->data, of->data + 6, 6);
        memcpy(p->data + 6, of->data, 6);
    }
}

/* The IP header, without options, of an answer to `of` with `payload` bytes. Returns its length. */
static inline uint32_t mcc_make_ip(uint8_t *h, const struct mcc_packet *of, uint32_t payload)
{
    const uint8_t *was = of->data + of->l3;
    if (of->layers & MCC_IP) {
        memset(h, 0, MCC_IP_BYTES);
        h[0] = 0x45;
        mcc_put16(h + 2, MCC_IP_BYTES + payload);
        h[6] = 0x40; /* do not fragment */
        h[8] = 64;
        h[9] = of->proto;
        memcpy(h + 12, was + 16, 4);
        memcpy(h + 16, was + 12, 4);
        return MCC_IP_BYTES;
    }
    memset(h, 0, MCC_IP6_BYTES);
    h[0] = 0x60;
    mcc_put16(h + 4, payload);
    h[6] = of->proto;
    h[7] = 64;
    memcpy(h + 8, was + 24, 16);
    memcpy(h + 24, was + 8, 16);
    return MCC_IP6_BYTES;
}

/* Makes `p` the reset that a host without the connection would answer `of` with (RFC 9293,
 * 3.10.7.1), parsed, checksums right, padded to 60 bytes on Ethernet; `at`, in_port and link are
 * those of `of`. False, and `p` as it was, where `of` has no TCP header, is a reset itself, or `p`
 * lacks room (l3 of `of` + 60 bytes is enough). */
static inline bool mcc_make_rst(struct mcc_packet *p, const struct mcc_packet *of)
{
    enum { FIN = 1, SYN = 2, RST = 4, ACK = 16 };
    const uint8_t *was = of->data + of->l4;
    if (!(of->layers & MCC_TCP) || was[13] & RST || p->room < of->l3 + 60u)
        return false;
    const uint8_t *ip = of->data + of->l3;
    uint32_t behind_l3 =
        of->layers & MCC_IP ? mcc_be16(ip + 2) : (uint32_t)MCC_IP6_BYTES + mcc_be16(ip + 4);
    uint32_t header = 4u * (was[12] >> 4), segment = behind_l3 - (of->l4 - of->l3);
    uint32_t data = segment > header ? segment - header : 0;
    uint32_t sequence = (uint32_t)((was[13] & SYN) != 0) + (uint32_t)((was[13] & FIN) != 0) + data;
    mcc_make_link(p, of);
    uint8_t *h = p->data + of->l3;
    uint8_t *tcp = h + mcc_make_ip(h, of, MCC_TCP_BYTES);
    memset(tcp, 0, MCC_TCP_BYTES);
    memcpy(tcp, was + 2, 2);
    memcpy(tcp + 2, was, 2);
    tcp[12] = 0x50;
    if (was[13] & ACK) {
        memcpy(tcp + 4, was + 8, 4);
        tcp[13] = RST;
    } else {
        mcc_put32(tcp + 8, mcc_be32(was + 4) + sequence);
        tcp[13] = RST | ACK;
    }
    p->len = (uint32_t)(tcp + MCC_TCP_BYTES - p->data);
    if (of->link == MCC_LINK_ETHERNET && p->len < MCC_ETH_MIN_BYTES) {
        memset(p->data + p->len, 0, MCC_ETH_MIN_BYTES - p->len);
        p->len = MCC_ETH_MIN_BYTES;
    }
    p->wire_len = p->len;
    p->at = of->at;
    p->in_port = of->in_port;
    p->link = of->link;
    mcc_parse(p);
    mcc_checksum_fill(p);
    return true;
}

#endif
