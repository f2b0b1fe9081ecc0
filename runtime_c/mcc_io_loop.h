/* The run loop of live ports: wall-clock time, frames in, timers, frames out.
 *
 *   ports --frames--> burst of the box --> out[] of the core --> ports
 *            ^ timers when nothing comes, at the latest every MCC_LOOP_NAP
 *
 * Without the lines that begin with # this header is what Python declares.
 */
#ifndef MCC_IO_LOOP_H
#define MCC_IO_LOOP_H

#include <stdbool.h>
#include <stdint.h>

struct mcc_packet;
struct mcc_core;
struct mcc_crew;
struct mcc_loop;
struct mcc_pattern;

/* What the module's box does. `burst` takes `n` packets, owned by it from then on; `advance` runs what is due up to a time, in
 * ns; `finish` ends the run. What leaves is in the core's out[] when they return. `patterns`: what NICs are asked to mark
 * (mcc_offload.h); NULL: nothing. */
struct mcc_loop_ops {
    void (*burst)(void *box, struct mcc_packet **packets, uint32_t n);
    void (*advance)(void *box, uint64_t to);
    void (*finish)(void *box);
    /* The core of a parsed packet; *spread: of what that is decided, 0: nothing. Of boxes in a crew. */
    uint32_t (*owner)(const void *box, const struct mcc_packet *p, uint32_t *spread);
    const struct mcc_pattern *patterns;
    uint32_t pattern_count;
};

/* NULL: no memory. `box` and `core` (its core) are borrowed until mcc_loop_free. split: super-frames are cut into segments
 * before the box sees them; a context needs that. The clock is that of
 * the day (CLOCK_REALTIME) when it starts, at least `start` ns, and then never jumps. */
struct mcc_loop *mcc_loop_new(const struct mcc_loop_ops *ops, void *box, struct mcc_core *core,
                              uint32_t ports, uint64_t start, bool split);
/* Closes the ports; nothing of them is left. */
void mcc_loop_free(struct mcc_loop *loop);

/* The loop works for one core of a crew (mcc_crew.h), borrowed; each core's loop joins before ports are opened. */
void mcc_loop_join(struct mcc_loop *loop, struct mcc_crew *crew);

/* What a core of a crew has done: packets that it handled, gave to others and got from others to handle, and to send; packets of
 * its most frequent spread; ns in which it was not waiting, and all of its ns. */
struct mcc_loop_share {
    uint64_t packets, handed_out, handed_in, sent_out, sent_in, most, busy, all;
};
void mcc_loop_shares(const struct mcc_loop *loop, struct mcc_loop_share *share);

/* Handles and sends what other cores have left in the rings; whether there was anything. For the end of a run. */
bool mcc_loop_take(struct mcc_loop *loop);

/* Binds a port: "afpacket" and an interface, "tap" and a name, "null" and "", "dpdk" and NAME[,ARGUMENTS]. 0 or -errno: EPROTONOSUPPORT no such type,
 * ELIBACC its library is not there, ENODEV no such interface, ENETDOWN it is down, EPFNOSUPPORT it is no Ethernet, EPERM no right to. In
 * a crew, EXDEV: the device cannot be opened once more, core 0 has it for all. */
int mcc_loop_open(struct mcc_loop *loop, uint32_t port, const char *type, const char *device);

/* Frames go through for at most `ns`; returns earlier on a signal. */
void mcc_loop_run(struct mcc_loop *loop, uint64_t ns);

/* The box ends its run; what leaves then is sent. */
void mcc_loop_finish(struct mcc_loop *loop);

/* ns: the time of the loop now. */
uint64_t mcc_loop_now(const struct mcc_loop *loop);

/* Of a port: errno since it is dead (it is tried again each second), 0; the device's MTU, 0: it has none; super-frames that
 * came in; frames that were refused for their length. */
int mcc_loop_error(const struct mcc_loop *loop, uint32_t port);
uint32_t mcc_loop_mtu(const struct mcc_loop *loop, uint32_t port);
/* Of a port that could not be opened: what its driver said; "": nothing. */
const char *mcc_loop_why(const struct mcc_loop *loop, uint32_t port);
uint64_t mcc_loop_supers(const struct mcc_loop *loop, uint32_t port);
uint64_t mcc_loop_too_long(const struct mcc_loop *loop, uint32_t port);
/* Frames whose checksum their sender left to its device, on a port that is not told so: they were completed. */
uint64_t mcc_loop_unsummed(const struct mcc_loop *loop, uint32_t port);

#endif
