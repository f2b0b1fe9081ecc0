/* A chain as mcc prints it: -DMODULE='"file"' names its C. -DSTREAMS: packets come from the box's buffers, with text in
 * them: -DHITS words a response, of which each loses -DSHRINK bytes. -DCHECKSUMS: the box's mode. */
#include MODULE

#include "contender.h"

#ifndef CHECKSUMS
#define CHECKSUMS MCC_CHECKSUMS_KEEP
#endif
#ifdef STREAMS
enum { BUFFERS = 131072 }; /* a chunk, and what 64,000 connections have under way */
#else
enum { BUFFERS = 64, HITS = 0, SHRINK = 0 }; /* of the box's own; the harness has its packets elsewhere */
#endif

static void *chain_open(uint64_t start, uint32_t max_sessions)
{
    struct mcc_config config = {.start = start, .seed = 0x5eed5eed5eed5eed, .max_sessions = max_sessions, .cores = 1,
                                .checksums = CHECKSUMS, .buffers = BUFFERS};
    return mcc_box_open(&config);
}

static void chain_close(void *box) { mcc_box_close(box); }

static void chain_burst(void *box, struct mcc_packet **packets, uint32_t n) { mcc_box_burst(box, packets, n); }

static uint32_t chain_take(void *box, struct mcc_packet ***out)
{
    uint32_t n = mcc_box_out(box, out);
#ifndef STREAMS
    mcc_box_core(box)->out_count = 0; /* not mcc_box_sent(): the buffers are the harness's */
#endif
    return n;
}

#ifdef STREAMS
static struct mcc_packet *chain_get(void *box) { return mcc_buffer_get(mcc_box_core(box)->buffers, 1514); }

static void chain_give(void *box) { mcc_box_sent(box); }
#else
#define chain_get NULL
#define chain_give NULL
#endif

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
    const struct mcc_tcp_counts *c = mcc_box_contexts(box);
    if (c)
        totals->odd = c->reordered + c->retransmitted + c->overlaps + c->conflicts + c->out_of_window + c->bad_acks +
                      c->gaps + c->midstream + c->bad_checksums + c->split + c->early_acks + c->made + c->forgotten +
                      c->hold_timeouts;
}

BENCH_EXPORT const struct bench_contender bench_contender = {chain_open, chain_close, chain_burst, chain_take,
                                                             chain_totals, chain_get, chain_give, HITS, SHRINK};
