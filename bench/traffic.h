/* http8k: TCP connections that fetch 8 KB, interleaved; packets are made in the harness's buffers, as a port makes them.
 *
 * A slot plays the script (one packet a step) again and again, each time as a new connection. Slots are out of phase
 * by one packet, so that every step has every kind of packet. `forever` plays the middle of the script without end:
 * connections that were made once and stay.
 */
#ifndef BENCH_TRAFFIC_H
#define BENCH_TRAFFIC_H

#include <string.h>

#include "mcc_packet.h"

enum {
    STEPS = 16, FOREVER_FIRST = 3, FOREVER_STEPS = 10, /* GET, six segments, three ACKs */
    HEADERS = 54, SMALLEST = 60, GET_BYTES = 120, SEGMENT = 1448, TCP_AT = 34, SERVERS = 16, WEB_PORT = 80,
    CLIENT_FIRST = 0x0a000001, SERVER_FIRST = 0xc6336401, /* 10.0.0.1, 198.51.100.1 */
    STRIDE = 2432, DATA_AT = 256,                        /* as mcc_buffers.h lays packets out */
};

struct traffic {
    uint32_t slots;
    bool forever, translated;
    uint64_t start, gap;       /* ns: time of the first packet, between packets */
    uint64_t step, at;         /* what comes next: `at` counts packets */
    uint32_t next;             /* slot of the step that is next */
    uint32_t stride;           /* slots are visited `stride` apart: no order of memory */
    uint16_t *port;            /* by connection: the port that its SYN left with; harness's */
    uint32_t connections;      /* places in `port` */
    bool text;                 /* packets carry `texts` */
};

/* One packet, as it is to come out: its sequence numbers are those behind the contender. */
struct made {
    uint32_t connection, line, seq, ack;
};

enum { CLIENT_ISN = 1000000, SERVER_ISN = 5000000, RESPONSE = 6 * SEGMENT };

/* Who sends, which flags, how much payload; sequence numbers are relative to the sender's first. */
struct script_line {
    uint8_t server, flags;
    uint16_t payload;
    uint32_t seq, ack;
};

static const struct script_line script[STEPS] = {
    {0, 0x02, 0, 0, 0},
    {1, 0x12, 0, 0, 1},
    {0, 0x10, 0, 1, 1},
    {0, 0x18, GET_BYTES, 1, 1},
    {1, 0x10, SEGMENT, 1, 121},
    {1, 0x10, SEGMENT, 1449, 121},
    {0, 0x10, 0, 121, 2897},
    {1, 0x10, SEGMENT, 2897, 121},
    {1, 0x10, SEGMENT, 4345, 121},
    {0, 0x10, 0, 121, 5793},
    {1, 0x10, SEGMENT, 5793, 121},
    {1, 0x18, SEGMENT, 7241, 121},
    {0, 0x10, 0, 121, 8689},
    {1, 0x11, 0, 8689, 121},
    {0, 0x11, 0, 121, 8690},
    {1, 0x10, 0, 8690, 122},
};

static inline void put16(uint8_t *at, uint32_t v)
{
    at[0] = (uint8_t)(v >> 8);
    at[1] = (uint8_t)v;
}

static inline void put32(uint8_t *at, uint32_t v)
{
    put16(at, v >> 16);
    put16(at + 2, v & 0xffff);
}

/* The one's complement sum of the header's words; payload is zeros. */
static inline uint32_t sum16(const uint8_t *at, unsigned n)
{
    uint32_t sum = 0;
    for (unsigned i = 0; i < n; i += 2)
        sum += mcc_be16(at + i);
    return sum;
}

static inline uint16_t fold16(uint32_t sum)
{
    sum = (sum >> 16) + (sum & 0xffff);
    return (uint16_t)((sum >> 16) + (sum & 0xffff));
}

/* Addresses and ports of a packet on the wire. */
struct ends {
    uint32_t src, dst;
    uint16_t sport, dport;
};

/* Frames of the script without addresses, ports and sequence numbers; their checksums lack them too. */
static uint8_t frames[STEPS][HEADERS];

static inline void traffic_frames(void)
{
    for (unsigned i = 0; i < STEPS; i++) {
        const struct script_line *s = &script[i];
        uint8_t *f = frames[i];
        memset(f, 0, HEADERS);
        memcpy(f, "\x02\0\0\0\0\1\x02\0\0\0\0\2\x08\0\x45\0", 16);
        put16(f + 16, 40u + s->payload);
        put16(f + 20, 0x4000);
        f[22] = 64;
        f[23] = 6;
        f[TCP_AT + 12] = 0x50;
        f[TCP_AT + 13] = s->flags;
        put16(f + TCP_AT + 14, 0xfaf0);
        put16(f + 24, fold16(sum16(f + 14, 20)));
        put16(f + TCP_AT + 16, fold16(sum16(f + TCP_AT, 20) + 6 + 20 + s->payload));
    }
}

#define WORD "ATTACK" /* what hits are; all other payload is lower-case letters, and a line feed at its end */

/* Payload by line, the sum of its words; bytes that the contender takes out of it; of the response before it. */
static uint8_t texts[STEPS][SEGMENT];
static uint32_t text_sums[STEPS], shrinks[STEPS], shrunk_before[STEPS], shrunk_response;

/* `hits` words in a response: 1, or a multiple of 6, the same number in each segment; each loses `shrink` bytes. */
static inline void traffic_texts(unsigned hits, unsigned shrink)
{
    uint64_t random = 0x9e3779b97f4a7c15u;
    unsigned segment = 0;
    shrunk_response = 0;
    for (unsigned i = 0; i < STEPS; i++) {
        const struct script_line *s = &script[i];
        for (unsigned k = 0; k < s->payload; k++) {
            random = random * 6364136223846793005u + 1442695040888963407u;
            texts[i][k] = (uint8_t)('a' + (random >> 33) % 26);
        }
        shrunk_before[i] = shrunk_response;
        shrinks[i] = 0;
        if (s->payload == SEGMENT) {
            unsigned here = hits == 1 ? segment == 2 : hits / 6;
            for (unsigned k = 0; k < here; k++)
                memcpy(texts[i] + 200 + k * 1100 / here, WORD, sizeof WORD - 1);
            shrunk_response += shrinks[i] = here * shrink;
            segment++;
        }
        if (s->payload)
            texts[i][s->payload - 1] = '\n';
        text_sums[i] = sum16(texts[i], s->payload);
    }
}

/* Which sequence numbers the packet has that plays line m->line for the `round`th time, before the contender; in m,
 * those behind it. Clients acknowledge what they get. */
static inline struct made numbers_of(struct made *m, uint32_t round, bool text)
{
    const struct script_line *s = &script[m->line];
    struct made in = *m;
    uint32_t client = CLIENT_ISN + round * GET_BYTES, server = SERVER_ISN + round * RESPONSE;
    uint32_t less = text ? round * shrunk_response + shrunk_before[m->line] : 0;
    in.seq = (s->server ? server : client) + s->seq;
    in.ack = (s->server ? client : server) + s->ack;
    m->seq = s->server ? in.seq - less : in.seq;
    m->ack = in.ack;
    if (!s->server)
        in.ack -= less;
    if (!(s->flags & 0x10))
        in.ack = m->ack = 0;
    return in;
}

static inline void packet_make(struct mcc_packet *p, const struct made *in, const struct ends *e, uint64_t at, bool text)
{
    uint32_t line = in->line;
    const struct script_line *s = &script[line];
    uint8_t *f = (uint8_t *)p + DATA_AT;
    uint32_t len = HEADERS + (uint32_t)s->payload;
    len = len < SMALLEST ? SMALLEST : len;
    *p = (struct mcc_packet){.data = f, .len = len, .wire_len = len, .at = at, .in_port = s->server,
                             .headroom = DATA_AT - 128, .room = STRIDE - DATA_AT};
    memcpy(f, frames[line], HEADERS);
    put32(f + 26, e->src);
    put32(f + 30, e->dst);
    put16(f + 34, e->sport);
    put16(f + 36, e->dport);
    put32(f + TCP_AT + 4, in->seq);
    put32(f + TCP_AT + 8, in->ack);
    if (text)
        memcpy(f + HEADERS, texts[line], s->payload);
    uint32_t addresses = (e->src >> 16) + (e->src & 0xffff) + (e->dst >> 16) + (e->dst & 0xffff);
    put16(f + 24, (uint16_t)~fold16(mcc_be16(f + 24) + addresses));
    uint32_t numbers = (in->seq >> 16) + (in->seq & 0xffff) + (in->ack >> 16) + (in->ack & 0xffff);
    put16(f + TCP_AT + 16, (uint16_t)~fold16(mcc_be16(f + TCP_AT + 16) + addresses + e->sport + e->dport + numbers +
                                             (text ? text_sums[line] : 0)));
}

/* The connection's client as the connection's `translated` port says it is seen from the server, or itself. */
static inline struct ends ends_of(bool server, uint32_t client, uint16_t client_port, uint32_t server_address,
                                  uint16_t port)
{
    if (!server)
        return (struct ends){client, server_address, client_port, WEB_PORT};
    if (port)
        return (struct ends){server_address, 0xc0000201, WEB_PORT, port};
    return (struct ends){server_address, client, WEB_PORT, client_port};
}

/* What comes next of a slot: its line of the script, its connection, how often it played that line; false: not begun. */
static inline bool traffic_place(const struct traffic *t, uint32_t slot, struct made *m, uint32_t *round)
{
    uint64_t phase = slot % STEPS;
    if (t->step < phase)
        return false;
    uint64_t local = t->step - phase;
    uint64_t lives = t->forever ? 0 : local / STEPS;
    *round = 0;
    if (t->forever && local >= FOREVER_FIRST) {
        m->line = FOREVER_FIRST + (uint32_t)((local - FOREVER_FIRST) % FOREVER_STEPS);
        *round = (uint32_t)((local - FOREVER_FIRST) / FOREVER_STEPS);
    } else {
        m->line = (uint32_t)(local % STEPS);
    }
    m->connection = (uint32_t)(lives * t->slots + slot);
    return true;
}

/* Makes the next packet in `p` and says what it is; false: the step ended without one. */
static inline bool traffic_next(struct traffic *t, struct mcc_packet *p, struct made *m)
{
    for (; t->next < t->slots; t->next++) {
        uint32_t slot = (uint32_t)((uint64_t)t->next * t->stride % t->slots), round;
        if (!traffic_place(t, slot, m, &round))
            continue;
        struct made in = numbers_of(m, round, t->text);
        struct ends e = ends_of(script[m->line].server, CLIENT_FIRST + slot,
                                (uint16_t)(1024 + m->connection / t->slots % 60000), SERVER_FIRST + slot / 16 % SERVERS,
                                t->translated ? t->port[m->connection] : 0);
        packet_make(p, &in, &e, t->start + t->at++ * t->gap, t->text);
        t->next++;
        return true;
    }
    t->next = 0;
    t->step++;
    return false;
}

#endif
