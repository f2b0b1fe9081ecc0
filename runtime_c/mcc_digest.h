/* Digests of bytes that come piece by piece: CRC-32, CRC-32C, the sum of RFC 1071.
 *
 * digest(digest(seed, a), b) is digest(seed, a then b), however the bytes are cut.
 * CRCs: 16 bytes at a time by carry-less multiplication where the CPU has it (asked at run time unless
 * the compiler's target says so), else 8 bytes a step by tables that are filled when the module is
 * loaded.
 */
#ifndef MCC_DIGEST_H
#define MCC_DIGEST_H

#include <stddef.h>
#include <stdint.h>

/* CRC-32 of IEEE 802.3, as zlib's crc32(): `seed` is 0 or the value so far. */
uint32_t mcc_crc32(uint32_t seed, const uint8_t *p, size_t n);

/* CRC-32C (Castagnoli: iSCSI, RFC 3720 12.1; SCTP, RFC 9260): `seed` is 0 or the value so far. */
uint32_t mcc_crc32c(uint32_t seed, const uint8_t *p, size_t n);

/* Bits 0..15: the one's complement sum of the big-endian 16-bit words (RFC 1071), not inverted; bit 16:
 * the number of bytes so far is odd, so that the next one is the low half of a word. */
uint32_t mcc_sum16(uint32_t seed, const uint8_t *p, size_t n);

#endif
