/* Three loops of a crew at once: every packet is handled once, by its owner, in the order in which its reader had it, and leaves by the
 * core that has the device. */
#define _GNU_SOURCE 1
#include "test.h"

#include <pthread.h>

#include "../mcc_mem.c"

#include "../mcc_buffers.c"
#include "../mcc_core.c"
#include "../mcc_crew.c"
#include "../mcc_io_frame.c"
#include "../mcc_io_gso.c"
#include "../mcc_io_null.c"
#include "../mcc_ring.c"

const struct mcc_io_type mcc_io_afpacket = {.name = "afpacket"}, mcc_io_tap = {.name = "tap"},
                         mcc_io_afxdp = {.name = "afxdp"};
#include "../mcc_io_loop.c"

enum { CORES = 3, EACH = 30000, LENGTH = 200 };

struct fake { /* a box: packets carry their reader, their owner and their number */
    struct mcc_core core;
    uint64_t drops[MCC_REASONS];
    struct mcc_loop *loop;
    uint32_t seen, next[CORES];
    uint64_t sent; /* by the device of port 1 */
};

static uint32_t read_word(const struct mcc_packet *p, uint32_t at)
{
    uint32_t value;
    memcpy(&value, p->data + at, 4);
    return value;
}

static void burst(void *box, struct mcc_packet **packets, uint32_t n)
{
    struct fake *f = box;
    for (uint32_t i = 0; i < n; i++) {
        struct mcc_packet *p = packets[i];
        uint32_t reader = read_word(p, 20), number = read_word(p, 28);
        CHECK(read_word(p, 24) == f->core.core && p->len == LENGTH && p->in_port == 0);
        CHECK(number >= f->next[reader]); /* some may be lost, none overtakes */
        f->next[reader] = number + 1;
        f->seen++;
        mcc_core_send(&f->core, p, 1);
    }
}

static uint32_t owner(const void *box, const struct mcc_packet *p, uint32_t *spread)
{
    (void)box;
    *spread = read_word(p, 24) + 1;
    return read_word(p, 24);
}

static void advance(void *box, uint64_t to)
{
    (void)box, (void)to;
}

static void finish(void *box)
{
    (void)box;
}

static const struct mcc_loop_ops ops = {
    .burst = burst, .advance = advance, .finish = finish, .owner = owner};

/* What a port of the core has read: packets for every core in turn. */
static void *run(void *argument)
{
    struct fake *f = argument;
    for (uint32_t i = 0; i < EACH; i++) {
        struct mcc_packet *p = mcc_buffer_get(f->core.buffers, LENGTH);
        CHECK(p != NULL);
        memset(p->data, 0, LENGTH);
        memcpy(p->data + 20, &f->core.core, 4);
        memcpy(p->data + 24, &(uint32_t){i % CORES}, 4);
        memcpy(p->data + 28, &i, 4);
        f->core.ports[0].rx_packets++;
        mcc_io_give(&f->loop->sink, p);
        if (i % 64 == 0)
            mcc_loop_run(f->loop, 0);
    }
    mcc_loop_run(f->loop, 20000000);
    return NULL;
}

int main(void)
{
    static struct fake box[CORES];
    pthread_t thread[CORES];
    struct mcc_loop_share share;
    uint64_t in = 0, out = 0, lost = 0, seen = 0, handed_out = 0, handed_in = 0;
    struct mcc_crew *crew = mcc_crew_new(CORES);
    CHECK(crew && !mcc_crew_new(1) && !mcc_crew_new(MCC_CREW_MAX + 1));
    for (uint32_t i = 0; i < CORES; i++) {
        struct mcc_config config = {.core = i, .cores = CORES, .buffers = 4096, .large_buffers = 1};
        CHECK(mcc_core_init(&box[i].core, &config) == 0);
        box[i].core.drops = box[i].drops;
        box[i].loop = mcc_loop_new(&ops, &box[i], &box[i].core, 2, 0, false);
        CHECK(box[i].loop);
        mcc_loop_join(box[i].loop, crew);
        for (uint32_t port = 0; port < 2; port++)
            CHECK(mcc_loop_open(box[i].loop, port, "null", "") == 0);
    }
    crew->shared[1] = false; /* as of a device that only core 0 has */
    for (uint32_t i = 0; i < CORES; i++)
        CHECK(pthread_create(&thread[i], NULL, run, &box[i]) == 0);
    for (uint32_t i = 0; i < CORES; i++)
        CHECK(pthread_join(thread[i], NULL) == 0);
    for (bool more = true; more;) {
        more = false;
        for (uint32_t i = 0; i < CORES; i++)
            more = mcc_loop_take(box[i].loop) || more;
    }
    for (uint32_t i = 0; i < CORES; i++) {
        mcc_loop_shares(box[i].loop, &share);
        CHECK_EQUAL(share.packets, box[i].seen);
        CHECK(share.most == share.packets && share.all > 0 && share.busy <= share.all);
        seen += box[i].seen;
        handed_out += share.handed_out;
        handed_in += share.handed_in;
        in += box[i].core.ports[0].rx_packets;
        out += box[i].core.ports[1].tx_packets;
        lost += box[i].drops[MCC_DROP_CORE_FULL] + box[i].drops[MCC_DROP_NO_BUFFER];
        CHECK_EQUAL(box[i].core.ports[1].tx_packets, i ? 0 : out);
    }
    CHECK_EQUAL(in, CORES * EACH);
    CHECK_EQUAL(out + lost, in);
    CHECK_EQUAL(handed_in, handed_out);
    CHECK(handed_out > CORES * EACH / 3 && seen > CORES * EACH / 3);
    for (uint32_t i = 0; i < CORES; i++) {
        mcc_loop_free(box[i].loop);
        CHECK_EQUAL(mcc_buffers_used(box[i].core.buffers), 0);
        mcc_core_free(&box[i].core);
    }
    mcc_crew_free(crew);
    puts("crew: ok");
    return 0;
}
