/* TCP in the middle: both directions of a connection, seen in order, edited and kept consistent (docs/contexts.md).
 *
 *   x: positions in what the sender sends, from 0 at ISN + 1; FIN takes one
 *   y: positions in what the receiver gets, from 0 at the same ISN + 1
 *
 *             acked (y)        sent (y)         | held by elements |  next (x)     waiting (x)
 *   receiver  ...........^ kept ............^                                ^ hole   ^ out of order
 *
 * The map between x and y is that of the elements' edits (mcc_stream.h). What was sent on is kept by reference until the receiver
 * has acknowledged it, so a retransmission, whatever its boundaries, carries the bytes that went out first.
 *
 * RFC 9293 (TCP), 2018 and 2883 (SACK), 7323 (timestamps, windows), 5961 (RST), 6298 (RTO), 6093 (urgent pointer).
 */
#ifndef MCC_TCP_H
#define MCC_TCP_H

#include "mcc_context.h"
#if MCC_INNER
#include "mcc_inner.h"
#endif

enum mcc_tcp_flag {
    MCC_TCP_FIN = 1,
    MCC_TCP_SYN = 2,
    MCC_TCP_RST = 4,
    MCC_TCP_PSH = 8,
    MCC_TCP_ACK = 16,
    MCC_TCP_URG = 32
};

enum mcc_tcp_state {
    MCC_TCP_NEW,     /* nothing seen */
    MCC_TCP_OPEN,    /* the streams are read */
    MCC_TCP_REFUSED, /* dropped by policy, until a SYN that is let in */
    MCC_TCP_OPAQUE, /* passed untouched: signed (RFC 5925, 2385), or picked up in the middle by policy */
    MCC_TCP_CLOSING, /* an element closed it: both sides get a FIN of ours, what they send is acknowledged and dropped */
    MCC_TCP_RESET, /* an element reset it: whoever speaks gets an RST */
};

struct mcc_tcp_way {   /* one direction, by the host that sends */
    uint64_t next;     /* x: all before was seen in order */
    uint64_t sent;     /* y: all before was sent on */
    uint64_t acked;    /* y: all before was acknowledged by the receiver */
    uint64_t early;    /* x: all before was acknowledged to the sender by us; 0: nothing was */
    uint64_t told;     /* x: highest acknowledgement shown to the sender */
    uint64_t edge;     /* x: right edge of the window last shown to the sender; 0: none yet */
    uint64_t promised; /* x: up to here SACK blocks of ours told the sender that segments arrived */
    uint64_t edge_y;   /* y: right edge of the receiver's window */
    struct mcc_kept *kept,
        *newest; /* sent on, not acknowledged; behind them, from `queued` on, what the window has no room for */
    struct mcc_kept *queued;
    struct mcc_packet *waiting; /* out of order, by pos */
    uint32_t kept_bytes, waiting_bytes;
    uint32_t isn;           /* sequence number of position 0 */
    uint32_t stamp;         /* TSval last seen from this host */
    uint32_t waiting_since; /* tick */
    uint32_t rto_at;        /* tick at which owned data is sent again; 0: not armed */
    uint16_t window;        /* as this host last announced it */
    uint16_t mss;           /* largest segment this host takes; 0: not known */
    uint16_t biggest;       /* payload and options of the largest segment it sent */
    uint16_t path; /* longest IP packet that gets through, by ICMP errors; 0: none said so */
    uint8_t scale; /* shift of this host's window */
    uint8_t tries; /* of sending owned data again */
    uint8_t dup_acks;
    bool known : 1; /* isn is */
    bool guessed
        : 1;      /* from the other host's first acknowledgement; nothing of this one was seen */
    bool syn : 1; /* its SYN was seen */
    bool sums_right
        : 1;           /* a segment with a right checksum was: a wrong one is damage, not offload */
    bool fin : 1;      /* its FIN is before `next` */
    bool fin_sent : 1; /* a FIN is before `sent` */
    bool ended : 1;    /* the elements had their last call */
    bool windowed : 1; /* edge_y is known */
    bool sack_ok : 1;  /* it takes SACK options */
    bool stamped : 1;  /* `stamp` was seen */
    bool reset : 1;    /* it was sent an RST of ours, or sent one */
#if MCC_INNER
    struct mcc_inner_kept outer; /* the headers around what this host sends */
#endif
};

struct mcc_tcp {
    struct mcc_tcp_way way[2];
    uint32_t armed; /* tick for which the timer is armed; 0: it is not */
    uint32_t closed_at;
    uint8_t state; /* enum mcc_tcp_state */
    bool mapped;   /* x and y differ, or something was acknowledged early: headers are translated */
    bool over;     /* both sides are through; the session may end */
    /* Of another connection with the same addresses, which only its hosts know: 1 + the direction that would begin it anew or
     * reset it, 0: none; the number behind its SYN, or that of an ACK to it of what never went by here. */
    uint8_t other_by;
    uint32_t other;
};

/* A parsed segment. */
struct mcc_segment {
    uint64_t x;             /* of its first byte (of the SYN: -1) */
    uint32_t seq, ack, len; /* payload bytes that were captured */
    uint32_t missing;       /* payload bytes that were on the wire, but not captured */
    uint8_t flags;
    bool late; /* it waited */
};

/* What mcc_tcp_in says beside an enum mcc_verdict: the packet opens another connection with the same addresses. */
enum { MCC_TCP_AGAIN = -20 };

/* What mcc_tcp_open says beside those: the segment is none of this connection and goes on as it came; its receiver has answered
 * such a one, so that this connection is no more. */
enum { MCC_TCP_OTHER = -21, MCC_TCP_GONE = -22 };

/* A segment of direction id & 1 arrives. The packet is taken. MCC_PASS; MCC_CLOSE: the session is over (counted as closed);
 * MCC_TCP_AGAIN: the packet is not taken, the session is to end and another to begin. *ending: an enum mcc_end, or -1. */
int mcc_tcp_in(const struct mcc_turn *t, struct mcc_tcp *tcp, struct mcc_packet *p, int *ending);

/* The elements release a packet: it is sent on. */
void mcc_tcp_send(const struct mcc_turn *t, struct mcc_tcp *tcp, struct mcc_packet *p);

/* The timer of the context came up. True: the session is over. */
bool mcc_tcp_due(const struct mcc_turn *t, struct mcc_tcp *tcp);

/* The session ends, for whatever reason: last calls, what is held goes on (not if `silent`), all is given back. */
void mcc_tcp_end(const struct mcc_turn *t, struct mcc_tcp *tcp, bool silent);

/* ---------------------------------------------------------------- parts, mcc_tcp_*.c */

struct mcc_tcp_options { /* offsets in the frame, 0: not there */
    uint32_t mss, scale, sack_ok, sack, stamps, multipath, fast_open, signature;
    uint8_t sack_blocks;
};
void mcc_tcp_options(const struct mcc_packet *p, struct mcc_tcp_options *o);

bool mcc_tcp_keep(const struct mcc_turn *t, struct mcc_tcp_way *w, struct mcc_packet *p, uint64_t y,
                  uint32_t len, bool fin, bool owned);
void mcc_tcp_acked(const struct mcc_turn *t, struct mcc_tcp_way *w);
void mcc_tcp_forget(struct mcc_streams *s, struct mcc_tcp_way *w);
/* Copies kept bytes y .. y + len to `to`; the number of bytes from y on that are there. */
uint32_t mcc_tcp_recall(const struct mcc_tcp_way *w, uint64_t y, uint8_t *to, uint32_t len,
                        bool *changed);
/* Makes bytes at y .. y + len what was kept of them; others stay. */
void mcc_tcp_overlay(const struct mcc_tcp_way *w, uint64_t y, uint8_t *bytes, uint32_t len);
/* Compares: 0 equal as far as kept, 1 different, with *known bytes compared. */
bool mcc_tcp_differs(const struct mcc_tcp_way *w, uint64_t y, const uint8_t *bytes, uint32_t len,
                     bool *changed);

/* Translates acknowledgement, window, SACK blocks of a segment that goes on. */
void mcc_tcp_translate(const struct mcc_turn *t, struct mcc_tcp *tcp, struct mcc_packet *p,
                       bool late);
void mcc_tcp_set_seq(struct mcc_packet *p, uint32_t seq);
void mcc_tcp_set_byte(struct mcc_packet *p, uint32_t at, uint8_t value);
void mcc_tcp_set_word(struct mcc_packet *p, uint32_t at, uint32_t value);

/* Answers a retransmission, in packet p, with what was sent before: y .. y + len. */
void mcc_tcp_resend(const struct mcc_turn *t, struct mcc_tcp *tcp, struct mcc_packet *p, uint64_t y,
                    uint32_t len, bool fin);
/* All that is kept of t's direction becomes ours to send again; `like` is a segment as it comes to the context. */
void mcc_tcp_own_all(const struct mcc_turn *t, struct mcc_tcp *tcp, const struct mcc_packet *like);
/* Sends queued bytes of t's direction as far as the window has room; `probe`: one byte though it has none (RFC 9293, 3.8.6.1). */
void mcc_tcp_push(const struct mcc_turn *t, struct mcc_tcp *tcp, bool probe);
/* Puts the TSval and TSecr last seen into a segment of direction t->id (RFC 7323, 3.2). */
void mcc_tcp_refresh_stamps(const struct mcc_turn *t, const struct mcc_tcp *tcp,
                            struct mcc_packet *p);
/* Sends the oldest segment of direction d again that was acknowledged early. */
void mcc_tcp_resend_owned(const struct mcc_turn *t, struct mcc_tcp *tcp, unsigned d);

/* The urgent pointer of a segment of way w that goes out at y, by policy: to where its byte goes, or cleared (RFC 6093). */
void mcc_tcp_urgent(const struct mcc_turn *t, const struct mcc_tcp_way *w, struct mcc_packet *p,
                    uint64_t y);

/* The position of the acknowledgement that the sender of way w may be shown. */
uint64_t mcc_tcp_shown(const struct mcc_turn *t, const struct mcc_tcp *tcp, unsigned d, uint64_t y);

/* The window field beside an acknowledgement at ack_x that shows the sender of direction d, in its own space, what the receiver has
 * room for. */
uint16_t mcc_tcp_window(const struct mcc_turn *t, struct mcc_tcp *tcp, unsigned d, uint64_t ack_x);

/* A bare segment from the host of direction `from`, made after `like`; goes out. */
void mcc_tcp_make(const struct mcc_turn *t, struct mcc_tcp *tcp, unsigned from,
                  const struct mcc_packet *like, uint8_t flags);
/* What t's direction holds is acknowledged in the next ACK made here, and ours from now on; `held`: the oldest packet of it. False: it
 * was before, or is not to be. */
bool mcc_tcp_ack_early(const struct mcc_turn *t, struct mcc_tcp *tcp,
                       const struct mcc_packet *held);
/* The duplicate ACK, with SACK blocks, that the receiver would have sent for a segment `like` that waits here. */
void mcc_tcp_make_duplicate(const struct mcc_turn *t, struct mcc_tcp *tcp,
                            const struct mcc_packet *like);
/* An RST for whoever sent p, as its ACK says (RFC 9293, 3.10.7.1). */
void mcc_tcp_refuse(const struct mcc_turn *t, const struct mcc_packet *p);

void mcc_tcp_close(const struct mcc_turn *t, struct mcc_tcp *tcp, const struct mcc_packet *like,
                   bool reset);
void mcc_tcp_wake(const struct mcc_turn *t, struct mcc_tcp *tcp);

static inline uint64_t mcc_tcp_unwrap(uint32_t seq, uint32_t isn, uint64_t near)
{
    return near + (uint64_t)(int64_t)(int32_t)(seq - (uint32_t)(isn + near));
}

/* The bytes that two ranges share; len 0: none. Positions are modulo 2^64. */
struct mcc_span {
    uint64_t at;
    size_t len;
};
static inline struct mcc_span mcc_span_meet(uint64_t a, uint32_t a_len, uint64_t b, uint32_t b_len)
{
    uint64_t from = (int64_t)(a - b) > 0 ? a : b;
    uint64_t to = (int64_t)(a + a_len - (b + b_len)) < 0 ? a + a_len : b + b_len;
    return (struct mcc_span){from, (int64_t)(to - from) > 0 ? (size_t)(to - from) : 0};
}

/* The account that a segment which waits is on: what has left is kept for reading, the rest is held. */
static inline uint64_t *mcc_tcp_waits(struct mcc_core *core, const struct mcc_packet *p)
{
    return p->stream & MCC_STREAM_SENT ? &core->kept : &core->held;
}

/* SND.NXT towards the receiver: what is queued has not left. */
static inline uint64_t mcc_tcp_left(const struct mcc_tcp_way *w)
{
    return w->queued ? w->queued->y + w->queued->gone : w->sent;
}

static inline const uint8_t *mcc_tcp_head(const struct mcc_packet *p)
{
    return p->data + p->l4;
}

static inline struct mcc_turn mcc_turn_back(const struct mcc_turn *t)
{
    struct mcc_turn back = *t;
    back.id ^= 1;
    return back;
}

/* Whether segments must go through the elements in order before they leave. */
static inline bool mcc_tcp_strict(const struct mcc_context_rules *r)
{
    return r->writes || r->resizes || r->stalls;
}

/* The stream's view of a packet: its payload from `skip` on. */
static inline void mcc_tcp_payload(struct mcc_packet *p, uint32_t skip, uint32_t len)
{
    p->content = p->data + p->ip_end - len + skip;
    p->content_len = len - skip;
    p->in_len = len - skip;
}

/* Takes `skip` bytes, which came before, off the front: the rest moves up to the header, as the segment goes out. */
static inline void mcc_tcp_cut_front(struct mcc_packet *p, uint32_t skip)
{
    p->content_len -= skip;
    memmove(p->content, p->content + skip, p->content_len);
    p->in_len = p->content_len;
    p->stream |= MCC_STREAM_CHANGED;
}

/* ---------------------------------------------------------------- order, mcc_tcp_order.c */

/* The receiver has `bytes` that did not come by here. */
void mcc_tcp_skip_hole(const struct mcc_turn *t, struct mcc_tcp_way *w, uint64_t bytes);
/* The next segment goes through the elements. False: one of them has closed or reset the connection. */
bool mcc_tcp_deliver(const struct mcc_turn *t, struct mcc_tcp *tcp, struct mcc_packet *p, bool fin);
/* The same for all that waited and is in order now. */
bool mcc_tcp_deliver_waiting(const struct mcc_turn *t, struct mcc_tcp *tcp);
/* Bytes of p, at x, that came before in segments that wait are made what they were. */
void mcc_tcp_first_copy(const struct mcc_turn *t, const struct mcc_tcp_way *w, struct mcc_packet *p,
                        uint64_t x);
/* A segment that is ahead. */
void mcc_tcp_out_of_order(const struct mcc_turn *t, struct mcc_tcp *tcp, struct mcc_packet *p,
                          const struct mcc_segment *s);

/* ---------------------------------------------------------------- seen before, mcc_tcp_again.c */

/* A segment all of whose bytes were seen; p is taken. */
void mcc_tcp_again(const struct mcc_turn *t, struct mcc_tcp *tcp, struct mcc_packet *p,
                   const struct mcc_segment *s);
/* The first `known` bytes of p were seen, the rest is new. The packet for the elements: p without them; or, where nothing is
 * edited and p has gone on whole, a copy for reading, NULL where there is no buffer. */
struct mcc_packet *mcc_tcp_known_front(const struct mcc_turn *t, struct mcc_tcp_way *w,
                                       struct mcc_packet *p, const struct mcc_segment *s,
                                       uint32_t known);

/* ---------------------------------------------------------------- beginnings and ends, mcc_tcp_open.c */

/* The TSval of a segment is remembered. */
void mcc_tcp_learn_stamp(const struct mcc_packet *p, struct mcc_tcp_way *w);
/* The first segments: who counts from where. MCC_PASS, MCC_TCP_AGAIN as mcc_tcp_in, MCC_TCP_OTHER, MCC_TCP_GONE. */
int mcc_tcp_open(const struct mcc_turn *t, struct mcc_tcp *tcp, struct mcc_packet *p,
                 const struct mcc_segment *s);
/* An RST. MCC_PASS: p is taken; MCC_TCP_NO_END: it is not, and goes on as a segment without data. */
enum { MCC_TCP_NO_END = -21 };
int mcc_tcp_take_reset(const struct mcc_turn *t, struct mcc_tcp *tcp, struct mcc_packet *p,
                       const struct mcc_segment *s, int *ending);
/* A segment of a connection that an element ended; p is taken. */
int mcc_tcp_after_close(const struct mcc_turn *t, struct mcc_tcp *tcp, struct mcc_packet *p,
                        const struct mcc_segment *s, int *ending);
/* What the sender of a segment says of the other host's bytes. */
void mcc_tcp_take_ack(const struct mcc_turn *t, struct mcc_tcp *tcp, const struct mcc_segment *s);

#endif
