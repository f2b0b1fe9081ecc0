/* Internet checksums: sums over memory (RFC 1071), differences (RFC 1624), and the fields of a packet.
 *
 * Sums and differences are one's complement numbers modulo 0xffff in 32 bits, over the 16-bit words of the packet as
 * they are on the wire (most significant byte first), given in host order. mcc_delta*() add "new - old" of a field
 * to an accumulator such as p->ip_delta; they may be added up in any order and number.
 *
 * Applying a difference d to a checksum c (mcc_checksum_apply): c stays, whatever it is, when d is 0 modulo 0xffff; else
 * it becomes ~(~c + d), which is never 0xffff. So a wrong checksum stays wrong by the same amount. For UDP a field
 * of 0 (no checksum) stays 0, and a result of 0 is written as 0xffff.
 */
#ifndef MCC_CHECKSUM_H
#define MCC_CHECKSUM_H

#include <string.h>

#include "mcc_packet.h"
#include "mcc_parse.h"

/* ---- one's complement arithmetic */

/* a + b modulo 2^32 - 1, which 0xffff divides. */
static inline uint32_t mcc_ones_add(uint32_t a, uint32_t b)
{
    uint32_t sum = a + b;
    return sum + (sum < b);
}

/* The 16-bit number that is equal modulo 0xffff; 0 only for 0. */
static inline uint16_t mcc_checksum_fold(uint64_t sum)
{
    sum = (sum >> 32) + (uint32_t)sum;
    sum = (sum >> 32) + (uint32_t)sum;
    sum = (sum >> 16) + (sum & 0xffff);
    sum = (sum >> 16) + (sum & 0xffff);
    return (uint16_t)sum;
}

/* ---- differences */

static inline void mcc_delta16(uint32_t *acc, uint16_t old, uint16_t new)
{
    *acc = mcc_ones_add(*acc, (uint32_t)(uint16_t)~old + new);
}

/* One byte of a word: the first (most significant) one, or the second where `second` is set. */
static inline void mcc_delta8(uint32_t *acc, uint8_t old, uint8_t new, bool second)
{
    unsigned shift = second ? 0 : 8;
    mcc_delta16(acc, (uint16_t)(old << shift), (uint16_t)(new << shift));
}

static inline void mcc_delta32(uint32_t *acc, uint32_t old, uint32_t new)
{
    *acc = mcc_ones_add(mcc_ones_add(*acc, ~old), new);
}

static inline void mcc_delta64(uint32_t *acc, uint64_t old, uint64_t new)
{
    mcc_delta32(acc, (uint32_t)old, (uint32_t)new);
    mcc_delta32(acc, (uint32_t)(old >> 32), (uint32_t)(new >> 32));
}

/* The low 48 bits of a number that starts at a 16-bit word. */
static inline void mcc_delta48(uint32_t *acc, uint64_t old, uint64_t new)
{
    const uint64_t low = (1ull << 48) - 1;
    mcc_delta64(acc, old & low, new & low);
}

static inline void mcc_delta128(uint32_t *acc, unsigned __int128 old, unsigned __int128 new)
{
    mcc_delta64(acc, (uint64_t)old, (uint64_t)new);
    mcc_delta64(acc, (uint64_t)(old >> 64), (uint64_t)(new >> 64));
}

/* An IPv4 address of the packet's IP header changes: both checksums, as ICMP has no pseudo header. */
static inline void mcc_delta_ip_address(struct mcc_packet *p, uint32_t old, uint32_t new)
{
    mcc_delta32(&p->ip_delta, old, new);
    if (p->proto != MCC_PROTO_ICMP)
        mcc_delta32(&p->l4_delta, old, new);
}

/* ---- sums over memory */

/* The one's complement sum of `n` bytes (at most 2^31), folded; an odd last byte is the first of its word. */
static inline uint16_t mcc_checksum_sum(const uint8_t *bytes, size_t n)
{
    uint64_t low = 0, high = 0, word;
    for (; n >= 32; n -= 32, bytes += 32) {
        uint64_t w[4];
        memcpy(w, bytes, 32);
        low += (w[0] & UINT32_MAX) + (w[1] & UINT32_MAX) + (w[2] & UINT32_MAX) + (w[3] & UINT32_MAX);
        high += (w[0] >> 32) + (w[1] >> 32) + (w[2] >> 32) + (w[3] >> 32);
    }
    for (; n >= 8; n -= 8, bytes += 8) {
        memcpy(&word, bytes, 8);
        low += word & UINT32_MAX;
        high += word >> 32;
    }
    if (n) {
        word = 0;
        memcpy(&word, bytes, n);
        low += word & UINT32_MAX;
        high += word >> 32;
    }
    uint16_t sum = mcc_checksum_fold(low + high); /* of words in this machine's byte order */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    sum = __builtin_bswap16(sum);
#endif
    return sum;
}

/* Adds the difference to the checksum at `field`. */
static inline void mcc_checksum_apply(uint8_t *field, uint32_t delta, bool udp)
{
    uint16_t old = mcc_be16(field), add = mcc_checksum_fold(delta);
    if (add == 0 || add == 0xffff || (udp && old == 0))
        return;
    uint16_t sum = (uint16_t)~mcc_checksum_fold((uint64_t)(uint16_t)~old + add);
    if (udp && sum == 0)
        sum = 0xffff;
    field[0] = (uint8_t)(sum >> 8);
    field[1] = (uint8_t)sum;
}

/* ---- the checksums of a packet */

/* Where the transport checksum is; 0 where there is none: no IP layer, another protocol, not the first fragment, or
 * the field is not captured. */
static inline uint32_t mcc_checksum_l4_at(const struct mcc_packet *p)
{
    uint32_t at;
    if (!(p->layers & (MCC_IP | MCC_IP6)) || p->frag & 1)
        return 0;
    if (p->proto == MCC_PROTO_TCP)
        at = p->l4 + 16u;
    else if (p->proto == MCC_PROTO_UDP)
        at = p->l4 + 6u;
    else if (p->proto == (p->layers & MCC_IP ? MCC_PROTO_ICMP : MCC_PROTO_ICMP6))
        at = p->l4 + 2u;
    else
        return 0;
    return at + 2 <= p->ip_end ? at : 0;
}

/* Applies p->ip_delta and p->l4_delta where p->fix says so, and clears all three. Call it once, as the packet leaves. */
static inline void mcc_fix(struct mcc_packet *p)
{
    if (!p->fix)
        return;
    if (p->fix & MCC_FIX_IP && p->layers & MCC_IP)
        mcc_checksum_apply(p->data + p->l3 + 10, p->ip_delta, false);
    uint32_t at = p->fix & MCC_FIX_L4 ? mcc_checksum_l4_at(p) : 0;
    if (at)
        mcc_checksum_apply(p->data + at, p->l4_delta, p->proto == MCC_PROTO_UDP);
    p->fix = 0;
    p->ip_delta = p->l4_delta = 0;
}

/* What the checksum of the whole IPv4 header at `h` must be. */
static inline uint16_t mcc_checksum_ip4(const uint8_t *h)
{
    uint16_t field = mcc_be16(h + 10);
    return (uint16_t)~mcc_checksum_fold((uint64_t)mcc_checksum_sum(h, 4u * (h[0] & 15)) + (uint16_t)~field);
}

/* Bytes that the transport checksum covers, from l4 on; 0 where it cannot be computed (it is no checksum known here, the
 * packet is a fragment, or not all of it is captured); UINT32_MAX where the UDP length is impossible. */
static inline uint32_t mcc_checksum_l4_cover(const struct mcc_packet *p)
{
    const uint8_t *ip = p->data + p->l3;
    if (!mcc_checksum_l4_at(p) || p->frag)
        return 0;
    uint32_t total = p->layers & MCC_IP ? mcc_be16(ip + 2) : (uint32_t)MCC_IP6_BYTES + mcc_be16(ip + 4);
    if (p->l3 + total > p->ip_end)
        return 0;
    uint32_t payload = p->ip_end - p->l4;
    if (p->proto != MCC_PROTO_UDP)
        return payload;
    uint32_t udp = mcc_be16(p->data + p->l4 + 4);
    return udp >= MCC_UDP_BYTES && udp <= payload ? udp : UINT32_MAX;
}

/* The folded sum of `cover` bytes from l4 on and of the pseudo header; 0xffff if the checksum in it is right. */
static inline uint16_t mcc_checksum_l4_sum(const struct mcc_packet *p, uint32_t cover)
{
    const uint8_t *ip = p->data + p->l3;
    uint64_t sum = mcc_checksum_sum(p->data + p->l4, cover);
    if (p->proto == MCC_PROTO_ICMP)
        return mcc_checksum_fold(sum);
    sum += p->layers & MCC_IP ? mcc_checksum_sum(ip + 12, 8) : mcc_checksum_sum(ip + 8, 32);
    return mcc_checksum_fold(sum + p->proto + cover);
}

/* What the transport checksum must be; call it only where mcc_checksum_l4_cover() is neither 0 nor UINT32_MAX. */
static inline uint16_t mcc_checksum_l4(const struct mcc_packet *p)
{
    uint16_t field = mcc_be16(p->data + mcc_checksum_l4_at(p));
    uint64_t sum = mcc_checksum_l4_sum(p, mcc_checksum_l4_cover(p));
    uint16_t right = (uint16_t)~mcc_checksum_fold(sum + (uint16_t)~field);
    return right == 0 && p->proto == MCC_PROTO_UDP ? 0xffff : right;
}

/* Which checksums are wrong (enum mcc_fixup). Not wrong: what cannot be computed, and a UDP checksum of 0. */
static inline unsigned mcc_verify(const struct mcc_packet *p)
{
    unsigned wrong = 0;
    if (p->layers & MCC_IP && mcc_checksum_sum(p->data + p->l3, p->l4 - p->l3) != 0xffff)
        wrong |= MCC_FIX_IP;
    uint32_t cover = mcc_checksum_l4_cover(p);
    if (cover == 0 || (p->proto == MCC_PROTO_UDP && mcc_be16(p->data + p->l4 + 6) == 0))
        return wrong;
    if (cover == UINT32_MAX || mcc_checksum_l4_sum(p, cover) != 0xffff)
        wrong |= MCC_FIX_L4;
    return wrong;
}

static inline void mcc_checksum_write(uint8_t *field, uint16_t sum)
{
    field[0] = (uint8_t)(sum >> 8);
    field[1] = (uint8_t)sum;
}

/* Puts right what mcc_verify() finds wrong, except under an impossible UDP length. */
static inline void mcc_checksum_fill(struct mcc_packet *p)
{
    unsigned wrong = mcc_verify(p);
    if (wrong & MCC_FIX_IP)
        mcc_checksum_write(p->data + p->l3 + 10, mcc_checksum_ip4(p->data + p->l3));
    if (wrong & MCC_FIX_L4 && mcc_checksum_l4_cover(p) != UINT32_MAX)
        mcc_checksum_write(p->data + mcc_checksum_l4_at(p), mcc_checksum_l4(p));
}

#endif
