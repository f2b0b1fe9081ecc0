#include "mcc_digest.h"

#include "mcc_checksum.h"

#ifdef __x86_64__
#include <nmmintrin.h>
#include <wmmintrin.h>
#endif

/* A polynomial, reflected (bit 31 is x^0), and what a byte in front of k zero bytes adds to the remainder. */
struct digest_crc {
    uint32_t poly;
    uint32_t table[8][256];
    uint64_t fold64[2]; /* x^(512+32), x^(512-32) modulo the polynomial, reflected, times x */
    uint64_t fold16[2]; /* x^(128+32), x^(128-32) */
};

static struct digest_crc digest_ieee = {
    .poly = 0xedb88320,
    .fold64 = {0x154442bd4, 0x1c6e41596},
    .fold16 = {0x1751997d0, 0x0ccaa009e},
};
static struct digest_crc digest_castagnoli = {
    .poly = 0x82f63b78,
    .fold64 = {0x0740eef02, 0x09e4addf8},
    .fold16 = {0x0f20c0dfe, 0x14cd00bd6},
};

static void digest_fill(struct digest_crc *c)
{
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t r = i;
        for (int bit = 0; bit < 8; bit++)
            r = r >> 1 ^ (c->poly & -(r & 1));
        c->table[0][i] = r;
    }
    for (uint32_t k = 1; k < 8; k++)
        for (uint32_t i = 0; i < 256; i++)
            c->table[k][i] = c->table[k - 1][i] >> 8 ^ c->table[0][(uint8_t)c->table[k - 1][i]];
}

__attribute__((constructor)) static void digest_start(void)
{
    digest_fill(&digest_ieee);
    digest_fill(&digest_castagnoli);
}

/* The remainder r after n more bytes, 8 at a step (M. E. Kounavis and F. L. Berry, "Novel table lookup-based
 * algorithms for high-performance CRC generation", 2008). */
static uint32_t digest_by_table(const struct digest_crc *c, uint32_t r, const uint8_t *p, size_t n)
{
    for (; n >= 8; p += 8, n -= 8) {
        uint64_t x;
        memcpy(&x, p, 8);
        x ^= r;
        r = c->table[7][x & 0xff] ^ c->table[6][x >> 8 & 0xff] ^ c->table[5][x >> 16 & 0xff] ^
            c->table[4][x >> 24 & 0xff] ^ c->table[3][x >> 32 & 0xff] ^
            c->table[2][x >> 40 & 0xff] ^ c->table[1][x >> 48 & 0xff] ^ c->table[0][x >> 56];
    }
    for (; n; p++, n--)
        r = r >> 8 ^ c->table[0][(uint8_t)(r ^ *p)];
    return r;
}

#ifdef __x86_64__

#define DIGEST_CLMUL __attribute__((target("sse4.2,pclmul")))

/* What `x` contributes as far in front of `next` as the constants `k` say, added to it. */
DIGEST_CLMUL static inline __m128i digest_fold(__m128i x, __m128i k, __m128i next)
{
    __m128i low = _mm_clmulepi64_si128(x, k, 0x00), high = _mm_clmulepi64_si128(x, k, 0x11);
    return _mm_xor_si128(_mm_xor_si128(low, high), next);
}

/* n >= 64 bytes, a multiple of 16, become 16 with the same remainder (V. Gopal and others, "Fast CRC
 * computation for generic polynomials using PCLMULQDQ instruction", Intel, 2009). */
DIGEST_CLMUL static void digest_by_clmul(const struct digest_crc *c, uint32_t r, const uint8_t *p,
                                         size_t n, uint8_t rest[16])
{
    const __m128i *q = (const __m128i *)(const void *)p;
    __m128i x[4];
    for (int i = 0; i < 4; i++)
        x[i] = _mm_loadu_si128(q + i);
    x[0] = _mm_xor_si128(x[0], _mm_cvtsi32_si128((int)r));
    __m128i k = _mm_loadu_si128((const __m128i *)(const void *)c->fold64);
    for (q += 4, n -= 64; n >= 64; q += 4, n -= 64)
        for (int i = 0; i < 4; i++)
            x[i] = digest_fold(x[i], k, _mm_loadu_si128(q + i));
    k = _mm_loadu_si128((const __m128i *)(const void *)c->fold16);
    for (int i = 1; i < 4; i++)
        x[i] = digest_fold(x[i - 1], k, x[i]);
    for (; n >= 16; q++, n -= 16)
        x[3] = digest_fold(x[3], k, _mm_loadu_si128(q));
    _mm_storeu_si128((__m128i *)(void *)rest, x[3]);
}

static inline bool digest_has_clmul(void)
{
#if defined(__PCLMUL__) && defined(__SSE4_2__)
    return true;
#else
    return __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("sse4.2");
#endif
}

static inline bool digest_has_crc32c(void)
{
#ifdef __SSE4_2__
    return true;
#else
    return __builtin_cpu_supports("sse4.2");
#endif
}

__attribute__((target("sse4.2"))) static uint32_t digest_by_crc32c(uint32_t r, const uint8_t *p,
                                                                   size_t n)
{
    for (; n >= 8; p += 8, n -= 8) {
        uint64_t x;
        memcpy(&x, p, 8);
        r = (uint32_t)_mm_crc32_u64(r, x);
    }
    for (; n; p++, n--)
        r = _mm_crc32_u8(r, *p);
    return r;
}

#else

static inline bool digest_has_clmul(void)
{
    return false;
}

static inline bool digest_has_crc32c(void)
{
    return false;
}

static void digest_by_clmul(const struct digest_crc *c, uint32_t r, const uint8_t *p, size_t n,
                            uint8_t rest[16])
{
    (void)c, (void)r, (void)p, (void)n, (void)rest;
}

static uint32_t digest_by_crc32c(uint32_t r, const uint8_t *p, size_t n)
{
    return digest_by_table(&digest_castagnoli, r, p, n);
}

#endif

uint32_t mcc_crc32(uint32_t seed, const uint8_t *p, size_t n)
{
    uint32_t r = ~seed;
    if (n >= 64 && digest_has_clmul()) {
        uint8_t rest[16];
        digest_by_clmul(&digest_ieee, r, p, n & ~(size_t)15, rest);
        r = digest_by_table(&digest_ieee, 0, rest, 16);
        p += n & ~(size_t)15;
        n &= 15;
    }
    return ~digest_by_table(&digest_ieee, r, p, n);
}

uint32_t mcc_crc32c(uint32_t seed, const uint8_t *p, size_t n)
{
    uint32_t r = ~seed;
    if (!digest_has_crc32c())
        return ~digest_by_table(&digest_castagnoli, r, p, n);
    if (n >= 128 && digest_has_clmul()) {
        uint8_t rest[16];
        digest_by_clmul(&digest_castagnoli, r, p, n & ~(size_t)15, rest);
        r = digest_by_crc32c(0, rest, 16);
        p += n & ~(size_t)15;
        n &= 15;
    }
    return ~digest_by_crc32c(r, p, n);
}

uint32_t mcc_sum16(uint32_t seed, const uint8_t *p, size_t n)
{
    bool odd = seed >> 16 & 1;
    uint32_t sum = mcc_checksum_fold(mcc_checksum_sum(p, n));
    if (odd) /* its bytes are the other halves of the words */
        sum = (sum & 0xff) << 8 | sum >> 8;
    bool now_odd = odd ^ (n & 1);
    return (uint32_t)mcc_checksum_fold((seed & 0xffff) + sum) | (uint32_t)now_odd << 16;
}
