/* A ring of bytes from one thread to another: records of any length, in order, without a lock.
 *
 *   | used by the taker .. | record | record | (the rest of the round, skipped) |
 *     tail ->                        head ->
 *
 * One thread puts (reserve, publish), one takes (peek, release). Positions count bytes for ever; head is written by the
 * putter alone, tail by the taker alone. What was written before a position is moved is seen by who reads the position
 * (release and acquire, C11 5.1.2.4).
 */
#ifndef MCC_RING_H
#define MCC_RING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct mcc_ring {
    uint8_t *base; /* owned */
    uint32_t size; /* a power of two */
    _Alignas(64) _Atomic uint64_t head;
    uint64_t tail_seen; /* by the putter: tail is at least here */
    uint64_t reserved;  /* where the record that is being written begins */
    uint32_t room;      /* its bytes, the word before it included */
    _Alignas(64) _Atomic uint64_t tail;
};

/* `size` bytes, a power of two from 64 on. 0, or -ENOMEM or -EINVAL and `ring` untouched. */
int mcc_ring_init(struct mcc_ring *ring, uint32_t size);
void mcc_ring_free(struct mcc_ring *ring);

/* Room for a record of `bytes` (1 to half of the ring), aligned to 8; NULL: there is none now. What was reserved before and not
 * published is forgotten. */
uint8_t *mcc_ring_reserve(struct mcc_ring *ring, uint32_t bytes);

/* The record that was reserved can be taken. */
void mcc_ring_publish(struct mcc_ring *ring);

/* The oldest record, and its length; NULL: there is none. It stays until mcc_ring_release(). */
const uint8_t *mcc_ring_peek(struct mcc_ring *ring, uint32_t *bytes);
void mcc_ring_release(struct mcc_ring *ring);

#endif
