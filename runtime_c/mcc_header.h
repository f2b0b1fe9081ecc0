/* What emitted handlers stand on: loads and stores of header fields, tags, arithmetic that C leaves undefined.
 *
 * The accessors by name (pkt_ip_src, pkt_set_tcp_dport, ..) are printed into the module from the header table
 * (mcc/protocols/headers.py); here are the primitives they call. All values are host order, all addresses may be
 * unaligned. A write to a field that a checksum covers adds its RFC 1624 difference to the packet and sets the
 * checksum's bit in `fix`; mcc_fix (mcc_checksum.h) mends the checksums once, when the packet leaves.
 *
 * Contract: the caller has proved that the layer is there; nothing here looks at `len`, except push and pop.
 */
#ifndef MCC_HEADER_H
#define MCC_HEADER_H

#include <string.h>

#include "mcc_checksum.h"
#include "mcc_packet.h"

/* 128 bits at the alignment that flow blocks have: a struct with such a member needs no more than 8 */
typedef unsigned __int128 mcc_u128 __attribute__((aligned(8)));

/* The value modulo 2^128; a function because gcc's -Wconversion takes offence at sums with such a cast. */
static inline mcc_u128 mcc_extend(int64_t v)
{
    return (mcc_u128)v;
}

/* A parameter that may be changed from outside while the chain runs */
#define MCC_LIVE(place) __atomic_load_n(&(place), __ATOMIC_RELAXED)

struct mcc_flow {   /* what a handler knows of its session; passed by value */
    uint32_t id;    /* of the flow, for the services of the module */
    bool to_server; /* the packet goes the way the first one went */
    bool is_new;    /* the packet made the session */
};

enum { /* what `flow.reply_key` says of the tuple of answers */
       MCC_REPLY_SRC = 1,
       MCC_REPLY_SPORT = 2,
       MCC_REPLY_DST = 4,
       MCC_REPLY_DPORT = 8,
       MCC_REPLY_ALL = 15
};

/* ---------------------------------------------------------------- loads and stores, big-endian */

static inline uint16_t mcc_load16(const uint8_t *at)
{
    uint16_t v;
    memcpy(&v, at, sizeof v);
    return __builtin_bswap16(v);
}

static inline uint32_t mcc_load32(const uint8_t *at)
{
    uint32_t v;
    memcpy(&v, at, sizeof v);
    return __builtin_bswap32(v);
}

static inline uint64_t mcc_load64(const uint8_t *at)
{
    uint64_t v;
    memcpy(&v, at, sizeof v);
    return __builtin_bswap64(v);
}

static inline uint64_t mcc_load48(const uint8_t *at)
{
    return (uint64_t)mcc_load16(at) << 32 | mcc_load32(at + 2);
}

static inline mcc_u128 mcc_load128(const uint8_t *at)
{
    return (mcc_u128)mcc_load64(at) << 64 | mcc_load64(at + 8);
}

static inline void mcc_store16(uint8_t *at, uint16_t v)
{
    v = __builtin_bswap16(v);
    memcpy(at, &v, sizeof v);
}

static inline void mcc_store32(uint8_t *at, uint32_t v)
{
    v = __builtin_bswap32(v);
    memcpy(at, &v, sizeof v);
}

static inline void mcc_store64(uint8_t *at, uint64_t v)
{
    v = __builtin_bswap64(v);
    memcpy(at, &v, sizeof v);
}

static inline void mcc_store48(uint8_t *at, uint64_t v)
{
    mcc_store16(at, (uint16_t)(v >> 32));
    mcc_store32(at + 2, (uint32_t)v);
}

static inline void mcc_store128(uint8_t *at, mcc_u128 v)
{
    mcc_store64(at, (uint64_t)(v >> 64));
    mcc_store64(at + 8, (uint64_t)v);
}

/* ---------------------------------------------------------------- stores that checksums cover */

/* The two bytes at `at`, which is an even offset in what the checksum sums, change to `now`. */
static inline void mcc_write16(struct mcc_packet *p, uint8_t *at, uint16_t now, uint8_t cover)
{
    uint16_t was = mcc_load16(at);
    mcc_store16(at, now);
    if (cover & MCC_FIX_IP)
        mcc_delta16(&p->ip_delta, was, now);
    if (cover & MCC_FIX_L4)
        mcc_delta16(&p->l4_delta, was, now);
    p->fix = (uint8_t)(p->fix | cover);
}

static inline void mcc_write32(struct mcc_packet *p, uint8_t *at, uint32_t now, uint8_t cover)
{
    uint32_t was = mcc_load32(at);
    mcc_store32(at, now);
    if (cover & MCC_FIX_IP)
        mcc_delta32(&p->ip_delta, was, now);
    if (cover & MCC_FIX_L4)
        mcc_delta32(&p->l4_delta, was, now);
    p->fix = (uint8_t)(p->fix | cover);
}

static inline void mcc_write128(struct mcc_packet *p, uint8_t *at, mcc_u128 now, uint8_t cover)
{
    mcc_u128 was = mcc_load128(at);
    mcc_store128(at, now);
    if (cover & MCC_FIX_L4)
        mcc_delta128(&p->l4_delta, was, now);
    p->fix = (uint8_t)(p->fix | cover);
}

/* Which checksums an address is in: TCP, UDP and ICMPv6 have a pseudo header, ICMP has none, fragments no layer 4. */
static inline uint8_t mcc_cover_address(const struct mcc_packet *p, uint8_t own)
{
    return (uint8_t)(own | (p->layers & (MCC_TCP | MCC_UDP | MCC_ICMP6) ? MCC_FIX_L4 : 0));
}

/* ---------------------------------------------------------------- fields with rules of their own */

/* The EtherType behind all tags is what `eth.type` means. */
static inline void mcc_write_etype(struct mcc_packet *p, uint16_t v)
{
    mcc_store16(p->data + p->l3 - 2, v);
    p->etype = v;
}

/* Where an IPv4 packet goes next: what an element said, else its destination; 0 for anything else. */
static inline uint32_t mcc_next_hop(const struct mcc_packet *p)
{
    if (p->next_hop)
        return p->next_hop;
    return p->layers & MCC_IP ? mcc_load32(p->data + p->l3 + 16) : 0;
}

/* Captured bytes of a batch. */
static inline uint32_t mcc_batch_bytes(struct mcc_packet *const *batch, uint32_t count)
{
    uint32_t bytes = 0;
    for (uint32_t i = 0; i < count; i++)
        bytes += batch[i]->len;
    return bytes;
}

/* ---------------------------------------------------------------- VLAN tags */

/* Moves the offsets of what lies behind the first tag by `by` bytes; the MACs have been moved already. */
static inline void mcc_shift_layers(struct mcc_packet *p, int by)
{
    p->data -= by;
    p->len += (uint32_t)by;
    p->wire_len += (uint32_t)by;
    p->ip_end += (uint32_t)by;
    p->room += (uint32_t)by;
    p->headroom = (uint16_t)(p->headroom - by);
    p->l3 = (uint16_t)(p->l3 + by);
    if (p->l4)
        p->l4 = (uint16_t)(p->l4 + by);
}

/* A new outermost 802.1Q tag, PCP 0. False, and nothing done, for a frame that is not Ethernet, has MCC_MAX_VLANS
 * tags already, or lies in a buffer without 4 bytes of headroom. */
static inline bool mcc_push_vlan(struct mcc_packet *p, uint16_t vid)
{
    if (!(p->layers & MCC_ETH) || p->vlans >= MCC_MAX_VLANS || p->headroom < 4)
        return false;
    mcc_packet_unguard(p->data - 4, 4);
    memmove(p->data - 4, p->data, 12);
    mcc_shift_layers(p, 4);
    mcc_store16(p->data + 12, 0x8100);
    mcc_store16(p->data + 14, vid & 0xfff);
    p->vlans++;
    p->layers |= MCC_VLAN;
    return true;
}

/* The outermost tag goes; nothing happens where there is none. */
static inline void mcc_pop_vlan(struct mcc_packet *p)
{
    if (!(p->layers & MCC_VLAN))
        return;
    memmove(p->data + 4, p->data, 12);
    mcc_shift_layers(p, -4);
    mcc_packet_guard(p, p->len);
    p->vlans--;
    if (p->vlans == 0)
        p->layers &= (uint16_t)~MCC_VLAN;
}

/* ---------------------------------------------------------------- shifts by any count, least and greatest
 *
 * A shift by the width or more gives 0, or the sign; C leaves it undefined. Only shifts whose count is not proved
 * smaller than the width come here. */

#define MCC_SHIFTS(name, type, bits)                                                               \
    static inline type mcc_shl_##name(type x, uint64_t n)                                          \
    {                                                                                              \
        return n < bits ? (type)(x << n) : 0;                                                      \
    }                                                                                              \
    static inline type mcc_shr_##name(type x, uint64_t n)                                          \
    {                                                                                              \
        return n < bits ? (type)(x >> n) : 0;                                                      \
    }

#define MCC_SIGNED_SHIFTS(name, type, wide, bits)                                                  \
    static inline type mcc_shl_##name(type x, uint64_t n)                                          \
    {                                                                                              \
        return n < bits ? (type)((wide)x << n) : 0;                                                \
    }                                                                                              \
    static inline type mcc_shr_##name(type x, uint64_t n)                                          \
    {                                                                                              \
        return x >> (n < bits ? n : bits - 1);                                                     \
    }

#define MCC_MINMAX(name, type)                                                                     \
    static inline type mcc_min_##name(type a, type b)                                              \
    {                                                                                              \
        return a < b ? a : b;                                                                      \
    }                                                                                              \
    static inline type mcc_max_##name(type a, type b)                                              \
    {                                                                                              \
        return a > b ? a : b;                                                                      \
    }

MCC_SHIFTS(u8, uint8_t, 8)
MCC_SHIFTS(u16, uint16_t, 16)
MCC_SHIFTS(u32, uint32_t, 32)
MCC_SHIFTS(u64, uint64_t, 64)
MCC_SHIFTS(u128, mcc_u128, 128)
MCC_SIGNED_SHIFTS(i32, int32_t, uint32_t, 32)
MCC_SIGNED_SHIFTS(i64, int64_t, uint64_t, 64)
MCC_MINMAX(u8, uint8_t)
MCC_MINMAX(u16, uint16_t)
MCC_MINMAX(u32, uint32_t)
MCC_MINMAX(u64, uint64_t)
MCC_MINMAX(u128, mcc_u128)
MCC_MINMAX(i32, int32_t)
MCC_MINMAX(i64, int64_t)

#undef MCC_SHIFTS
#undef MCC_SIGNED_SHIFTS
#undef MCC_MINMAX

#endif
