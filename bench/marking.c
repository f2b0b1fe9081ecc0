/* Classification with and without marks: -DMODULE='"file"' is a chain printed with them, whose packets come in by port 0.
 *
 *   marking ROUNDS CALLGRIND   ->   "classes plain, classes marked, bursts plain, bursts marked", ns a packet, a line a
 *                                   round; CALLGRIND 1 or 2: only bursts, plain or marked, for valgrind to count
 *
 * Packets are 4,096 TCP ones; three of four match a rule, each rule as often. */
#include MODULE

#include <stdio.h>
#include <time.h>

enum { PACKETS = 4096, FRAME = 64, RULES = sizeof box_patterns / sizeof *box_patterns };

static struct mcc_packet packets[PACKETS];
static uint8_t frames[PACKETS][MCC_HEADROOM + FRAME];
static uint32_t marks[PACKETS];

static uint32_t draw(void)
{
    static uint64_t x = 88172645463325252ull; /* xorshift64 */
    x ^= x << 13, x ^= x >> 7, x ^= x << 17;
    return (uint32_t)(x >> 16);
}

static bool matches(const struct mcc_pattern *r, const uint8_t *d)
{
    bool same = r->tags == 0 && (r->layers & ~(MCC_IP | MCC_TCP)) == 0;
    for (uint32_t i = 0; same && i < 54; i++)
        same = !((d[i] ^ r->spec[i]) & r->mask[i]);
    return same;
}

static void make(uint32_t n)
{
    static const uint8_t head[54] = {[12] = 8, 0, 0x45, [17] = 50, [22] = 64, 6, [46] = 0x50};
    uint8_t *d = frames[n] + MCC_HEADROOM;
    const struct mcc_pattern *best = NULL, *r;
    memcpy(d, head, sizeof head);
    for (uint32_t i = 26; i < 38; i++)
        d[i] = (uint8_t)draw();
    do
        r = &box_patterns[draw() % RULES];
    while (r->tags || r->layers != (MCC_IP | MCC_TCP));
    for (uint32_t i = draw() % 4 ? 26 : 38; i < 38; i++)
        d[i] = (uint8_t)((d[i] & ~r->mask[i]) | r->spec[i]);
    for (uint32_t i = 0; i < RULES; i++)
        if (matches(&box_patterns[i], d) && (!best || box_patterns[i].priority < best->priority))
            best = &box_patterns[i];
    marks[n] = best ? best->mark : 0;
    packets[n] = (struct mcc_packet){
        .data = d, .len = FRAME, .wire_len = FRAME, .headroom = MCC_HEADROOM, .room = FRAME};
    mcc_parse(&packets[n]);
}

static uint64_t now(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void set(bool marked)
{
    for (uint32_t i = 0; i < PACKETS; i++)
        packets[i].mark = marked ? marks[i] : 0;
}

/* The class alone, of parsed packets. */
static double classes(struct mcc_box *box, bool marked)
{
    unsigned sum = 0;
    set(marked);
    uint64_t from = now();
    for (uint32_t i = 0; i < PACKETS; i++)
        sum += stage0_marked(box, &packets[i]);
    double ns = (double)(now() - from) / PACKETS;
    __asm__ volatile("" ::"r"(sum));
    return ns;
}

/* All that the box does: parse, classify, send. Buffers are ours: what is dropped is put nowhere. */
static double bursts(struct mcc_box *box, bool marked)
{
    struct mcc_packet *burst[MCC_BURST];
    set(marked);
    uint64_t from = now();
    for (uint32_t i = 0; i < PACKETS; i += MCC_BURST) {
        for (uint32_t k = 0; k < MCC_BURST; k++)
            burst[k] = &packets[i + k];
        box->core.buffers->outside += MCC_BURST;
        mcc_box_burst(box, burst, MCC_BURST);
        box->core.out_count = 0;
    }
    return (double)(now() - from) / PACKETS;
}

static void put(struct mcc_packet *p)
{
    (void)p;
}

int main(int argc, char **argv)
{
    struct mcc_config config = {.max_sessions = 64, .cores = 1, .buffers = 64};
    struct mcc_box *box = mcc_box_open(&config);
    int rounds = argc > 1 ? atoi(argv[1]) : 0, only = argc > 2 ? atoi(argv[2]) : 0;
    if (!box)
        return 1;
    box->core.buffers->put_outside = put;
    for (uint32_t i = 0; i < PACKETS; i++)
        make(i);
    for (int i = 0; i < rounds; i++)
        if (only)
            (void)bursts(box, only == 2);
        else
            printf("%.2f %.2f %.2f %.2f\n", classes(box, false), classes(box, true),
                   bursts(box, false), bursts(box, true));
    if (box->core.unmarked)
        return 2;
    mcc_box_close(box);
    return 0;
}
