/* Internet checksums: sums over memory (RFC 1071), differences (RFC 1624), and the fields of a
 * packet.
 *
 * Sums and differences are one's complement numbers modulo 0xffff in 32 bits, over the 16-bit words
 * of the packet as they are on the wire (most significant byte first), given in host order.
 * mcc_delta*() add "now - was" of a field to an accumulator such as p->ip_delta; they may be added
 * up in any order and number.
 *
 * A checksum c becomes ~(~c + d) by a difference d (RFC 1624, equation 3), so a wrong one stays
 * wrong by the same amount. For UDP a field of 0 (no checksum) stays 0, and a result of 0 is
 * written as 0xffff.
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

static inline void mcc_delta16(uint32_t *acc, uint16_t was, uint16_t now)
{
    *acc = mcc_ones_add(*acc, (uint32_t)(uint16_t)~was + now);
}

/* One byte of a word: the first (most significant) one, or the second where `second` is set. */
static inline void mcc_delta8(uint32_t *acc, uint8_t was, uint8_t now, bool second)
{
    unsigned shift = second ? 0 : 8;
    mcc_delta16(acc, (uint16_t)(was << shift), (uint16_t)(now << shift));
}

static inline void mcc_delta32(uint32_t *acc, uint32_t was, uint32_t now)
{
    uint32_t delta = mcc_ones_add(~was, now); /* the same for both checksums: computed once */
    *acc = mcc_ones_add(*acc, delta);
}

static inline void mcc_delta64(uint32_t *acc, uint64_t was, uint64_t now)
{
    mcc_delta32(acc, (uint32_t)was, (uint32_t)now);
    mcc_delta32(acc, (uint32_t)(was >> 32), (uint32_t)(now >> 32));
}

/* The low 48 bits of a number that starts at a 16-bit word. */
static inline void mcc_delta48(uint32_t *acc, uint64_t was, uint64_t now)
{
    const uint64_t low = (1ull << 48) - 1;
    mcc_delta64(acc, was & low, now & low);
}

static inline void mcc_delta128(uint32_t *acc, unsigned __int128 was, unsigned __int128 now)
{
    mcc_delta64(acc, (uint64_t)was, (uint64_t)now);
    mcc_delta64(acc, (uint64_t)(was >> 64), (uint64_t)(now >> 64));
}

/* ---- sums over memory */

/* Two 64-bit numbers in one register of any x86-64 or arm64. */
typedef uint64_t mcc_two64 __attribute__((vector_size(16)));

/* The one's complement sum of `n` bytes, folded; an odd last byte is the first of its word. */
static inline uint16_t mcc_checksum_sum(const uint8_t *bytes, size_t n)
{
    mcc_two64 low = {0}, high = {0}; /* sums of 32-bit halves, which have 32 bits to spare */
    mcc_two64 first, second;
    for (; n >= 32; n -= 32, bytes += 32) {
        memcpy(&first, bytes, 16);
        memcpy(&second, bytes + 16, 16);
        low += (first & UINT32_MAX) + (second & UINT32_MAX);
        high += (first >> 32) + (second >> 32);
    }
    low += high;
    uint64_t sum = low[0] + low[1], word;
    for (; n >= 8; n -= 8, bytes += 8) {
        memcpy(&word, bytes, 8);
        sum += (word & UINT32_MAX) + (word >> 32);
    }
    if (n) {
        word = 0;
        memcpy(&word, bytes, n);
        sum += (word & UINT32_MAX) + (word >> 32);
    }
    uint16_t folded = mcc_checksum_fold(sum); /* of words in this machine's byte order */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    folded = __builtin_bswap16(folded);
#endif
    return folded;
}

static inline void mcc_checksum_write(uint8_t *field, uint16_t sum, bool udp)
{
    if (udp && sum == 0)
        sum = 0xffff;
    sum = __builtin_bswap16(sum);
#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
    sum = __builtin_bswap16(sum);
#endif
    memcpy(field, &sum, sizeof sum);
}

/* Adds the difference to the checksum at `field`. */
static inline void mcc_checksum_apply(uint8_t *field, uint32_t delta, bool udp)
{
    uint16_t was;
    memcpy(&was, field, sizeof was);
    if (udp && was == 0)
        return;
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    delta = delta << 8 | delta >> 24; /* times 256 modulo 0xffff: bytes swapped, as in `was` */
#endif
    uint32_t sum = mcc_ones_add(delta, (uint16_t)~was);
    sum += sum << 16 | sum >> 16; /* both halves added, and the carry, in the upper one */
    was = (uint16_t)~(sum >> 16);
    if (udp && was == 0)
        was = 0xffff;
    memcpy(field, &was, sizeof was);
}

/* ---- the checksums of a packet */

/* Where the transport checksum is; 0 for packets without a layer that has one (fragments but the
 * first included). */
static inline uint32_t mcc_checksum_l4_at(const struct mcc_packet *p)
{
    if (p->layers & MCC_TCP)
        return p->l4 + 16u;
    if (p->layers & MCC_UDP)
        return p->l4 + 6u;
    return p->layers & (MCC_ICMP | MCC_ICMP6) ? p->l4 + 2u : 0;
}

/* mcc_fix() of any packet. */
static __attribute__((noinline, unused)) void mcc_fix_any(struct mcc_packet *p)
{
    if (p->fix & MCC_FIX_IP && p->layers & MCC_IP)
        mcc_checksum_apply(p->data + p->l3 + 10, p->ip_delta, false);
    uint32_t at = p->fix & MCC_FIX_L4 ? mcc_checksum_l4_at(p) : 0;
    if (at)
        mcc_checksum_apply(p->data + at, p->l4_delta, p->layers & MCC_UDP);
    p->fix = 0;
    p->ip_delta = p->l4_delta = 0;
}

/* Applies p->ip_delta and p->l4_delta where p->fix says so, and clears all three. Call it once, as
 * the packet leaves. */
static inline __attribute__((always_inline)) void mcc_fix(struct mcc_packet *p)
{
    if (!p->fix)
        return;
    if (!(p->layers & MCC_TCP)) {
        mcc_fix_any(p);
        return;
    }
    if (p->layers & MCC_IP && p->ip_delta) /* most of what is rewritten is TCP */
        mcc_checksum_apply(p->data + p->l3 + 10, p->ip_delta, false);
    if (p->l4_delta)
        mcc_checksum_apply(p->data + p->l4 + 16, p->l4_delta, false);
    p->fix = 0;
    p->ip_delta = p->l4_delta = 0;
}

/* What the checksum of the whole IPv4 header at `h` must be. */
static inline uint16_t mcc_checksum_ip4(const uint8_t *h)
{
    uint16_t field = mcc_be16(h + 10);
    return (uint16_t)~mcc_checksum_fold((uint64_t)mcc_checksum_sum(h, 4u * (h[0] & 15)) +
                                        (uint16_t)~field);
}

/* Bytes that the transport checksum covers, from l4 on; 0 where it cannot be told: the packet has
 * none that is known here, is a fragment, is not captured to its end, or has an impossible UDP
 * length. */
static inline uint32_t mcc_checksum_l4_cover(const struct mcc_packet *p)
{
    const uint8_t *ip = p->data + p->l3;
    if (!mcc_checksum_l4_at(p) || p->frag)
        return 0;
    uint32_t total =
        p->layers & MCC_IP ? mcc_be16(ip + 2) : (uint32_t)MCC_IP6_BYTES + mcc_be16(ip + 4);
    if (p->l3 + total > p->ip_end)
        return 0;
    uint32_t payload = p->ip_end - p->l4;
    if (!(p->layers & MCC_UDP))
        return payload;
    uint32_t udp = mcc_be16(p->data + p->l4 + 4);
    return udp >= MCC_UDP_BYTES && udp <= payload ? udp : 0;
}

/* The folded sum of `cover` > 0 bytes from l4 on and of the pseudo header; 0xffff if the checksum
 * in it is right. */
static inline uint16_t mcc_checksum_l4_sum(const struct mcc_packet *p, uint32_t cover)
{
    const uint8_t *ip = p->data + p->l3;
    uint64_t sum = mcc_checksum_sum(p->data + p->l4, cover);
    if (p->layers & MCC_ICMP)
        return mcc_checksum_fold(sum);
    sum += p->layers & MCC_IP ? mcc_checksum_sum(ip + 12, 8) : mcc_checksum_sum(ip + 8, 32);
    return mcc_checksum_fold(sum + p->proto + cover);
}

/* What the transport checksum must be, 0 for UDP included; call it where mcc_checksum_l4_cover() is
 * not 0. */
static inline uint16_t mcc_checksum_l4(const struct mcc_packet *p)
{
    uint16_t field = mcc_be16(p->data + mcc_checksum_l4_at(p));
    uint64_t sum = mcc_checksum_l4_sum(p, mcc_checksum_l4_cover(p));
    return (uint16_t)~mcc_checksum_fold(sum + (uint16_t)~field);
}

/* UDP's way to say that there is no checksum. */
static inline bool mcc_checksum_is_none(const struct mcc_packet *p)
{
    return p->layers & MCC_UDP && mcc_be16(p->data + p->l4 + 6) == 0;
}

/* Which checksums are wrong (enum mcc_fixup). Not wrong: what cannot be told, and a UDP checksum of
 * 0. */
static inline unsigned mcc_verify(const struct mcc_packet *p)
{
    unsigned wrong = 0;
    if (p->layers & MCC_IP && mcc_checksum_sum(p->data + p->l3, p->l4 - p->l3) != 0xffff)
        wrong |= MCC_FIX_IP;
    uint32_t cover = mcc_checksum_l4_cover(p);
    if (cover && !mcc_checksum_is_none(p) && mcc_checksum_l4_sum(p, cover) != 0xffff)
        wrong |= MCC_FIX_L4;
    return wrong;
}

/* Computes both checksums anew, where they can be told. A UDP checksum of 0 stays 0 over IPv4; IPv6
 * demands one. */
static inline void mcc_checksum_fill(struct mcc_packet *p)
{
    if (p->layers & MCC_IP)
        mcc_checksum_write(p->data + p->l3 + 10, mcc_checksum_ip4(p->data + p->l3), false);
    uint32_t cover = mcc_checksum_l4_cover(p);
    if (!cover || (p->layers & MCC_IP && mcc_checksum_is_none(p)))
        return;
    uint8_t *field = p->data + mcc_checksum_l4_at(p);
    field[0] = field[1] = 0;
    mcc_checksum_write(field, (uint16_t)~mcc_checksum_l4_sum(p, cover), p->layers & MCC_UDP);
}

#endif
