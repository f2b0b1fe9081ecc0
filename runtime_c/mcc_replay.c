#include "mcc_replay.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "mcc_capture.h"
#include "mcc_capture_writer.h"
#include "mcc_core.h"
#include "mcc_frag_parts.h"
#include "mcc_heavy.h"
#if MCC_INNER
#include "mcc_inner.h"
#endif
#include "mcc_parse.h"
#include "mcc_sides.h"

enum { REPLAY_LINKS = MCC_LINKS, REPLAY_CORES = 32 };

struct replay_input {
    struct mcc_capture capture;
    struct mcc_capture_record next;
    uint64_t packets; /* read so far, `next` excluded */
    bool given, ready;
};

#if MCC_INNER
/* The first fragment of a datagram that may be a tunnel's: what follows it comes from the same side. */
struct replay_fragment {
    uint8_t key[12]; /* source, destination, identification, protocol */
    uint8_t side;
};
enum { REPLAY_FRAGMENTS = 64 };
#endif

struct replay_core {
    void *box;             /* borrowed */
    struct mcc_core *core; /* borrowed */
    uint64_t handed;
    struct mcc_heavy heavy;
};

struct mcc_replay {
    const struct mcc_replay_ops *ops;
    uint32_t count; /* of cores */
    struct replay_core cores[REPLAY_CORES];
    uint32_t ports;
    int error;      /* errno of the first output that failed */
    uint64_t until; /* ns: later packets are not read */
    uint64_t
        latest; /* ns: of the packets so far; where they go back in time no core's clock does */
    bool divide;
    struct mcc_sides sides;
    uint16_t linktype[REPLAY_LINKS]; /* of packets that begin so, as the inputs call it */
    bool linktype_known[REPLAY_LINKS];
#if MCC_INNER
    struct replay_fragment fragments[REPLAY_FRAGMENTS]; /* the newest first ones, round and round */
    uint32_t fragment;
#endif
    struct replay_input inputs[MCC_MAX_PORTS];
    struct mcc_capture_writer
        *writers[MCC_MAX_PORTS]; /* by port; shared ones appear more than once */
    struct mcc_capture_writer *owned[MCC_MAX_PORTS]; /* each once */
    uint32_t owned_count;
};

struct mcc_replay *mcc_replay_new(const struct mcc_replay_ops *ops, void *box,
                                  struct mcc_core *core, uint32_t ports)
{
    struct mcc_replay *r = ports <= MCC_MAX_PORTS ? calloc(1, sizeof *r) : NULL;

    if (!r)
        return NULL;
    r->ops = ops;
    r->count = 1;
    r->cores[0] = (struct replay_core){.box = box, .core = core};
    r->ports = ports;
    r->until = UINT64_MAX;
    r->linktype[MCC_LINK_ETHERNET] = 1;
    r->linktype[MCC_LINK_RAW] = 101;
    r->linktype[MCC_LINK_SLL] = 113;
    r->linktype[MCC_LINK_SLL2] = 276;
    r->linktype[MCC_LINK_OPAQUE] = 1;
    return r;
}

void mcc_replay_free(struct mcc_replay *r)
{
    if (!r)
        return;
    for (uint32_t i = 0; i < r->owned_count; i++) {
        (void)mcc_capture_writer_close(r->owned[i]);
        free(r->owned[i]);
    }
    for (uint32_t i = 0; i < r->ports; i++)
        mcc_capture_close(&r->inputs[i].capture);
    mcc_sides_free(&r->sides);
    free(r);
}

/* ---------------------------------------------------------------- inputs */

static void replay_advance(struct mcc_replay *r, struct replay_input *in)
{
    enum mcc_link link;

    in->ready = mcc_capture_next(&in->capture, &in->next) > 0;
    if (!in->ready)
        return;
    link = mcc_capture_link(in->next.linktype);
    if (!r->linktype_known[link]) {
        r->linktype_known[link] = true;
        r->linktype[link] = in->next.linktype;
    }
}

int mcc_replay_input(struct mcc_replay *r, uint32_t port, const void *base, size_t length)
{
    struct replay_input *in = &r->inputs[port];

    in->given = true;
    if (mcc_capture_open(&in->capture, base, length) < 0)
        return -1;
    replay_advance(r, in);
    return 0;
}

void mcc_replay_divide(struct mcc_replay *r, uint8_t tcp, uint8_t udp, uint8_t other,
                       uint64_t timeout_ns)
{
    r->divide = true;
    r->sides = (struct mcc_sides){.tcp = tcp, .udp = udp, .other = other, .timeout = timeout_ns};
}

/* The input whose next packet is the earliest; the lower port where two are equal. */
static struct replay_input *replay_earliest(struct mcc_replay *r)
{
    struct replay_input *best = NULL;

    for (uint32_t i = 0; i < r->ports; i++)
        if (r->inputs[i].ready && (!best || r->inputs[i].next.at < best->next.at))
            best = &r->inputs[i];
    return best && best->next.at <= r->until ? best : NULL;
}

void mcc_replay_until(struct mcc_replay *r, uint64_t ns)
{
    r->until = ns;
}

uint64_t mcc_replay_start(const struct mcc_replay *r)
{
    uint64_t start = UINT64_MAX;

    for (uint32_t i = 0; i < r->ports; i++)
        if (r->inputs[i].ready && r->inputs[i].next.at < start)
            start = r->inputs[i].next.at;
    return start == UINT64_MAX ? 0 : start;
}

#if MCC_INNER
static void replay_key(uint8_t *key, const struct mcc_packet *p)
{
    const uint8_t *ip = p->data + p->l3;
    memset(key, 0, 12);
    memcpy(key, ip + 12, 8);
    memcpy(key + 8, ip + 4, 2);
    key[10] = p->proto;
}

/* The side of a packet by what is inside; p is parsed, and is looked into. */
static uint8_t replay_side_inner(struct mcc_replay *r, struct mcc_packet *p)
{
    struct replay_fragment mine = {.side = 0};
    struct mcc_inner in, plain;
    bool is_part = p->layers & MCC_IP && p->frag;
    if (is_part) {
        replay_key(mine.key, p);
        for (uint32_t i = 0; i < REPLAY_FRAGMENTS && p->frag & 1; i++)
            if (memcmp(r->fragments[i].key, mine.key, sizeof mine.key) == 0)
                return r->fragments[i].side;
    }
    struct mcc_inflate *inflate = r->cores[0].core->inflate;
    bool found = mcc_inner_find(p->data, p->len, p->link, true, &in);
    uint8_t *frame =
        found ? mcc_inner_inflated(inflate, p->data, p->len, p->link, true, &in, &plain) : NULL;
    if (frame) {
        p->data = frame;
        in = plain;
    }
    if (found && (frame || in.tunnelled || in.extended)) {
        p->data += in.at;
        p->len = in.end - in.at;
        p->link = MCC_LINK_RAW;
        p->outer.peeled = true;
        mcc_parse(p);
    }
    mine.side = mcc_sides_of(&r->sides, p);
    if (is_part)
        r->fragments[r->fragment++ % REPLAY_FRAGMENTS] = mine;
    return mine.side;
}
#endif

static uint8_t replay_side(struct mcc_replay *r, const struct mcc_capture_record *record,
                           enum mcc_link link)
{
    struct mcc_packet p = {.len = record->caplen, .at = record->at, .link = (uint8_t)link};

    memcpy(&p.data, &record->data, sizeof p.data); /* parsing only reads */
    mcc_parse(&p);
#if MCC_INNER
    if (r->ops->inner & 1)
        return replay_side_inner(r, &p);
#endif
    return mcc_sides_of(&r->sides, &p);
}

/* ---------------------------------------------------------------- cores */

/* Of a box: a datagram that was joined is another core's. */
static void replay_hand(void *to, struct mcc_packet *p, uint32_t core, uint32_t spread)
{
    struct mcc_replay *r = to;
    struct replay_core *other = &r->cores[core];
    struct mcc_packet *copy = mcc_frag_copy(other->core->buffers, p);

    for (uint32_t i = 0; i < r->count; i++)
        if (mcc_buffer_is_of(&r->cores[i].core->buffers->small, p) ||
            mcc_buffer_is_of(&r->cores[i].core->buffers->large, p)) {
            mcc_buffer_put(r->cores[i].core->buffers, p);
            break;
        }
    other->handed++;
    if (!copy) {
        other->core->drops[MCC_DROP_NO_BUFFER]++;
        return;
    }
    mcc_heavy_add(&other->heavy, spread);
    r->ops->burst(other->box, &copy, 1);
}

int mcc_replay_core(struct mcc_replay *r, void *box, struct mcc_core *core)
{
    if (r->count == REPLAY_CORES)
        return -ENOSPC;
    r->cores[r->count++] = (struct replay_core){.box = box, .core = core};
    for (uint32_t i = 0; i < r->count; i++) {
        r->cores[i].core->hand = replay_hand;
        r->cores[i].core->hand_to = r;
    }
    return 0;
}

/* The core of the packet in a record; what is due elsewhere before its time happens first. */
static uint32_t replay_owner(struct mcc_replay *r, const struct mcc_capture_record *record,
                             uint32_t port, enum mcc_link link, uint32_t *spread)
{
    struct mcc_packet p = {.len = record->caplen, .at = record->at, .link = (uint8_t)link};

    p.in_port = (uint8_t)port;
    memcpy(&p.data, &record->data, sizeof p.data); /* parsing only reads */
    mcc_parse(&p);
    return r->ops->owner(r->cores[0].box, &p, spread);
}

/* Whether a packet at this time must wait until other cores have done what is due. */
static bool replay_is_due(const struct mcc_replay *r, uint64_t at)
{
    bool due = false;

    for (uint32_t i = 0; i < r->count; i++)
        due = due || at >= r->cores[i].core->due;
    return due;
}

static void replay_burst(struct mcc_replay *r, uint32_t core, struct mcc_packet **burst, uint32_t n)
{
    if (n)
        r->ops->burst(r->cores[core].box, burst, n);
    (void)mcc_replay_drain(r);
}

/* mcc_replay_step() for several cores: packets in a row of one core are a burst. */
static void replay_spread(struct mcc_replay *r, uint32_t packets)
{
    struct mcc_packet *burst[MCC_BURST];
    struct replay_input *in;
    uint32_t n = 0, core = 0;

    for (; packets && (in = replay_earliest(r)); packets--) {
        const struct mcc_capture_record *record = &in->next;
        enum mcc_link link = mcc_capture_link(record->linktype);
        uint32_t port = r->divide ? replay_side(r, record, link) : (uint32_t)(in - r->inputs);
        uint32_t spread, owner = replay_owner(r, record, port, link, &spread);
        bool due = replay_is_due(r, record->at) || record->at < r->latest;

        if (n == MCC_BURST || owner != core || due) {
            replay_burst(r, core, burst, n);
            n = 0;
        }
        for (uint32_t i = 0; due && i < r->count; i++) {
            if (record->at >= r->cores[i].core->due)
                r->ops->advance(r->cores[i].box, record->at);
            (void)mcc_replay_drain(r);
        }
        core = owner;
        if (record->at < r->latest &&
            n == 0) /* as one core had it: what was due until then is done */
            mcc_core_clock(r->cores[core].core, r->latest);
        r->latest = record->at > r->latest ? record->at : r->latest;
        mcc_heavy_add(&r->cores[core].heavy, spread);
        burst[n] = mcc_core_receive(r->cores[core].core, record->data, record->caplen, record->len,
                                    record->at, (uint8_t)port, (uint8_t)link);
        n += burst[n] != NULL;
        in->packets++;
        replay_advance(r, in);
    }
    replay_burst(r, core, burst, n);
}

int mcc_replay_step(struct mcc_replay *r, uint32_t packets)
{
    struct mcc_packet *burst[MCC_BURST];
    struct replay_input *in = NULL;

    if (r->count > 1) {
        replay_spread(r, packets);
        return r->error ? -r->error : replay_earliest(r) != NULL;
    }
    while (packets && (in = replay_earliest(r))) {
        uint32_t n = 0;

        for (uint32_t i = 0; i < MCC_BURST && packets && in;
             i++, packets--, in = replay_earliest(r)) {
            const struct mcc_capture_record *record = &in->next;
            enum mcc_link link = mcc_capture_link(record->linktype);
            uint32_t port = r->divide ? replay_side(r, record, link) : (uint32_t)(in - r->inputs);

            burst[n] = mcc_core_receive(r->cores[0].core, record->data, record->caplen, record->len,
                                        record->at, (uint8_t)port, (uint8_t)link);
            n += burst[n] != NULL;
            in->packets++;
            replay_advance(r, in);
        }
        if (n)
            r->ops->burst(r->cores[0].box, burst, n);
        if (mcc_replay_drain(r) < 0)
            return -r->error;
    }
    return replay_earliest(r) != NULL;
}

/* ---------------------------------------------------------------- outputs */

int mcc_replay_output(struct mcc_replay *r, uint32_t port, int fd)
{
    bool nanosecond = false, mixed = false;
    int linktype = -1, rc;
    struct mcc_capture_writer *w;

    for (uint32_t i = 0; i < r->owned_count; i++) {
        if (r->owned[i]->fd == fd) {
            r->writers[port] = r->owned[i];
            return 0;
        }
    }
    for (uint32_t i = 0; i < r->ports; i++) {
        const struct mcc_capture *c = &r->inputs[i].capture;
        if (!r->inputs[i].given)
            continue;
        nanosecond = nanosecond || c->nanosecond;
        mixed = mixed || c->link_mixed || (linktype >= 0 && linktype != c->linktype);
        linktype = linktype < 0 ? c->linktype : linktype;
    }
    w = malloc(sizeof *w);
    rc = w ? mcc_capture_writer_open(w, fd, (uint16_t)(linktype < 0 ? 1 : linktype), nanosecond,
                                     mixed)
           : -ENOMEM;
    if (rc < 0) {
        free(w);
        return rc;
    }
    r->writers[port] = r->owned[r->owned_count++] = w;
    return 0;
}

static void replay_drain(struct mcc_replay *r, struct mcc_core *core)
{
    for (uint32_t i = 0; i < core->out_count; i++) {
        struct mcc_packet *p = core->out[i];
        struct mcc_capture_writer *w = r->writers[p->out_port];

        if (w) {
            uint16_t linktype = r->linktype[p->link < REPLAY_LINKS ? p->link : MCC_LINK_OPAQUE];
            int rc = mcc_capture_writer_put(w, p->data, p->len, p->wire_len, p->at, linktype);
            if (rc < 0 && !r->error)
                r->error = -rc;
        }
        mcc_buffer_put(core->buffers, p);
    }
    core->out_count = 0;
}

int mcc_replay_drain(struct mcc_replay *r)
{
    for (uint32_t i = 0; i < r->count; i++)
        replay_drain(r, r->cores[i].core);
    return -r->error;
}

int mcc_replay_finish(struct mcc_replay *r)
{
    for (uint32_t i = 0; i < r->count; i++) {
        r->ops->finish(r->cores[i].box);
        (void)mcc_replay_drain(r);
    }
    for (uint32_t i = 0; i < r->owned_count; i++) {
        int rc = mcc_capture_writer_flush(r->owned[i]);
        if (rc < 0 && !r->error)
            r->error = -rc;
    }
    return -r->error;
}

/* ---------------------------------------------------------------- what happened */

const char *mcc_replay_error(const struct mcc_replay *r, uint32_t port, uint64_t *offset,
                             uint64_t *packets)
{
    const struct replay_input *in = &r->inputs[port];

    *offset = in->capture.offset;
    *packets = in->packets;
    return in->given && !in->ready ? in->capture.error : NULL;
}

int mcc_replay_opaque(const struct mcc_replay *r)
{
    return r->linktype_known[MCC_LINK_OPAQUE] ? r->linktype[MCC_LINK_OPAQUE] : -1;
}

void mcc_replay_share(const struct mcc_replay *r, uint32_t n, uint64_t *packets, uint64_t *handed,
                      uint64_t *most)
{
    *packets = r->cores[n].heavy.packets;
    *handed = r->cores[n].handed;
    *most = mcc_heavy_most(&r->cores[n].heavy);
}

uint64_t mcc_replay_done(const struct mcc_replay *r)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < r->ports; i++)
        sum += r->inputs[i].given ? r->inputs[i].capture.offset : 0;
    return sum;
}

uint64_t mcc_replay_total(const struct mcc_replay *r)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < r->ports; i++)
        sum += r->inputs[i].given ? r->inputs[i].capture.length : 0;
    return sum;
}

uint64_t mcc_replay_written(const struct mcc_replay *r, uint32_t port)
{
    return r->writers[port] ? r->writers[port]->written : 0;
}

int mcc_replay_output_error(const struct mcc_replay *r, uint32_t port)
{
    return r->writers[port] ? r->writers[port]->error : 0;
}
