/* Runs contenders (contender.h) over the same traffic, in turn, in one process, and prints nanoseconds as JSON.
 *
 *   harness traffic FLOWS forever|http8k PACKETS ROUNDS THING.so...
 *   harness setup HALF_OPEN CONNECTIONS ROUNDS THING.so...
 *
 * Time is taken around runs of up to CHUNK packets that lie ready in memory; making them is not timed. A first run over
 * the same traffic learns which port each connection was given (answers must carry it) and checks every packet that
 * comes out: checksums, tuple, port, nothing lost.
 */
#define _GNU_SOURCE 1
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#include "contender.h"
#include "traffic.h"

enum { CHUNK = 16384, MAX_CONTENDERS = 16, MAX_ROUNDS = 64, SESSIONS = 1 << 16, STEP_NS = 500000000, LINGER_STEPS = 8 };

static uint8_t *pool;
static struct mcc_packet *packets[CHUNK]; /* NULL: a contender's own buffer, given out already */
static struct made made[CHUNK];           /* what each packet of the chunk is */

static void die(const char *what, const char *why)
{
    fprintf(stderr, "bench: %s: %s\n", what, why);
    exit(1);
}

static void *checked(void *memory)
{
    if (!memory)
        die("memory", "not enough");
    return memory;
}

static uint64_t clock_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t); /* what other processes take is not ours */
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void pool_open(void)
{
    size_t bytes = (size_t)CHUNK * STRIDE;
    pool = checked(aligned_alloc(2 << 20, (bytes + (2 << 20) - 1) & ~(size_t)((2 << 20) - 1)));
    (void)madvise(pool, bytes, MADV_HUGEPAGE);
    memset(pool, 0, bytes);
}

/* The packets of the next box: the pool's, or as they are needed. */
static void packets_begin(const struct bench_contender *c)
{
    for (uint32_t i = 0; i < CHUNK; i++)
        packets[i] = c->get ? NULL : (struct mcc_packet *)(void *)(pool + (size_t)i * STRIDE);
    traffic_texts(c->hits, c->shrink);
}

/* The first n packets went through the box. */
static void packets_gone(const struct bench_contender *c, uint32_t n)
{
    if (c->get)
        memset(packets, 0, n * sizeof packets[0]);
}

/* The timed part: bursts in, whatever leaves out. Its own function, so that callgrind can count it alone. */
static __attribute__((noinline)) uint32_t run_chunk(const struct bench_contender *c, void *box, uint32_t n)
{
    uint32_t sent = 0;
    struct mcc_packet **out;
    for (uint32_t i = 0; i < n; i += BENCH_BURST) {
        c->burst(box, packets + i, n - i < BENCH_BURST ? n - i : BENCH_BURST);
        sent += c->take(box, &out);
        if (c->give)
            c->give(box);
    }
    return sent;
}

/* ---------------------------------------------------------------- traffic */

struct contender {
    const char *name;
    const struct bench_contender *calls;
    uint16_t *port;       /* by connection, 0: not translated */
    bool translates;
    double ns[MAX_ROUNDS];
};

static struct traffic traffic_of(const struct contender *c, uint32_t flows, bool forever, uint32_t connections)
{
    struct traffic t = {.forever = forever, .translated = c->translates, .port = c->port, .connections = connections,
                        .text = c->calls->get != NULL};
    /* 16 steps of life and 4 of silence after FIN (2 s): that many slots make `flows` connections at a time */
    t.slots = forever ? flows : flows - flows / 5;
    t.start = 1000000000ull * 1000000;
    t.gap = STEP_NS / t.slots;
    t.stride = 7919; /* prime */
    if (t.slots % t.stride == 0)
        t.stride = 7907;
    return t;
}

/* Fills the chunk with up to CHUNK packets, of one step if `one_step`; the count. */
static uint32_t fill(const struct bench_contender *c, void *box, struct traffic *t, bool one_step)
{
    uint32_t n = 0;
    while (n < CHUNK) {
        if (!packets[n])
            packets[n] = checked(c->get(box));
        if (traffic_next(t, packets[n], &made[n]))
            n++;
        else if (one_step && n)
            break;
    }
    return n;
}

/* What must hold of a packet that came out; learns the connection's port from its SYN. */
static void check_packet(struct contender *c, const struct traffic *t, const struct mcc_packet *p, uint32_t i)
{
    const uint8_t *f = p->data;
    const struct made *m = &made[i];
    uint32_t slot = m->connection % t->slots, payload = script[m->line].payload - (t->text ? shrinks[m->line] : 0);
    const struct script_line *s = &script[m->line];
    uint32_t tcp = sum16(f + TCP_AT, 20 + (payload & ~1u)) + 6 + 20 + payload + sum16(f + 26, 8);
    if (payload & 1)
        tcp += (uint32_t)f[TCP_AT + 19 + payload] << 8;
    if (p != packets[i] || p->out_port != 1 - s->server)
        die(c->name, "a packet is missing, out of order, or left by the wrong port");
    if (fold16(sum16(f + 14, 20)) != 0xffff || fold16(tcp) != 0xffff)
        die(c->name, "a wrong checksum");
    if (mcc_be16(f + 16) != 40 + payload || mcc_be32(f + TCP_AT + 4) != m->seq || mcc_be32(f + TCP_AT + 8) != m->ack)
        die(c->name, "a segment that does not fit into its stream");
    uint32_t client = CLIENT_FIRST + slot, seen = mcc_be32(f + (s->server ? 30 : 26));
    uint16_t port = mcc_be16(f + (s->server ? 36 : 34));
    if (s->server && (seen != client || port != (uint16_t)(1024 + m->connection / t->slots % 60000)))
        die(c->name, "an answer did not find its client");
    if (s->server || seen == client)
        return;
    if (m->line == 0) {
        c->port[m->connection] = port;
        c->translates = true;
    } else if (c->port[m->connection] != port || seen != 0xc0000201) {
        die(c->name, "a packet was translated otherwise than its connection");
    }
}

/* One step at a time: answers can carry the port only when the SYN has left. */
static void learn(struct contender *c, uint32_t flows, bool forever, uint64_t total, uint32_t connections)
{
    struct traffic t = traffic_of(c, flows, forever, connections);
    void *box = checked(c->calls->open(t.start, flows > SESSIONS ? flows : SESSIONS));
    uint64_t done = 0;
    packets_begin(c->calls);
    while (done < total) {
        t.translated = c->translates;
        uint32_t n = fill(c->calls, box, &t, true);
        for (uint32_t i = 0; i < n; i += BENCH_BURST) {
            struct mcc_packet **out;
            uint32_t size = n - i < BENCH_BURST ? n - i : BENCH_BURST;
            c->calls->burst(box, packets + i, size);
            if (c->calls->take(box, &out) != size)
                die(c->name, "packets were dropped");
            for (uint32_t k = 0; k < size; k++)
                check_packet(c, &t, out[k], i + k);
            if (c->calls->give)
                c->calls->give(box);
        }
        packets_gone(c->calls, n);
        done += n;
    }
    c->calls->close(box);
}

/* ns a packet over `total` packets behind a warm-up. */
static double measure(const struct contender *c, uint32_t flows, bool forever, uint64_t warm, uint64_t total,
                      uint32_t connections)
{
    struct traffic t = traffic_of(c, flows, forever, connections);
    void *box = checked(c->calls->open(t.start, flows > SESSIONS ? flows : SESSIONS));
    struct bench_totals totals;
    uint64_t done = 0, spent = 0, sent = 0, timed = 0;
    packets_begin(c->calls);
    while (done < warm + total) {
        uint32_t n = fill(c->calls, box, &t, false);
        uint64_t before = clock_ns();
        sent += run_chunk(c->calls, box, n);
        uint64_t after = clock_ns();
        if (done >= warm) {
            spent += after - before;
            timed += n;
        }
        packets_gone(c->calls, n);
        done += n;
    }
    c->calls->totals(box, &totals);
    if (totals.odd)
        die(c->name, "segments were not simply the next of their streams");
    if (sent != done || totals.dropped || totals.tx_packets[0] + totals.tx_packets[1] != done)
        die(c->name, "packets were lost in a timed run");
    c->calls->close(box);
    return (double)spent / (double)timed;
}

static void bench_traffic(struct contender *c, unsigned n, uint32_t flows, bool forever, uint64_t total, unsigned rounds)
{
    uint64_t warm = (uint64_t)flows * (STEPS + LINGER_STEPS), all = warm + total + 2 * CHUNK;
    uint32_t slots = traffic_of(&c[0], flows, forever, 0).slots;
    uint32_t connections = (uint32_t)((all / slots + 2 * STEPS) / STEPS + 2) * slots;
    for (unsigned i = 0; i < n; i++) {
        c[i].port = checked(calloc(connections, sizeof *c[i].port));
        learn(&c[i], flows, forever, all + slots, connections);
    }
    for (unsigned r = 0; r < rounds; r++)
        for (unsigned i = 0; i < n; i++)
            c[i].ns[r] = measure(&c[i], flows, forever, warm, total, connections);
}

/* ---------------------------------------------------------------- connections made and removed */

/* Packet `line` of a connection of a client of its own. */
static void knock(uint32_t i, uint32_t connection, unsigned flags_line, uint64_t at)
{
    struct ends e = ends_of(false, 0x0b000000 + connection, 40000, SERVER_FIRST, 0);
    struct made m = {.line = flags_line}, in = numbers_of(&m, 0, false);
    packet_make(packets[i], &in, &e, at, false);
    if (flags_line == 2) { /* the third packet, as an RST */
        uint8_t *f = packets[i]->data;
        f[TCP_AT + 13] = 0x14;
        uint32_t sum = (uint16_t)~mcc_be16(f + TCP_AT + 16) + 0x14u - 0x10u;
        put16(f + TCP_AT + 16, (uint16_t)~fold16(sum));
    }
}

/* ns a connection, of a SYN and an RST, beside `half_open` ones that got no further than their SYN. */
static double measure_setup(const struct contender *c, uint32_t half_open, uint32_t count)
{
    enum { AT_ONCE = 2048 };
    uint64_t start = 1000000000ull * 1000000, at = start, spent = 0;
    void *box = checked(c->calls->open(start, SESSIONS));
    uint32_t connection = 0, done = 0;
    struct bench_totals totals;
    if (c->calls->get)
        die(c->name, "connections are not made with packets of its own");
    packets_begin(c->calls);
    while (connection < half_open) {
        uint32_t n = half_open - connection < CHUNK ? half_open - connection : CHUNK;
        for (uint32_t i = 0; i < n; i++)
            knock(i, connection++, 0, at += 100);
        run_chunk(c->calls, box, n);
    }
    while (done < count) {
        for (uint32_t i = 0; i < AT_ONCE; i++)
            knock(i, connection + i, 0, at += 100);
        for (uint32_t i = 0; i < AT_ONCE; i++)
            knock(AT_ONCE + i, connection + i, 2, at += 100);
        uint64_t before = clock_ns();
        uint32_t sent = run_chunk(c->calls, box, 2 * AT_ONCE);
        spent += clock_ns() - before;
        if (sent != 2 * AT_ONCE)
            die(c->name, "packets were dropped");
        connection += AT_ONCE;
        done += AT_ONCE;
    }
    c->calls->totals(box, &totals);
    if (totals.active != half_open || totals.created != half_open + done)
        die(c->name, "connections were not made and removed one for one");
    c->calls->close(box);
    return (double)spent / (double)done;
}

static void bench_setup(struct contender *c, unsigned n, uint32_t half_open, uint32_t count, unsigned rounds)
{
    for (unsigned r = 0; r < rounds; r++)
        for (unsigned i = 0; i < n; i++)
            c[i].ns[r] = measure_setup(&c[i], half_open, count);
}

/* ---------------------------------------------------------------- */

static void load(struct contender *c, const char *path)
{
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!library)
        die(path, dlerror());
    c->name = path;
    c->calls = dlsym(library, "bench_contender");
    if (!c->calls)
        die(path, "no bench_contender in it");
}

int main(int argc, char **argv)
{
    static struct contender c[MAX_CONTENDERS];
    bool traffic = argc > 6 && strcmp(argv[1], "traffic") == 0, setup = argc > 5 && strcmp(argv[1], "setup") == 0;
    int first = traffic ? 6 : 5;
    if ((!traffic && !setup) || argc - first > MAX_CONTENDERS)
        die("usage", "traffic FLOWS forever|http8k PACKETS ROUNDS SO... | setup HALF_OPEN CONNECTIONS ROUNDS SO...");
    unsigned n = (unsigned)(argc - first), rounds = (unsigned)atoi(argv[first - 1]);
    if (rounds == 0 || rounds > MAX_ROUNDS)
        die("usage", "1 to 64 rounds");
    for (unsigned i = 0; i < n; i++)
        load(&c[i], argv[first + (int)i]);
    traffic_frames();
    pool_open();
    if (traffic)
        bench_traffic(c, n, (uint32_t)atoi(argv[2]), strcmp(argv[3], "forever") == 0, (uint64_t)atoll(argv[4]), rounds);
    else
        bench_setup(c, n, (uint32_t)atoi(argv[2]), (uint32_t)atoi(argv[3]), rounds);
    printf("[");
    for (unsigned i = 0; i < n; i++) {
        printf("%s[", i ? ", " : "");
        for (unsigned r = 0; r < rounds; r++)
            printf("%s%.3f", r ? ", " : "", c[i].ns[r]);
        printf("]");
    }
    printf("]\n");
    return 0;
}
