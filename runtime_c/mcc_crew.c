#include "mcc_crew.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "mcc_core.h"
#include "mcc_crew_parts.h"
#include "mcc_frag_parts.h"
#include "mcc_parse.h"

struct mcc_crew *mcc_crew_new(uint32_t cores)
{
    struct mcc_crew *crew =
        cores > 1 && cores <= MCC_CREW_MAX ? aligned_alloc(64, sizeof *crew) : NULL;
    if (!crew)
        return NULL;
    memset(crew, 0, sizeof *crew);
    crew->cores = cores;
    for (uint32_t i = 0; i < cores; i++)
        crew->member[i].wake = -1;
    bool failed = false;
    for (uint32_t i = 0; i < cores; i++) {
        crew->member[i].wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
        failed = failed || crew->member[i].wake < 0;
        for (uint32_t k = 0; k < cores; k++)
            failed = failed || (i != k && mcc_ring_init(&crew->ring[i][k], MCC_CREW_RING) < 0);
    }
    if (failed) {
        mcc_crew_free(crew);
        return NULL;
    }
    return crew;
}

void mcc_crew_free(struct mcc_crew *crew)
{
    if (!crew)
        return;
    for (uint32_t i = 0; i < crew->cores; i++) {
        if (crew->member[i].wake >= 0)
            (void)close(crew->member[i].wake);
        for (uint32_t k = 0; k < crew->cores; k++)
            mcc_ring_free(&crew->ring[i][k]);
    }
    free(crew);
}

/* ---------------------------------------------------------------- from core to core */

/* Both sides change `asleep`, so one of them comes second: this one sees that the other sleeps, or the other sees, before it
 * sleeps, the record that was published. */
static void crew_wake(struct mcc_crew *crew, uint32_t core)
{
    uint64_t one = 1;
    if (atomic_fetch_or_explicit(&crew->member[core].asleep, 0, memory_order_acq_rel))
        (void)!write(crew->member[core].wake, &one, sizeof one);
}

static bool crew_put(struct mcc_crew *crew, uint32_t from, uint32_t to,
                     const struct mcc_crew_record *record, const uint8_t *data,
                     const uint8_t *parts)
{
    struct mcc_ring *ring = &crew->ring[from][to];
    uint8_t *at = mcc_ring_reserve(ring, (uint32_t)sizeof *record + record->len + record->parts);
    if (!at)
        return false;
    memcpy(at, record, sizeof *record);
    if (record->len)
        memcpy(at + sizeof *record, data, record->len);
    if (record->parts)
        memcpy(at + sizeof *record + record->len, parts, record->parts);
    mcc_ring_publish(ring);
    crew_wake(crew, to);
    return true;
}

void mcc_crew_hand(struct mcc_crew *crew, struct mcc_core *core, struct mcc_packet *p, uint32_t to,
                   uint32_t spread)
{
    struct mcc_crew_member *me = &crew->member[core->core];
    struct mcc_crew_record record = {.at = p->at,
                                     .len = p->len,
                                     .wire_len = p->wire_len,
                                     .spread = spread,
                                     .frag_id = p->frag_id,
                                     .parts = mcc_frag_record_length(p),
                                     .gso = p->gso,
                                     .mtu = p->mtu,
                                     .port = p->in_port,
                                     .link = p->link};
    if (crew_put(crew, core->core, to, &record, p->data, mcc_frag_record(p))) {
        me->handed_out++;
        mcc_buffer_put(core->buffers, p);
    } else {
        mcc_core_drop(core, p, MCC_DROP_CORE_FULL);
    }
}

void mcc_crew_send(struct mcc_crew *crew, struct mcc_core *core, const struct mcc_packet *p)
{
    struct mcc_crew_record record = {.at = p->at,
                                     .len = p->len,
                                     .wire_len = p->wire_len,
                                     .gso = p->gso,
                                     .port = (uint8_t)p->out_port,
                                     .link = p->link,
                                     .leaves = true};
    core->ports[p->out_port].tx_packets--; /* the other core counts it */
    core->ports[p->out_port].tx_bytes -= p->len;
    if (!crew_put(crew, core->core, 0, &record, p->data, NULL))
        core->drops[MCC_DROP_CORE_FULL]++;
    else
        crew->member[core->core].sent_out++;
}

/* The packet of a record in a buffer of `core`; NULL: there is none, which is counted. */
static struct mcc_packet *crew_packet(struct mcc_core *core, const uint8_t *at)
{
    struct mcc_crew_record record;
    memcpy(&record, at, sizeof record);
    struct mcc_packet *p = mcc_buffer_get(core->buffers, record.len + record.parts);
    if (!p) {
        core->drops[MCC_DROP_NO_BUFFER]++;
        return NULL;
    }
    memcpy(p->data, at + sizeof record, record.len);
    p->room -= record.parts;
    mcc_packet_unguard(p->data + p->room, record.parts);
    memcpy(p->data + p->room, at + sizeof record + record.len, record.parts);
    mcc_packet_guard(p, record.len);
    p->len = record.len;
    p->at = record.at;
    p->wire_len = record.wire_len;
    p->link = record.link;
    p->gso = record.gso;
    p->mtu = record.mtu;
    p->frag_id = record.frag_id;
    if (record.leaves)
        p->out_port = record.port;
    else
        p->in_port = record.port;
    return p;
}

struct mcc_packet *mcc_crew_take(struct mcc_crew *crew, struct mcc_core *core, uint32_t from,
                                 bool *leaves)
{
    struct mcc_crew_member *me = &crew->member[core->core];
    struct mcc_ring *ring = &crew->ring[from][core->core];
    struct mcc_packet *p = NULL;
    const uint8_t *at;
    uint32_t bytes;
    while (!p && (at = mcc_ring_peek(ring, &bytes)) != NULL) {
        struct mcc_crew_record record;
        memcpy(&record, at, sizeof record);
        *leaves = record.leaves;
        if (!record.leaves) {
            me->handed_in++;
            mcc_heavy_add(&me->heavy, record.spread);
        } else {
            me->sent_in++;
        }
        p = crew_packet(core, at);
        mcc_ring_release(ring);
    }
    return p;
}

bool mcc_crew_waits(struct mcc_crew *crew, uint32_t core)
{
    uint32_t bytes;
    for (uint32_t i = 0; i < crew->cores; i++)
        if (i != core && mcc_ring_peek(&crew->ring[i][core], &bytes))
            return true;
    return false;
}

bool mcc_crew_sleeps(struct mcc_crew *crew, uint32_t core)
{
    (void)atomic_exchange_explicit(&crew->member[core].asleep, 1, memory_order_acq_rel);
    return !mcc_crew_waits(crew, core);
}

void mcc_crew_wakes(struct mcc_crew *crew, uint32_t core)
{
    uint64_t count;
    atomic_store_explicit(&crew->member[core].asleep, 0, memory_order_relaxed);
    (void)!read(crew->member[core].wake, &count, sizeof count);
}
