#include "mcc_io_loop.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "mcc_core.h"
#include "mcc_crew_parts.h"
#include "mcc_io.h"
#include "mcc_parse.h"

#define MCC_LOOP_SECOND 1000000000ull
#define MCC_LOOP_NAP 5000000ull /* ns: the longest sleep */
#define MCC_LOOP_SPIN 2000      /* looks in vain before there is a sleep, where a port is polled */
#define MCC_LOOP_POLL 20000ull  /* ns: the longest sleep then */

enum { MCC_LOOP_TAKE = 256 }; /* packets of one other core between two looks at the ports */

struct mcc_loop {
    const struct mcc_loop_ops *ops; /* borrowed */
    struct mcc_io_sink sink;
    uint32_t ports;
    uint32_t idle;         /* looks in vain since something came */
    struct mcc_crew *crew; /* borrowed; NULL: there is one core */
    uint64_t start, began; /* ns: the same moment, as the box and as CLOCK_MONOTONIC say it */
    struct mcc_io io[MCC_MAX_PORTS];
};

static const struct mcc_io_type *const io_loop_types[] = {
#ifdef MCC_DPDK
    &mcc_io_dpdk,
#endif
    &mcc_io_afpacket, &mcc_io_tap, &mcc_io_afxdp, &mcc_io_null};

static uint64_t io_clock(clockid_t id)
{
    struct timespec t;
    (void)clock_gettime(id, &t);
    return (uint64_t)t.tv_sec * MCC_LOOP_SECOND + (uint64_t)t.tv_nsec;
}

uint64_t mcc_loop_now(const struct mcc_loop *loop)
{
    return loop->start + (io_clock(CLOCK_MONOTONIC) - loop->began);
}

/* ---------------------------------------------------------------- ports */

static void io_loop_shut(struct mcc_loop *loop, struct mcc_io *io, int error)
{
    io->error = error;
    io->retry = mcc_loop_now(loop) + MCC_LOOP_SECOND;
    if (io->type)
        io->type->close(io);
}

static void io_loop_retry(struct mcc_loop *loop, struct mcc_io *io)
{
    int rc = io->type->open(io);
    if (rc < 0) {
        io_loop_shut(loop, io, -rc);
        return;
    }
    io->error = 0;
    mcc_core_set_mtu(loop->sink.core, io->port, io->mtu);
}

/* Whether core 0 has the device of a port, and this is another core. */
static bool io_loop_far(const struct mcc_loop *loop, const struct mcc_io *io)
{
    return loop->crew && loop->sink.core->core && !loop->crew->shared[io->port];
}

/* Sends what has gathered for a port. */
static void io_loop_put(struct mcc_loop *loop, struct mcc_io *io)
{
    struct mcc_core *core = loop->sink.core;
    int rc = 0;
    if (io_loop_far(loop, io))
        for (uint32_t i = 0; i < io->queued; i++)
            mcc_crew_send(loop->crew, core, io->queue[i]);
    else if (!io->type || io->error)
        for (uint32_t i = 0; i < io->queued; i++)
            mcc_io_refused(io, core, io->queue[i], io->error);
    else if (io->queued)
        rc = io->type->out(io, core);
    if (rc < 0)
        io_loop_shut(loop, io, -rc);
    io->queued = 0;
}

/* Sends what waits in the core's out[]: for each port in its order. */
static void io_loop_drain(struct mcc_io_sink *sink)
{
    struct mcc_loop *loop =
        (struct mcc_loop *)(void *)((uint8_t *)sink - offsetof(struct mcc_loop, sink));
    struct mcc_core *core = sink->core;
    if (!core->out_count)
        return;
    for (uint32_t i = 0; i < core->out_count; i++) {
        struct mcc_io *io = &loop->io[core->out[i]->out_port];
        io->queue[io->queued++] = core->out[i];
        if (io->queued == MCC_IO_QUEUE)
            io_loop_put(loop, io);
    }
    for (uint32_t i = 0; i < loop->ports; i++)
        if (loop->io[i].queued)
            io_loop_put(loop, &loop->io[i]);
    for (uint32_t i = 0; i < core->out_count; i++)
        mcc_buffer_put(core->buffers, core->out[i]);
    core->out_count = 0;
}

struct mcc_loop *mcc_loop_new(const struct mcc_loop_ops *ops, void *box, struct mcc_core *core,
                              uint32_t ports, uint64_t start, bool split)
{
    struct mcc_loop *loop = ports <= MCC_MAX_PORTS ? calloc(1, sizeof *loop) : NULL;
    if (!loop)
        return NULL;
    loop->ops = ops;
    loop->sink = (struct mcc_io_sink){
        .burst = ops->burst, .drain = io_loop_drain, .box = box, .core = core, .split = split};
    loop->ports = ports;
    uint64_t now = io_clock(CLOCK_REALTIME); /* opening the box took its time */
    loop->start = start > now ? start : now;
    loop->began = io_clock(CLOCK_MONOTONIC);
    for (uint32_t i = 0; i < ports; i++) {
        loop->io[i].fd = -1;
        loop->io[i].port = (uint8_t)i;
        loop->io[i].patterns = ops->patterns;
        loop->io[i].pattern_count = ops->pattern_count;
    }
    return loop;
}

void mcc_loop_free(struct mcc_loop *loop)
{
    if (!loop)
        return;
    for (uint32_t i = 0; i < loop->ports; i++) {
        if (loop->io[i].type)
            loop->io[i].type->close(&loop->io[i]);
        mcc_io_slots_free(&loop->io[i], loop->sink.core);
    }
    free(loop);
}

/* Whether this core opens the device of a port; of one that can be opened more than once, as which instance. */
static bool io_loop_mine(struct mcc_loop *loop, struct mcc_io *io, const struct mcc_io_type *type)
{
    uint32_t core = loop->sink.core->core;
    io->instances = 1;
    if (!loop->crew)
        return true;
    if (core == 0)
        loop->crew->shared[io->port] = type->many;
    if (loop->crew->shared[io->port]) {
        io->instance = core;
        io->instances = loop->crew->cores;
        io->group = &loop->crew->group[io->port];
    }
    return core == 0 || loop->crew->shared[io->port];
}

int mcc_loop_open(struct mcc_loop *loop, uint32_t port, const char *type, const char *device)
{
    struct mcc_io *io = &loop->io[port];
    int rc = -EPROTONOSUPPORT;
    if (strlen(device) >= sizeof io->device)
        return -ENODEV;
    memcpy(io->device, device, strlen(device) + 1);
    for (uint32_t i = 0; i < sizeof io_loop_types / sizeof *io_loop_types; i++)
        if (strcmp(io_loop_types[i]->name, type) == 0) {
            if (!io_loop_mine(loop, io, io_loop_types[i]))
                return -EXDEV;
            rc = mcc_io_slots(io);
            if (rc == 0)
                rc = io_loop_types[i]->open(io);
            if (rc == 0) {
                io->type = io_loop_types[i];
                mcc_core_set_mtu(loop->sink.core, port, io->mtu);
            }
            break;
        }
    if (rc < 0)
        mcc_io_slots_free(io, loop->sink.core);
    return rc;
}

/* ---------------------------------------------------------------- other cores */

/* Packets that have come in: those of others go to them. */
static uint32_t io_loop_sort(struct mcc_io_sink *sink, struct mcc_packet **packets, uint32_t n)
{
    struct mcc_loop *loop =
        (struct mcc_loop *)(void *)((uint8_t *)sink - offsetof(struct mcc_loop, sink));
    struct mcc_crew_member *me = &loop->crew->member[sink->core->core];
    uint32_t kept = 0, spread;
    for (uint32_t i = 0; i < n; i++) {
        struct mcc_packet *p = packets[i];
        mcc_parse(p);
        uint32_t owner = loop->ops->owner(sink->box, p, &spread);
        if (owner != sink->core->core) {
            mcc_crew_hand(loop->crew, sink->core, p, owner, spread);
            continue;
        }
        mcc_heavy_add(&me->heavy, spread);
        packets[kept++] = p;
    }
    return kept;
}

/* Of the box: a datagram that was joined is another core's. */
static void io_loop_hand(void *to, struct mcc_packet *p, uint32_t core, uint32_t spread)
{
    struct mcc_loop *loop = to;
    mcc_crew_hand(loop->crew, loop->sink.core, p, core, spread);
}

/* What core `from` has put into its ring: to be handled, or to be sent. */
static uint32_t io_loop_take(struct mcc_loop *loop, uint32_t from)
{
    struct mcc_core *core = loop->sink.core;
    struct mcc_packet *burst[MCC_BURST], *p;
    uint32_t taken = 0, n = 0;
    bool leaves;
    while (taken < MCC_LOOP_TAKE && (p = mcc_crew_take(loop->crew, core, from, &leaves)) != NULL) {
        taken++;
        if (leaves) {
            uint8_t checksums = core->checksums;
            core->checksums = MCC_CHECKSUMS_KEEP; /* it is as it shall leave */
            mcc_core_send(core, p, p->out_port);
            core->checksums = checksums;
        } else {
            burst[n++] = p;
        }
        if (n == MCC_BURST) {
            loop->ops->burst(loop->sink.box, burst, n);
            n = 0;
        }
        if (core->out_count >= MCC_IO_QUEUE)
            io_loop_drain(&loop->sink);
    }
    if (n)
        loop->ops->burst(loop->sink.box, burst, n);
    io_loop_drain(&loop->sink);
    return taken;
}

bool mcc_loop_take(struct mcc_loop *loop)
{
    uint32_t taken = 0;
    for (uint32_t i = 0; loop->crew && i < loop->crew->cores; i++)
        taken += i != loop->sink.core->core ? io_loop_take(loop, i) : 0;
    return taken > 0;
}

void mcc_loop_join(struct mcc_loop *loop, struct mcc_crew *crew)
{
    loop->crew = crew;
    loop->sink.sort = io_loop_sort;
    loop->sink.core->hand = io_loop_hand;
    loop->sink.core->hand_to = loop;
}

void mcc_loop_shares(const struct mcc_loop *loop, struct mcc_loop_share *share)
{
    const struct mcc_crew_member *me = &loop->crew->member[loop->sink.core->core];
    *share = (struct mcc_loop_share){.packets = me->heavy.packets,
                                     .handed_out = me->handed_out,
                                     .handed_in = me->handed_in,
                                     .sent_out = me->sent_out,
                                     .sent_in = me->sent_in,
                                     .most = mcc_heavy_most(&me->heavy),
                                     .busy = me->busy,
                                     .all = me->all};
}

/* ---------------------------------------------------------------- turns */

/* One look at every port; whether anything came. */
static bool io_loop_look(struct mcc_loop *loop)
{
    bool came = false;
    loop->sink.now = mcc_loop_now(loop);
    for (uint32_t i = 0; i < loop->ports; i++) {
        struct mcc_io *io = &loop->io[i];
        if (!io->type)
            continue;
        if (io->error && loop->sink.now >= io->retry)
            io_loop_retry(loop, io);
        if (io->error)
            continue;
        int n = io->type->in(io, &loop->sink);
        if (n < 0)
            io_loop_shut(loop, io, -n);
        came = came || n > 0;
    }
    mcc_io_flush(&loop->sink);
    return mcc_loop_take(loop) || came;
}

static bool io_loop_polled(const struct mcc_loop *loop)
{
    bool polled = false;
    for (uint32_t i = 0; i < loop->ports; i++)
        polled = polled || (loop->io[i].polled && !loop->io[i].error);
    return polled;
}

/* Sleeps until a frame comes, a timer is due, or `until`; false: a signal came. */
static bool io_loop_sleep(struct mcc_loop *loop, uint64_t now, uint64_t until)
{
    struct pollfd f[MCC_MAX_PORTS + 1];
    nfds_t n = 0;
    uint64_t due = loop->sink.core->due;
    until = due < until ? due : until;
    uint64_t ns = until > now ? until - now : 0;
    ns = ns < MCC_LOOP_NAP ? ns : MCC_LOOP_NAP;
    if (io_loop_polled(loop)) {
        if (loop->idle++ < MCC_LOOP_SPIN)
            return true;
        ns = ns < MCC_LOOP_POLL ? ns : MCC_LOOP_POLL;
    }
    for (uint32_t i = 0; i < loop->ports; i++)
        if (loop->io[i].fd >= 0)
            f[n++] = (struct pollfd){.fd = loop->io[i].fd, .events = POLLIN};
    struct timespec t = {.tv_sec = 0, .tv_nsec = (long)ns};
    if (!loop->crew)
        return ppoll(f, n, &t, NULL) >= 0 || errno != EINTR;
    uint32_t me = loop->sink.core->core;
    f[n++] = (struct pollfd){.fd = loop->crew->member[me].wake, .events = POLLIN};
    bool going = !mcc_crew_sleeps(loop->crew, me) || ppoll(f, n, &t, NULL) >= 0 || errno != EINTR;
    mcc_crew_wakes(loop->crew, me);
    return going;
}

void mcc_loop_run(struct mcc_loop *loop, uint64_t ns)
{
    uint64_t began = mcc_loop_now(loop), until = began + ns, last = began, busy = 0;
    bool going = true, did = false;
    while (going) {
        bool came = io_loop_look(loop);
        busy += did ? loop->sink.now - last
                    : 0; /* from look to look, where there was no sleep between */
        last = loop->sink.now;
        did = came;
        loop->idle = came ? 0 : loop->idle;
        uint64_t now = came ? loop->sink.now : mcc_loop_now(loop);
        if (now >= loop->sink.core->due || !came) {
            loop->ops->advance(loop->sink.box, now);
            io_loop_drain(&loop->sink);
        }
        going = now < until && (came || io_loop_sleep(loop, now, until));
    }
    if (loop->crew) {
        loop->crew->member[loop->sink.core->core].busy += busy;
        loop->crew->member[loop->sink.core->core].all += mcc_loop_now(loop) - began;
    }
    for (uint32_t i = 0; i < loop->ports; i++) {
        struct mcc_io *io = &loop->io[i];
        if (!io->type || io->error)
            continue;
        if (io->type->lost)
            loop->sink.core->ports[i].rx_errors += io->type->lost(io);
        int rc = io->type->look ? io->type->look(io) : 0;
        if (rc < 0)
            io_loop_shut(loop, io, -rc);
    }
}

void mcc_loop_finish(struct mcc_loop *loop)
{
    loop->ops->finish(loop->sink.box);
    io_loop_drain(&loop->sink);
}

/* ---------------------------------------------------------------- what happened */

int mcc_loop_error(const struct mcc_loop *loop, uint32_t port)
{
    return loop->io[port].error;
}

uint32_t mcc_loop_mtu(const struct mcc_loop *loop, uint32_t port)
{
    return loop->io[port].mtu;
}

const char *mcc_loop_why(const struct mcc_loop *loop, uint32_t port)
{
    return loop->io[port].why;
}

uint64_t mcc_loop_supers(const struct mcc_loop *loop, uint32_t port)
{
    return loop->io[port].supers;
}

uint64_t mcc_loop_too_long(const struct mcc_loop *loop, uint32_t port)
{
    return loop->io[port].too_long;
}

uint64_t mcc_loop_unsummed(const struct mcc_loop *loop, uint32_t port)
{
    return loop->io[port].unsummed;
}
