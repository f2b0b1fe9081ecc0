/* A chain as mcc prints it: -DMODULE='"file"' names its C. */
#include MODULE

#include "contender.h"

enum { BUFFERS = 64 }; /* of the box's own; the harness has its packets elsewhere */

static void *chain_open(uint64_t start, uint32_t max_sessions)
{
    struct mcc_config config = {.start = start, .seed = 0x5eed5eed5eed5eed, .max_sessions = max_sessions, .cores = 1,
                                .checksums = MCC_CHECKSUMS_KEEP, .buffers = BUFFERS};
    return mcc_box_open(&config);
}

static void chain_close(void *box) { mcc_box_close(box); }

static void chain_burst(void *box, struct mcc_packet **packets, uint32_t n) { mcc_box_burst(box, packets, n); }

static uint32_t chain_take(void *box, struct mcc_packet ***out)
{
    uint32_t n = mcc_box_out(box, out);
    mcc_box_core(box)->out_count = 0; /* not mcc_box_sent(): the buffers are the harness's */
    return n;
}

static void chain_totals(void *box, struct bench_totals *totals)
{
    const struct mcc_core *core = mcc_box_core(box);
    uint32_t reasons;
    const uint64_t *drops = mcc_box_drops(box, &reasons);
    *totals = (struct bench_totals){.created = core->created, .active = core->active};
    for (unsigned port = 0; port < 2; port++) {
        totals->tx_packets[port] = core->ports[port].tx_packets;
        totals->tx_bytes[port] = core->ports[port].tx_bytes;
    }
    for (uint32_t i = 0; i < reasons; i++)
        totals->dropped += drops[i];
}

BENCH_EXPORT const struct bench_contender bench_contender = {chain_open, chain_close, chain_burst, chain_take,
                                                             chain_totals};
