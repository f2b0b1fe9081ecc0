/* Runs cases from standard input: tables of words, a text, where it is cut into packets. Writes the matches and what is held
 * behind each packet. Every packet is a block of its own size, so that the sanitizer sees a read beyond it.
 *
 *     case:   14 x u32: items of rows, nodes, pops, lengths, grams, heads; stride, filter, reach, step, gram, shift of grams
 *             and heads, flags; 2 x u64: factor of grams and heads; rows .. heads, classes, low, high;
 *             u32 n, text, u32 packets, their sizes
 *     flags:  1: holds; 2: a call that is_last without bytes follows the packets; 4: leave the loop at each match with
 *             everything held, and come again
 *     answer: u32 n, n x (u64 start, u64 end, u64 index or ~0: behind a packet, start is the lowest held position)
 */
#include "../mcc_words.c"
#include "../mcc_stream.h"

#include <stdio.h>
#include <stdlib.h>

enum { HOLDS = 1, BARE_END = 2, LEAVES = 4 };

struct answer {
    uint64_t start, end, index;
};

static struct answer *answers;
static uint32_t answer_count, answer_room;

static void answer(uint64_t start, uint64_t end, uint64_t index)
{
    if (answer_count == answer_room) {
        answer_room = answer_room * 2 + 64;
        answers = realloc(answers, answer_room * sizeof *answers);
        if (!answers)
            exit(2);
    }
    answers[answer_count++] = (struct answer){start, end, index};
}

static void take(void *to, size_t bytes)
{
    if (bytes && fread(to, bytes, 1, stdin) != 1)
        exit(3);
}

static void *take_new(size_t bytes)
{
    void *p = malloc(bytes ? bytes : 1);
    if (!p)
        exit(2);
    take(p, bytes);
    return p;
}

static uint32_t take_number(void)
{
    uint32_t n;
    take(&n, sizeof n);
    return n;
}

/* ---------------------------------------------------------------- a stream that nobody edits */

static void stand(struct mcc_stream *st, struct mcc_packet *p, uint64_t x)
{
    st->packet = p;
    st->last = p->content + p->in_len;
    st->last_pos = p->pos + p->in_len;
    st->at = p->content + (x - p->pos);
}

bool mcc_stream_next(struct mcc_stream *st)
{
    struct mcc_packet *p = st->packet ? st->packet->next : st->head;
    while (p && p->in_len == 0)
        p = p->next;
    if (p)
        stand(st, p, p->pos);
    return p;
}

void mcc_stream_seek(struct mcc_stream *st, uint64_t mark)
{
    uint64_t x = mark < st->start ? st->start : mark > st->end ? st->end : mark;
    struct mcc_packet *p = st->head;
    while (p && p->next && p->pos + p->in_len <= x)
        p = p->next;
    if (p)
        stand(st, p, x);
}

struct window {
    struct mcc_packet *head, *tail;
    uint64_t start, cursor, end;
};

static void stream_open(struct mcc_stream *st, struct window *w, struct mcc_packet *p, bool is_last)
{
    if (p) {
        p->pos = w->end;
        w->end += p->in_len;
        if (w->head)
            w->tail->next = p;
        else
            w->head = p;
        w->tail = p;
    }
    *st = (struct mcc_stream){.head = w->head,
                              .start = w->start,
                              .end = w->end,
                              .last_pos = w->end,
                              .hold = MCC_NOTHING,
                              .is_last = is_last};
    mcc_stream_seek(st, w->cursor);
}

static void stream_done(const struct mcc_stream *st, struct window *w)
{
    uint64_t cursor = mcc_stream_mark(st);
    w->start = st->is_last || st->hold > st->end ? st->end : st->hold;
    w->cursor = cursor < w->start ? w->start : cursor;
    while (w->head && w->head->pos + w->head->in_len <= w->start) {
        struct mcc_packet *next = w->head->next;
        free(w->head->data);
        free(w->head);
        w->head = next;
    }
}

static struct mcc_packet *packet(const uint8_t *text, uint32_t n)
{
    struct mcc_packet *p = calloc(1, sizeof *p);
    if (!p || !(p->data = malloc(n ? n : 1)))
        exit(2);
    memcpy(p->data, text, n);
    p->content = p->data;
    p->in_len = n;
    return p;
}

/* ---------------------------------------------------------------- cases */

/* One call of a handler: `for m in stream.matches(words)`. */
static void call(const struct mcc_words *w, struct mcc_words_state *s, struct window *window,
                 struct mcc_packet *p, bool is_last, uint32_t flags)
{
    struct mcc_stream st;
    struct mcc_match m;
    stream_open(&st, window, p, is_last);
    while (mcc_words_next(w, s, &st, &m, flags & HOLDS)) {
        answer(m.start, m.end, m.index);
        if (mcc_stream_mark(&st) != (m.end < st.start ? st.start : m.end))
            exit(4);
        if (flags & LEAVES) { /* the handler returns, and is called again without bytes */
            mcc_stream_hold(&st, 0);
            st.is_last = false;
            stream_done(&st, window);
            stream_open(&st, window, NULL, is_last);
        }
    }
    if (mcc_stream_available(&st))
        exit(5);
    answer(st.hold == MCC_NOTHING ? st.end : st.hold, 0, UINT64_MAX);
    stream_done(&st, window);
}

static void run(uint32_t rows)
{
    uint32_t head[13];
    take(head, sizeof head);
    struct mcc_words w = {.stride = head[5],
                          .filter = (enum mcc_words_filter)head[6],
                          .reach = head[7],
                          .step = head[8],
                          .gram = head[9],
                          .grams.shift = head[10],
                          .heads.shift = head[11]};
    uint32_t flags = head[12];
    take(&w.grams.factor, 8);
    take(&w.heads.factor, 8);
    void *tables[] = {take_new(rows * 4),    take_new(head[0] * 4), take_new(head[1] * 4),
                      take_new(head[2] * 4), take_new(head[3] * 8), take_new(head[4] * 8)};
    w.rows = tables[0];
    w.nodes = tables[1];
    w.pops = tables[2];
    w.lengths = tables[3];
    w.grams.bits = tables[4];
    w.heads.bits = tables[5];
    take(w.classes, sizeof w.classes);
    take(w.low, sizeof w.low);
    take(w.high, sizeof w.high);
    uint32_t n = take_number();
    uint8_t *text = take_new(n), *at = text;
    struct mcc_words_state state = {0};
    struct window window = {0};
    answer_count = 0;
    for (uint32_t packets = take_number(); packets; packets--) {
        uint32_t size = take_number();
        call(&w, &state, &window, packet(at, size), packets == 1 && !(flags & BARE_END), flags);
        at += size;
    }
    if (flags & BARE_END)
        call(&w, &state, &window, NULL, true, flags);
    fwrite(&answer_count, sizeof answer_count, 1, stdout);
    fwrite(answers, sizeof *answers, answer_count, stdout);
    fflush(stdout);
    for (size_t i = 0; i < 6; i++)
        free(tables[i]);
    free(text);
}

int main(void)
{
    uint32_t rows;
    while (fread(&rows, sizeof rows, 1, stdin) == 1)
        run(rows);
    free(answers);
    return 0;
}
