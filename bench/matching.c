/* How fast mcc_words_next is: packets of one length in turn, all in one stream; printed tables come in as WORDS_TABLES.
 *
 *     cc -O2 -march=native -std=gnu11 -Iruntime_c -DWORDS_TABLES='"words.h"' bench/matching.c, see bench/matching.py
 *
 * Arguments: file of text, packet size, seconds. Prints Gb/s (the best of rounds) and matches a megabyte.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "mcc_words.c"
#include "mcc_stream.h"

#include WORDS_TABLES

/* A stream of one packet at a time. */
bool mcc_stream_next(struct mcc_stream *st)
{
    (void)st;
    return false;
}

void mcc_stream_seek(struct mcc_stream *st, uint64_t mark)
{
    uint64_t first = st->last_pos - st->packet->in_len;
    st->at = st->last - (st->last_pos - (mark < first ? first : mark));
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static uint64_t search(const struct mcc_words *w, uint8_t *text, size_t size, uint32_t segment)
{
    struct mcc_words_state state = {0};
    struct mcc_stream st = {.hold = MCC_NOTHING};
    struct mcc_match m;
    struct mcc_packet p = {0};
    uint64_t found = 0;
    st.packet = &p;
    for (size_t at = 0; at < size; at += p.in_len) {
        p.in_len = size - at < segment ? (uint32_t)(size - at) : segment;
        st.at = text + at;
        st.last = st.at + p.in_len;
        st.start = at;
        st.end = st.last_pos = at + p.in_len;
        while (mcc_words_next(w, &state, &st, &m, true))
            found++;
    }
    return found;
}

int main(int argc, char **argv)
{
    FILE *f = argc == 4 ? fopen(argv[1], "rb") : NULL;
    if (!f) {
        fprintf(stderr, "usage: %s TEXT SEGMENT SECONDS\n", argv[0]);
        return 2;
    }
    fseek(f, 0, SEEK_END);
    size_t size = (size_t)ftell(f);
    rewind(f);
    uint8_t *text = malloc(size);
    if (!text || fread(text, 1, size, f) != size)
        return 2;
    fclose(f);
    uint64_t found = 0;
    double best = 1e9, until = now() + atof(argv[3]);
    do {
        double from = now();
        found = search(&words, text, size, (uint32_t)atoi(argv[2]));
        double took = now() - from;
        best = took < best ? took : best;
    } while (now() < until);
    printf("%.2f %.2f\n", (double)size * 8 / best / 1e9, (double)found / ((double)size / 1e6));
    free(text);
    return 0;
}
