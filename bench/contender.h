/* What the harness (harness.c) runs: one chain, printed by mcc or written by hand, in a shared object of its own.
 *
 * The harness owns all packets. They come as a port makes them: data, len, wire_len, at, in_port and link are set, fix
 * and the checksum differences are 0. A contender rewrites frames in place and leaves in `out` what goes out, in order
 * of arrival, with out_port set. One that keeps packets by reference (streams) has them from its own buffers: `get` makes
 * room for one, `give` takes back those that `take` showed, and whoever still holds one keeps it.
 */
#ifndef BENCH_CONTENDER_H
#define BENCH_CONTENDER_H

#include "mcc_packet.h"

struct bench_totals {
    uint64_t created, active; /* connections made so far; connections now */
    uint64_t tx_packets[2], tx_bytes[2];
    uint64_t dropped;
    uint64_t odd; /* segments that were not simply the next: none in this traffic */
};

struct bench_contender {
    /* A box whose clock starts at `start` ns, for `max_sessions` connections; NULL without memory. */
    void *(*open)(uint64_t start, uint32_t max_sessions);
    void (*close)(void *box);
    void (*burst)(void *box, struct mcc_packet **packets, uint32_t n); /* n <= BENCH_BURST */
    uint32_t (*take)(void *box, struct mcc_packet ***out); /* what left since the last call; without `give` emptied */
    void (*totals)(void *box, struct bench_totals *totals);
    struct mcc_packet *(*get)(void *box); /* an ordinary buffer of the box; NULL: the harness has packets of its own */
    void (*give)(void *box);              /* together with get */
    /* Payload that get's packets carry: words in a response, and how many bytes the contender takes out of each. */
    uint8_t hits, shrink;
};

enum { BENCH_BURST = 32 };

/* The one symbol that a contender exports. */
#define BENCH_EXPORT __attribute__((visibility("default")))
extern const struct bench_contender bench_contender;

#endif
