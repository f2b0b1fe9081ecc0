/* Live ports: one small interface, a file for each type of port.
 *
 *   device --burst in--> frames with a virtio-net header --> [cut, or whole] --> sink --> box
 *   box --> out[] of the core --> queue of the port --burst out--> device
 *
 * Frames are copied once, by the kernel, into the box's own buffers. A virtio-net header (virtio 1.2, 5.1.6) goes before
 * each frame in both directions: it says where a checksum is still to be computed (offloads of veth and containers), and
 * which frames are super-frames, several segments under one header (TSO, GRO), and how long their segments are.
 */
#ifndef MCC_IO_H
#define MCC_IO_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "mcc_core.h"

enum {
    MCC_IO_BURST = 32,            /* frames read by one system call */
    MCC_IO_QUEUE = 64,            /* frames written by one system call */
    MCC_IO_LONGEST = 65536 + 128, /* of a frame: an IP packet with its link header */
    MCC_IO_SLOT = MCC_BUFFER_ROOM + MCC_IO_LONGEST,
};

enum { /* of struct mcc_io_header: virtio 1.2, 5.1.6 */
       MCC_IO_NEEDS_CSUM = 1,
       MCC_IO_GSO_NONE = 0,
       MCC_IO_GSO_TCPV4 = 1,
       MCC_IO_GSO_TCPV6 = 4,
       MCC_IO_GSO_UDP_L4 = 5,
};

/* Where what comes in goes: bursts of the box, of all ports together. */
struct mcc_io_sink {
    void (*burst)(void *box, struct mcc_packet **packets, uint32_t n);
    /* In a crew: gives other cores what is theirs; how many are left. NULL: all are ours. */
    uint32_t (*sort)(struct mcc_io_sink *sink, struct mcc_packet **packets, uint32_t n);
    void (*drain)(struct mcc_io_sink *sink); /* sends what waits in the core's out[] */
    void *box;
    struct mcc_core *core;
    uint64_t now; /* ns: the time of what comes in */
    bool split;   /* super-frames are cut into their segments */
    uint32_t n;
    struct mcc_packet *packets[MCC_BURST];
};

struct mcc_io_header { /* struct virtio_net_hdr, in this machine's byte order */
    uint8_t flags, gso_type;
    uint16_t hdr_len, gso_size, csum_start, csum_offset;
};

/* A place for one frame: the header, a buffer of the box, and behind it room for what is longer. */
struct mcc_io_slot {
    struct mcc_io_header header;
    struct mcc_packet *packet; /* owned; NULL: no buffer was free, the frame goes to `spill` */
    uint8_t *spill; /* MCC_IO_SLOT bytes: MCC_BUFFER_ROOM left free, the rest of a long frame */
    struct iovec part[3];
};

struct mcc_io;

struct mcc_io_type {
    const char *name;
    /* Binds to io->device. 0 or -errno; nothing is left open then. */
    int (*open)(struct mcc_io *io);
    void (*close)(struct mcc_io *io);
    /* Up to MCC_IO_BURST frames go to the sink; how many, or -errno: the port is dead. */
    int (*in)(struct mcc_io *io, struct mcc_io_sink *sink);
    /* Sends io->queue[0 .. queued); what is not taken is told by mcc_io_refused. 0, or -errno: the port is dead. */
    int (*out)(struct mcc_io *io, struct mcc_core *core);
    /* Packets lost in the kernel since the last call; NULL: not known. */
    uint64_t (*lost)(struct mcc_io *io);
    /* Looks now and then at what `in` and `out` do not notice: 0, or -errno: the port is dead. NULL: they notice all. */
    int (*look)(struct mcc_io *io);
    bool many; /* each core may open the device for itself: io->instance says which this is */
};

struct mcc_io {
    const struct mcc_io_type *type; /* NULL: the port is not bound */
    char device[1024];
    char why
        [512]; /* the reason of a failed open, where the type knows more than errno; of one that is open: why it marks
                      no packets */
    const struct mcc_pattern *patterns; /* of all ports, borrowed (mcc_offload.h) */
    uint32_t pattern_count;
    bool polled; /* nothing to wait for: it must be looked at */
    int fd;      /* -1: closed */
    uint8_t port;
    uint32_t mtu;      /* of the device when it was opened; 0: none */
    int error;         /* errno since the port is dead; 0: it lives */
    uint64_t retry;    /* ns: when a dead port is tried again */
    uint64_t supers;   /* super-frames that came in */
    uint64_t too_long; /* frames that were refused for their length, in either direction */
    uint64_t unsummed; /* frames without a checksum from a port that cannot say so (afxdp) */
    void *state;       /* the type's own while it is open */
    uint32_t instance, instances; /* of a device that is open more than once; 0 of 1 else */
    uint32_t *group; /* what the instances have in common, 0 before the first is open; borrowed */
    uint32_t queued;
    struct mcc_packet *queue[MCC_IO_QUEUE]; /* borrowed from the core's out[] */
    struct mcc_io_slot *slots;              /* MCC_IO_BURST; owned */
    uint8_t *spills;                        /* owned */
};

extern const struct mcc_io_type mcc_io_afpacket, mcc_io_tap, mcc_io_null;
extern const struct mcc_io_type mcc_io_afxdp;
extern const struct mcc_io_type mcc_io_dpdk; /* where MCC_DPDK is defined */

/* ---------------------------------------------------------------- for the types, mcc_io_frame.c */

/* Slots for frames in; 0 or -ENOMEM. */
int mcc_io_slots(struct mcc_io *io);
/* Gives slots and the buffers in them back. */
void mcc_io_slots_free(struct mcc_io *io, struct mcc_core *core);
/* Sees to it that the slot has a buffer, if there is one. */
void mcc_io_slot_ready(struct mcc_io_slot *slot, struct mcc_core *core);

/* The frame of `len` bytes (header excluded) in the slot has arrived; tag: 0, or TPID << 16 | TCI that the kernel took out. */
void mcc_io_arrived(struct mcc_io *io, struct mcc_io_slot *slot, uint32_t len, uint32_t tag,
                    struct mcc_io_sink *sink);

/* The header with which p leaves; false: it cannot leave (a super-frame that is no TCP or UDP any more). */
bool mcc_io_header_of(struct mcc_packet *p, struct mcc_io_header *h);

/* The device has not taken a packet that was counted as sent. */
void mcc_io_refused(struct mcc_io *io, struct mcc_core *core, const struct mcc_packet *p,
                    int error);

/* Hands a packet to the sink, with its burst. */
void mcc_io_give(struct mcc_io_sink *sink, struct mcc_packet *p);
void mcc_io_flush(struct mcc_io_sink *sink);

/* ---------------------------------------------------------------- super-frames, mcc_io_gso.c */

/* Cuts a super-frame into segments of `size` bytes of payload each, with right checksums, and gives them to the sink. False:
 * it is nothing that can be cut. RFC 9293 (sequence numbers, flags), RFC 791 and 8200 (lengths, identification). */
bool mcc_io_cut(struct mcc_io_sink *sink, uint8_t port, uint8_t *frame, uint32_t len,
                uint32_t size);

/* The sum of the pseudo header of the TCP or UDP packet p, which is parsed. */
uint16_t mcc_io_pseudo(const struct mcc_packet *p);

/* The checksum field of the TCP or UDP packet p gets the sum of the pseudo header, which the device completes. */
void mcc_io_partial(struct mcc_packet *p);

#endif
