/* Words in a stream: leftmost-longest, without overlaps, across packets (docs/streams.md, "Matches").
 *
 * The tables are of mcc/lang/automaton.py, printed by mcc/emit/words.py. A state is what is not decided yet of the text: the
 * beginning of a word, as deep as it is long. A state is known by its row; in a row a byte's class gives the next one, or
 *
 *     MCC_WORDS_FAIL          nothing goes on: the state reports its pops, and the byte is read again in its failure state
 *     MCC_WORDS_FAIL + 1 + w  the byte ends word w, which no other word continues; the next state is the root
 *
 * Where nothing is pending, a filter jumps to the next place where a word may begin.
 */
#ifndef MCC_WORDS_H
#define MCC_WORDS_H

#include <stdbool.h>
#include <stdint.h>

#define MCC_WORDS_FAIL (1u << 31)

struct mcc_stream;

/* Hidden state of one `matches` of one direction. All zero: the search begins at the cursor. */
struct mcc_words_state {
    uint64_t cursor;   /* where the stream's cursor was left; elsewhere, the search begins anew */
    uint64_t position; /* what the automaton has read, >= cursor */
    uint32_t row;      /* the state */
    uint32_t popped;   /* its failure is under way: so many of its pops are reported */
};

struct mcc_match {
    uint64_t start, end;
    uint16_t index;
};

/* What a failing state reports: `start` counts from where the state's string begins. */
struct mcc_words_pop {
    uint32_t start, word;
};

struct mcc_words_node {
    uint32_t fail;         /* row of the failure state */
    uint32_t first, count; /* its pops */
};

enum mcc_words_filter { /* how the root state looks for the beginning of a word; no word is shorter than `reach` */
                        MCC_WORDS_NONE, /* byte by byte */
                        MCC_WORDS_NIBBLE, /* the first `reach` bytes: low[i][byte i & 15] & high[i][byte i >> 4], for all i,
                                           * have a common bit */
                        MCC_WORDS_GRAMS, /* at one in `step` places: whether the next `gram` bytes stand in some word at
                                          * 0 .. step - 1; if so, whether a word's head (up to eight bytes) is there */
};

/* A set of strings of up to eight bytes, with some that do not belong to it: bit (bytes * factor) >> shift, the first byte being
 * the lowest. The low bytes of `factor` are 0, so that what follows a shorter string does not count. */
struct mcc_words_set {
    const uint64_t *bits;
    uint64_t factor;
    uint32_t shift;
};

struct mcc_words {
    const uint32_t *rows;
    const struct mcc_words_node *nodes; /* by row / stride */
    const struct mcc_words_pop *pops;
    const uint32_t *lengths; /* by word */
    uint32_t stride;         /* of a row: the classes, then the state's depth */
    enum mcc_words_filter filter;
    uint32_t reach;      /* bytes from the beginning of a word that the filter needs */
    uint32_t step, gram; /* reach = step + gram - 1 */
    struct mcc_words_set grams, heads;
    uint8_t classes[256];
    uint8_t low[4][16], high[4][16];
};

/* The next match: true, and the cursor is at its end (or the oldest byte there is). False: everything is read; with `holds`,
 * what may belong to a match is held. At the stream's end what is pending is reported. */
bool mcc_words_next(const struct mcc_words *w, struct mcc_words_state *s, struct mcc_stream *st,
                    struct mcc_match *m, bool holds);

#endif
