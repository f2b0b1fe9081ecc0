"""Do the tests see bugs in the TCP context? As seed_bugs.py, with bugs in the C of runtime_c/.

    python tests/seed_tcp_bugs.py           all of them: a table, exit status 1 where one survives
    python tests/seed_tcp_bugs.py sack      those whose name or file has one of the words
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import seed_bugs
from seed_bugs import Bug

UNITS = tuple(f"tests/unit/contexts/test_{n}.py" for n in ("map", "headers", "probes", "ends"))
PROPERTIES = "tests/property/test_tcp_editing.py"
CAPTURES = "tests/streams/test_captures.py"

HEAD, OUT, IN, KEPT, MAP, ORDER, OPEN, TIME, AGAIN = (f"runtime_c/{f}.c" for f in (
    "mcc_tcp_header", "mcc_tcp_out", "mcc_tcp", "mcc_tcp_kept", "mcc_edits", "mcc_tcp_order", "mcc_tcp_open", "mcc_tcp_time",
    "mcc_tcp_again"))


def bug(name: str, file: str, old: str, new: str, why: str, *more: str) -> Bug:
    return Bug(name, file, old, new, why, (*UNITS, PROPERTIES, *more))


BUGS = (
    bug("ack-not-mapped", HEAD, "uint64_t x = mcc_tcp_shown(t, tcp, back, y);", "uint64_t x = y;",
        "acknowledgements in the wrong space"),
    bug("sack-not-mapped", HEAD, "uint64_t lx = map->back_low ? map->back_low(t->flow, l) : l", "uint64_t lx = l",
        "SACK blocks in the wrong space"),
    bug("sack-order", HEAD, "        left[n] = w->isn + (uint32_t)lx;", "        left[n] = w->isn + (uint32_t)rx;", "empty SACK blocks"),
    bug("window-left", HEAD, "            edge = w->edge;", "            (void)0;", "the window's right edge moves left"),
    bug("window-scale", IN, "(s->flags & MCC_TCP_SYN ? 0 : me->scale)", "0",
        "the window scale is forgotten"),
    bug("zero-window", HEAD, "    if ((int64_t)(edge_y - w->acked) <= 0) {\n        w->edge = ack_x;\n        return 0;\n    }", "",
        "a window of zero opens"),
    bug("half-acked", MAP, "return behind ? behind - 1 : 0;", "return behind;", "an insertion is acknowledged before it is there"),
    bug("forward", MAP, "for (const struct mcc_edit *i = e->head; i && i->x <= x; i = i->next)",
        "for (const struct mcc_edit *i = e->head; i && i->x < x; i = i->next)", "the byte at an edit goes to the wrong place"),
    bug("fold", MAP, "e->delta = i->y + i->inserted - (i->x + i->removed);", "e->delta = i->y - (i->x + i->removed);",
        "the offset is wrong once an edit is acknowledged"),
    bug("wrap", "runtime_c/mcc_tcp.h", "return near + (uint64_t)(int64_t)(int32_t)(seq - (uint32_t)(isn + near));",
        "return (uint64_t)(int64_t)(int32_t)(seq - isn);", "streams beyond 2 GiB; here: wrong only far from the start", CAPTURES),
    bug("again-low", AGAIN, "uint64_t low = map->forward_low ? map->forward_low(t->flow, first) : first;",
        "uint64_t low = map->forward ? map->forward(t->flow, first) : first;", "a retransmission loses what was inserted in front"),
    bug("recall", KEPT, "memcpy(to + done, k->bytes + skip, n);", "memcpy(to + done, k->bytes, n);",
        "a retransmission cut elsewhere has other bytes"),
    bug("swallowed", OUT, "        if (n == 0 && !fin) {", "        if (false) {", "a removed segment is never acknowledged"),
    bug("mss", OUT, "        if (n > limit || room < n || (fin && w->queued)) {", "        if (room < n || (fin && w->queued)) {",
        "segments longer than the MSS"),
    bug("stamps", OUT, "    if (late)\n        mcc_tcp_refresh_stamps(t, tcp, p);", "", "PAWS drops segments that waited"),
    bug("fin-counts", OUT, "    w->sent += n + fin;\n    w->fin_sent |= fin;\n    if (n + fin) {",
        "    w->sent += n;\n    w->fin_sent |= fin;\n    if (n + fin) {", "FIN takes no number"),
    bug("overlay", AGAIN, "            mcc_tcp_overlay(w, low, p->content + before, s->len - before);", "",
        "a second version goes out", CAPTURES),
    bug("owned", OUT, "return (int64_t)(x - w->early) < 0 ||", "return (int64_t)(x - w->early) < -1000000 ||",
        "what was acknowledged early is not sent again"),
    bug("flow-control", OUT, "    if (w->queued)\n        return 0;\n    int64_t room", "    return n;\n    int64_t room",
        "more than the receiver has room for"),
    bug("odd-checksum", HEAD, "    if ((at - p->l4) & 1) {", "    if (false) {", "wrong checksums where options lie at odd places",
        "tests/unit/contexts"),
    bug("syn-data", OUT, " - ((flags & MCC_TCP_SYN) != 0));", ");", "a SYN with data is off by one"),
    bug("keepalive", IN, "y = w->acked - 1;", "y = w->acked;", "keep-alives get no answer"),
    bug("multipath", OPEN, "mcc_tcp_set_byte(p, o->multipath + i, 1);", "(void)i;", "MP_CAPABLE passes a box that edits"),
    bug("unseen-ack", HEAD, "    if (beyond > 0) { /*", "    if (false) { /*", "an ACK of what was never sent becomes acceptable"),
    bug("waiting-skip", ORDER, "        uint32_t skip = (uint32_t)(w->next - p->pos);", "        uint32_t skip = 0;",
        "bytes that overlap are read twice", CAPTURES),
    bug("reset-seq", OPEN, "        mcc_tcp_set_seq(p, w->isn + (uint32_t)(s->x == w->next ? w->sent : w->acked));\n", "",
        "an RST behind an edit is not believed"),
    bug("reset-ack", OPEN, "    if (w->known && tcp->mapped)\n        mcc_tcp_translate(t, tcp, p, false);\n", "",
        "an RST acknowledges in the wrong space"),
    bug("reset-near", OPEN, "kind == RESET_NEAR && mcc_tcp_strict(t->rules)", "false",
        "an RST that its receiver does not believe ends the session"),
    bug("linger", TIME, "    mcc_tcp_wake(t, tcp);\n    return false;", "    mcc_tcp_wake(t, tcp);\n    return tcp->over;",
        "the last ACK is lost, and the FINs that follow are not mapped"),
    bug("edge-before", IN, "        w->edge = w->edge_y; /* the", "        ; /* the", "the first edit moves the window's edge left"),
    bug("stamp-back", OPEN, "(int32_t)(stamp - w->stamp) >= 0", "true", "PAWS drops an ACK made here"),
    bug("queue-part", OUT, "(int64_t)(k->y + k->gone - w->acked) <= 0", "true", "what left of a queue is lost for ever"),
    bug("fin-again", AGAIN, "(int64_t)((fin ? w->sent : high) - w->acked) <= 0", "(int64_t)(high - w->acked) <= 0 && !fin",
        "a FIN that comes again goes behind itself"),
    bug("probe-byte", AGAIN, "mcc_tcp_resend(t, tcp, p, w->acked - 1, 0, false);", "mcc_tcp_resend(t, tcp, p, w->acked - 1, s->len, false);",
        "a keep-alive shows a byte of the stream"),
    bug("urgent-ahead", HEAD, "        end = decided ? map->forward_low(t->flow, end) : y;", "        end = map->forward_low(t->flow, end);",
        "an urgent pointer to where its byte will not be"),
    bug("early-again", AGAIN, "if ((done || early) && !syn)", "if (done && !syn)", "an early ACK that was lost is never said again"),
    bug("promise", OUT, "(int64_t)(x - w->early) < 0 || (int64_t)(x - w->promised) < 0", "(int64_t)(x - w->early) < 0",
        "what a SACK of ours promised is nobody's to send again"),
    bug("syn-far", OPEN, "            if (!dead && !ack && tcp->state == MCC_TCP_OPEN && mcc_tcp_strict(t->rules))\n"
        "                return syn_of_another(tcp, p, s, d);\n", "", "a client that lost its connection gets no other one"),
    bug("syn-answered", OPEN, "            return MCC_TCP_GONE; /*", "            ; /*",
        "a connection that both hosts have lost stands between them"),
    bug("reset-other", OPEN, "tcp->other_by == 1 + d && s->seq == tcp->other", "false",
        "what a server still has of an old connection keeps a client out"),
    bug("syn-of-whom", OPEN, "tcp->other_by == 2 - d && ", "", "a host ends a connection by answering itself"),
)


if __name__ == "__main__":
    seed_bugs.BUGS = BUGS
    sys.exit(seed_bugs.main(sys.argv[1:]))
