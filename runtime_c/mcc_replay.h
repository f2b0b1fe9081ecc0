/* Captures through a box: the run loop of pcap ports.
 *
 *   captures --merged by time--> [side of the packet] --> burst of the box --> out[] of the core --> files
 *
 * Without the lines that begin with # this header is what Python declares.
 */
#ifndef MCC_REPLAY_H
#define MCC_REPLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mcc_packet;
struct mcc_core;
struct mcc_replay;

/* What the module's box does. `burst` takes `n` packets in time order, owned by it from then on; what leaves is in the
 * core's out[] when it returns. `finish` ends the run as docs/semantics.md says: timers run out, sessions end. Both may call
 * mcc_replay_drain(context) when out[] fills up. */
struct mcc_replay_ops {
    void (*burst)(void *box, struct mcc_packet **packets, uint32_t n);
    void (*finish)(void *box);
    uint64_t inner; /* bit i: port i looks into tunnels (mcc_inner.h) */
    /* Where there are several boxes: what is due up to a time, in ns, and the box of a parsed packet. */
    void (*advance)(void *box, uint64_t to);
    uint32_t (*owner)(const void *box, const struct mcc_packet *p, uint32_t *spread);
};

/* NULL: no memory. `box` and `core` (its core) are borrowed until mcc_replay_free. */
struct mcc_replay *mcc_replay_new(const struct mcc_replay_ops *ops, void *box,
                                  struct mcc_core *core, uint32_t ports);
void mcc_replay_free(struct mcc_replay *r);

/* One more core: each packet goes to the box that it belongs to, in order of arrival, and what leaves is written in the
 * order of the arrivals that caused it. All boxes have the same `ops`. 0, or -ENOSPC above 32. */
int mcc_replay_core(struct mcc_replay *r, void *box, struct mcc_core *core);

/* Of core `n`: packets that it handled, got of others to handle (joined datagrams), and of its most frequent spread. */
void mcc_replay_share(const struct mcc_replay *r, uint32_t n, uint64_t *packets, uint64_t *handed,
                      uint64_t *most);

/* Packets for `port` come from a capture in memory, borrowed. 0, or -1: mcc_replay_error says what is wrong with it. */
int mcc_replay_input(struct mcc_replay *r, uint32_t port, const void *base, size_t length);

/* One capture for two ports: sides by who began, see mcc_sides.h for the numbers. */
void mcc_replay_divide(struct mcc_replay *r, uint8_t tcp, uint8_t udp, uint8_t other,
                       uint64_t timeout_ns);

/* Packets later than `ns` are not read. */
void mcc_replay_until(struct mcc_replay *r, uint64_t ns);

/* What leaves by `port` is written to `fd`, borrowed; ports with one fd share a file. Call it after the inputs: they
 * decide the format. 0 or -errno. */
int mcc_replay_output(struct mcc_replay *r, uint32_t port, int fd);

/* Time of the first packet, ns; 0 where there is none. */
uint64_t mcc_replay_start(const struct mcc_replay *r);

/* Up to `packets` packets go through. 1: more follow; 0: the inputs have ended (or are damaged); -errno: an output. */
int mcc_replay_step(struct mcc_replay *r, uint32_t packets);

/* After the last step: the box ends its run, files are completed. 0 or -errno. */
int mcc_replay_finish(struct mcc_replay *r);

/* Packets in the core's out[] go to their files. 0 or -errno of the first failure. */
int mcc_replay_drain(struct mcc_replay *r);

/* What is wrong with the input of `port` and at which byte, NULL: nothing; *packets: how many were read of it. */
const char *mcc_replay_error(const struct mcc_replay *r, uint32_t port, uint64_t *offset,
                             uint64_t *packets);

/* The link type (as in the file) of packets in which no layer is looked for; -1: there was none. */
int mcc_replay_opaque(const struct mcc_replay *r);

/* Bytes of the inputs read so far and in all; packets that reached the file of `port`; its errno, 0: none. */
uint64_t mcc_replay_done(const struct mcc_replay *r);
uint64_t mcc_replay_total(const struct mcc_replay *r);
uint64_t mcc_replay_written(const struct mcc_replay *r, uint32_t port);
int mcc_replay_output_error(const struct mcc_replay *r, uint32_t port);

#endif
