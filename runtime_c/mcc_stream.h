/* The window that a stream element sees of one direction of a session (docs/streams.md).
 *
 *   packets:   [ held ] -> [ held ] -> [ new ]            oldest first, linked by `next`
 *   input:     start ...................... end           positions, u64; packet k holds pos .. pos + in_len
 *   in a packet that is being edited:
 *
 *     | headers | edited prefix |  gap  | suffix, not yet edited |
 *               ^ content       ^ done  ^ suffix                 ^
 *
 * Reading happens in the suffix, which stays where it is while bytes go: edits cost what they move. The gap is closed when the
 * handler returns. A packet whose gap is too small for what is inserted gives its prefix to a packet of its own.
 *
 * Handlers are compiled to calls of these functions; `at` and `last` are the unread bytes of the packet at the cursor.
 */
#ifndef MCC_STREAM_H
#define MCC_STREAM_H

#include "mcc_core.h"

#define MCC_NOTHING UINT64_MAX

/* One edit: `removed` bytes of the input at x gave way to `inserted` bytes of the output at y. */
struct mcc_edit {
    uint64_t x, y;
    uint32_t removed, inserted;
    struct mcc_edit *next;
};

/* All edits of one element and direction that both ends may still talk of, oldest first; before the first: y = x + delta. */
struct mcc_edits {
    struct mcc_edit *head, *tail;
    uint64_t delta; /* modulo 2^64 */
    uint32_t count;
};

/* What is kept of a window from call to call, in the FCB of the direction. */
struct mcc_window {
    struct mcc_packet *head, *tail; /* held packets; owned */
    uint64_t start;                 /* the oldest byte that the handler still sees */
    uint64_t cursor;                /* where it goes on reading */
    uint64_t end;                   /* behind the newest byte */
    uint64_t edited;                /* edits may begin here */
    uint32_t held_since; /* tick at which the oldest held byte came; meaningful while head is set */
    uint8_t ended;       /* the call with is_last has been made */
};

/* The window while a handler runs. */
struct mcc_stream {
    uint8_t *at, *last;        /* unread bytes of the packet at the cursor */
    uint64_t last_pos;         /* the position of `last` */
    struct mcc_packet *packet; /* the packet at the cursor; NULL: none */
    struct mcc_packet *head, *tail;
    uint64_t start, end;
    uint64_t hold;   /* everything from here on stays; MCC_NOTHING: nothing does */
    uint64_t edited; /* edits may begin here */
    uint64_t fresh;  /* position of the first byte this call brought */
    bool is_last, to_server;
    bool failed;                   /* an edit found no room */
    struct mcc_packet *gap_packet; /* the packet that is being edited */
    uint32_t done;                 /* bytes of its edited prefix */
    uint32_t suffix;               /* input offset of the first byte of its suffix */
    uint32_t shift;                /* by how much its suffix was moved to the right */
    struct mcc_edits *edits;       /* NULL: the element cannot resize */
    struct mcc_streams *shared;
};

/* A segment that was sent on and is not acknowledged yet. */
struct mcc_kept {
    struct mcc_kept *next;
    struct mcc_packet
        *packet; /* a reference; of owned ones a copy of their own, as it left the context */
    uint8_t *bytes;
    uint64_t y;
    uint32_t len;
    uint32_t gone;   /* bytes that have left, where it is queued; else all have */
    uint8_t owned;   /* acknowledged early: sent again by us */
    uint8_t changed; /* not what came */
    uint8_t fin;
};

/* What contexts count. */
struct mcc_tcp_counts {
    uint64_t reordered;      /* segments that came before their turn */
    uint64_t late_dropped;   /* of these, given up */
    uint64_t retransmitted;  /* segments all of whose bytes had come */
    uint64_t overlaps;       /* segments some of whose bytes had come */
    uint64_t conflicts;      /* of both, with other bytes than before */
    uint64_t out_of_window;  /* segments and resets far from where the stream is */
    uint64_t bad_acks;       /* acknowledgements of what was not sent */
    uint64_t gaps;           /* holes that the receiver has and we do not */
    uint64_t keepalives;     /* and window probes */
    uint64_t midstream;      /* connections whose beginning was not seen */
    uint64_t reused;         /* connections with the addresses of an older one */
    uint64_t bad_checksums;  /* damaged segments, not read */
    uint64_t secured;        /* connections with signatures (RFC 2385, 5925) */
    uint64_t swallowed;      /* segments of which nothing was left */
    uint64_t split;          /* segments that grew beyond what one may carry */
    uint64_t early_acks;     /* acknowledgements of held bytes */
    uint64_t resent;         /* segments sent again by us */
    uint64_t made;           /* segments of our own */
    uint64_t resets;         /* of these, RST */
    uint64_t forgotten;      /* segments not kept, for want of room */
    uint64_t hold_timeouts;  /* held bytes let go by time */
    uint64_t hold_overflows; /* by amount */
    uint64_t held_bytes_peak;
};

/* What all streams of a box share. Memory is mapped at once and touched when it is first used. */
struct mcc_streams {
    struct mcc_core *core;
    struct mcc_edit *edit_base, *free_edits;
    uint32_t edits_fresh, edits_max;
    struct mcc_kept *kept_base, *free_kept;
    uint32_t kept_fresh, kept_max;
    uint32_t buffer_limit; /* buffers in use beyond which nothing more is kept */
    uint64_t edits_used, kept_used;
    struct mcc_tcp_counts tcp;
};

int mcc_streams_init(struct mcc_streams *s, struct mcc_core *core, uint32_t buffers);
void mcc_streams_free(struct mcc_streams *s);

/* ---------------------------------------------------------------- reading */

/* Moves on to the next packet that has unread bytes; false: everything is read. */
bool mcc_stream_next(struct mcc_stream *st);

/* Whether there are unread bytes: st->at .. st->last are those of one packet. */
static inline bool mcc_stream_more(struct mcc_stream *st)
{
    return st->at != st->last || mcc_stream_next(st);
}

/* The cursor. */
static inline uint64_t mcc_stream_mark(const struct mcc_stream *st)
{
    return st->last_pos - (uint64_t)(st->last - st->at);
}

static inline uint64_t mcc_stream_available(const struct mcc_stream *st)
{
    return st->end - mcc_stream_mark(st);
}

/* Keeps everything from `mark` on. */
static inline void mcc_stream_hold(struct mcc_stream *st, uint64_t mark)
{
    uint64_t from = mark < st->start ? st->start : mark;
    if (from < st->hold)
        st->hold = from;
}

/* Whether n unread bytes are there; if not, they are held. */
static inline bool mcc_stream_need(struct mcc_stream *st, uint64_t n)
{
    if (__builtin_expect((uint64_t)(st->last - st->at) >= n, 1) || mcc_stream_available(st) >= n)
        return true;
    mcc_stream_hold(st, mcc_stream_mark(st));
    return false;
}

/* The unread byte i behind the cursor; the caller has checked that there is one. */
uint8_t mcc_stream_peek(const struct mcc_stream *st, uint64_t i);
static inline uint8_t mcc_stream_at(const struct mcc_stream *st, uint64_t i)
{
    if (__builtin_expect(i < (uint64_t)(st->last - st->at), 1))
        return st->at[i];
    return mcc_stream_peek(st, i);
}

/* Moves the cursor to `mark`, at least start, at most end. */
void mcc_stream_seek(struct mcc_stream *st, uint64_t mark);

static inline void mcc_stream_skip(struct mcc_stream *st, uint64_t n)
{
    uint64_t left = mcc_stream_available(st);
    if (n <= (uint64_t)(st->last - st->at))
        st->at += n;
    else
        mcc_stream_seek(st, mcc_stream_mark(st) + (n < left ? n : left));
}

static inline void mcc_stream_rewind(struct mcc_stream *st, uint64_t mark)
{
    mcc_stream_seek(st, mark);
    mcc_stream_hold(st, mcc_stream_mark(st));
}

/* ---------------------------------------------------------------- writing; false: the fault path */

/* Overwrites the byte before the cursor. */
bool mcc_stream_set(struct mcc_stream *st, uint8_t value);
/* Overwrites a .. b. */
bool mcc_stream_mask(struct mcc_stream *st, uint64_t a, uint64_t b, uint8_t value);
/* a .. b gives way to n bytes of data (borrowed for the call). `at` and `last` may move. The mark behind is b. */
bool mcc_stream_edit(struct mcc_stream *st, uint64_t a, uint64_t b, const void *data, uint32_t n);

/* ---------------------------------------------------------------- around a handler's call */

/* What is kept for an element that only reads: nothing waits. */
struct mcc_reader {
    uint64_t end;  /* bytes seen */
    uint8_t ended; /* the call with is_last has been made */
};

/* Opens the window for a call; p (NULL: no bytes) joins it and is owned by it. */
void mcc_stream_open(struct mcc_stream *st, struct mcc_streams *shared, struct mcc_window *w,
                     struct mcc_edits *edits, struct mcc_packet *p, bool is_last, bool to_server);

/* Where buffers were too small for what was inserted, parts of a datagram have packets of their own: they are one again. One that
 * there is no buffer for is marked MCC_STREAM_TAKEN, without content. Before mcc_stream_done. */
void mcc_datagram_join(struct mcc_stream *st);

/* Closes it: keeps what is held, at most max_hold bytes, and returns the packets that go on, linked by `next`. */
struct mcc_packet *mcc_stream_done(struct mcc_stream *st, struct mcc_window *w, uint32_t max_hold,
                                   uint32_t tick, bool *overflow);

/* A packet of its own with the headers of p and n bytes (NULL: not set) behind them as its content, counted as made; NULL: no
 * buffer. */
struct mcc_packet *mcc_stream_part(struct mcc_core *core, const struct mcc_packet *p,
                                   const uint8_t *bytes, uint32_t n);
/* A part that is not needed after all. */
static inline void mcc_stream_unmake(struct mcc_core *core, struct mcc_packet *part)
{
    core->made--;
    mcc_buffer_put(core->buffers, part);
}

/* Lets go of all that is held. */
struct mcc_packet *mcc_window_release(struct mcc_core *core, struct mcc_window *w);

/* The same for an element that only reads: the window is packet p. */
static inline void mcc_reader_open(struct mcc_stream *st, struct mcc_reader *r,
                                   struct mcc_packet *p, bool is_last, bool to_server)
{
    st->start = st->fresh = r->end;
    if (p) {
        p->pos = r->end;
        p->in_len = p->content_len;
        p->next = NULL;
        r->end += p->in_len;
        st->at = p->content;
        st->last = p->content + p->content_len;
    } else {
        st->at = st->last = NULL;
    }
    st->packet = st->head = p;
    st->last_pos = st->end = r->end;
    st->hold = MCC_NOTHING;
    st->edited = 0;
    st->is_last = is_last;
    st->to_server = to_server;
    st->gap_packet = NULL;
    st->edits = NULL;
}

/* ---------------------------------------------------------------- the map of edits */

/* Where the byte at x goes: for a removed byte, where what follows it went; behind what was inserted in front of it. */
uint64_t mcc_edits_forward(const struct mcc_edits *e, uint64_t x);
/* The lowest output position of what goes with x: where insertions in front of x begin. */
uint64_t mcc_edits_forward_low(const struct mcc_edits *e, uint64_t x);
/* max { x : forward(x) <= y }: how far the input is acknowledged where the output is up to y. */
uint64_t mcc_edits_back(const struct mcc_edits *e, uint64_t y);
/* min { x : forward(x) >= y }. */
uint64_t mcc_edits_back_low(const struct mcc_edits *e, uint64_t y);

/* Forgets edits whose output is acknowledged up to y. */
void mcc_edits_fold(struct mcc_edits *e, struct mcc_streams *shared, uint64_t y);
void mcc_edits_drop(struct mcc_edits *e, struct mcc_streams *shared);

/* A free edit, NULL: all are taken; at the end of a map: from x on `removed` bytes give way to `inserted` ones. */
struct mcc_edit *mcc_edits_take(struct mcc_streams *shared);
void mcc_edits_add(struct mcc_edits *edits, struct mcc_edit *e, uint64_t x, uint32_t removed,
                   uint32_t inserted);

#endif
