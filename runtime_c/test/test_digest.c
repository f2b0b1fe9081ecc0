/* Digests against bit-by-bit division, zlib's values and the vectors of RFC 3720; any cuts give the whole. */
#include "../mcc_digest.c"
#include "test.h"

/* Long division, one bit at a time. */
static uint32_t naive_crc(uint32_t poly, uint32_t seed, const uint8_t *p, size_t n)
{
    uint32_t r = ~seed;
    for (size_t i = 0; i < n; i++)
        for (int bit = 0; bit < 8; bit++) {
            uint32_t top = (r ^ (uint32_t)p[i] >> bit) & 1;
            r = r >> 1 ^ (top ? poly : 0);
        }
    return ~r;
}

static uint32_t naive_sum16(const uint8_t *p, size_t n)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += i % 2 ? p[i] : (uint32_t)p[i] << 8;
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return sum | (uint32_t)(n & 1) << 16;
}

static void test_known(void)
{
    uint8_t b[512], v[32];
    for (int i = 0; i < 512; i++)
        b[i] = (uint8_t)(i * 7);
    CHECK_EQUAL(mcc_crc32(0, b, 0), 0);
    CHECK_EQUAL(mcc_crc32(0, (const uint8_t *)"123456789", 9), 0xcbf43926);
    CHECK_EQUAL(mcc_crc32(0, b, 512), 0x1f9ab551);
    CHECK_EQUAL(mcc_crc32(0x12345678, b, 100), 0x13bf5a74);
    CHECK_EQUAL(mcc_crc32c(0, (const uint8_t *)"123456789", 9), 0xe3069283);
    memset(v, 0, 32); /* RFC 3720 B.4, bytes on the wire read as a little-endian number */
    CHECK_EQUAL(mcc_crc32c(0, v, 32), 0x8a9136aa);
    memset(v, 0xff, 32);
    CHECK_EQUAL(mcc_crc32c(0, v, 32), 0x62a8ab43);
    for (int i = 0; i < 32; i++)
        v[i] = (uint8_t)i;
    CHECK_EQUAL(mcc_crc32c(0, v, 32), 0x46dd794e);
    for (int i = 0; i < 32; i++)
        v[i] = (uint8_t)(31 - i);
    CHECK_EQUAL(mcc_crc32c(0, v, 32), 0x113fdb5c);
    static const uint8_t iscsi[48] = {0x01, 0xc0, 0, 0, 0, 0, 0, 0, 0,    0, 0, 0,    0, 0, 0, 0,
                                      0x14, 0,    0, 0, 0, 0, 4, 0, 0,    0, 0, 0x14, 0, 0, 0, 0x18,
                                      0x28, 0,    0, 0, 0, 0, 0, 0, 0x02, 0, 0, 0,    0, 0, 0, 0};
    CHECK_EQUAL(mcc_crc32c(0, iscsi, 48), 0xd9963a56);
}

static void test_lengths(uint64_t *seed, uint8_t *end)
{
    for (size_t n = 0; n <= 700; n++) {
        uint8_t *p = end - n;
        for (size_t i = 0; i < n; i++)
            p[i] = (uint8_t)test_random(seed);
        uint32_t start = n % 3 ? (uint32_t)test_random(seed) : 0;
        CHECK_EQUAL(mcc_crc32(start, p, n), naive_crc(0xedb88320, start, p, n));
        CHECK_EQUAL(mcc_crc32c(start, p, n), naive_crc(0x82f63b78, start, p, n));
        CHECK_EQUAL(digest_by_table(&digest_castagnoli, ~start, p, n),
                    ~naive_crc(0x82f63b78, start, p, n));
        CHECK_EQUAL(mcc_sum16(0, p, n), naive_sum16(p, n));
    }
}

static void test_cuts(uint64_t *seed, uint8_t *end)
{
    for (int round = 0; round < 2000; round++) {
        size_t n = test_below(seed, 2000);
        uint8_t *p = end - n;
        bool full = test_below(seed, 4) == 0;
        for (size_t i = 0; i < n; i++)
            p[i] = full ? 0xff : (uint8_t)test_random(seed);
        uint32_t crc = 0, crcc = 0, sum = 0;
        for (size_t at = 0, take; at < n; at += take) {
            take = 1 + test_below(seed, test_below(seed, 2) ? 5 : 400);
            take = take < n - at ? take : n - at;
            crc = mcc_crc32(crc, p + at, take);
            crcc = mcc_crc32c(crcc, p + at, take);
            sum = mcc_sum16(sum, p + at, take);
        }
        CHECK_EQUAL(crc, mcc_crc32(0, p, n));
        CHECK_EQUAL(crcc, mcc_crc32c(0, p, n));
        CHECK_EQUAL(sum, naive_sum16(p, n));
    }
}

int main(void)
{
    uint64_t seed = 3720;
    uint8_t *end = test_guard_end();
    test_known();
    test_lengths(&seed, end);
    test_cuts(&seed, end);
    puts("digest: ok");
    return 0;
}
