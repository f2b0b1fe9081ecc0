/* afxdp: an AF_XDP socket on one receive queue of an interface (Documentation/networking/af_xdp.rst of Linux).
 *
 *     fill ring: chunks ---> kernel ---> rx ring --copy--> buffer of the box
 *     packet that leaves --copy--> tx ring ---> kernel ---> completion ring: chunks
 *
 * Chunks are parts of one piece of memory that the kernel shares (UMEM). The first MCC_AFXDP_IN of them go round above, the
 * others below: each is at any time in one ring, in the kernel, or in `idle`. A frame is copied once between its chunk and
 * the box's buffers, because streams keep buffers for longer than the kernel can do without chunks.
 *
 * AF_XDP says nothing beside a frame: neither that its checksum was left to the device nor that it is a super-frame.
 */
#include "mcc_io.h"

#include <errno.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "mcc_checksum.h"
#include "mcc_io_xdp.h"
#include "mcc_mem.h"
#include "mcc_parse.h"

#ifndef SOL_XDP
#define SOL_XDP 283
#endif

enum {
    MCC_AFXDP_CHUNK = 4096,                    /* bytes; the kernel keeps 256 before the frame */
    MCC_AFXDP_LONGEST = MCC_AFXDP_CHUNK - 256, /* of a frame */
    MCC_AFXDP_IN = 4096,                       /* chunks, powers of two: rings have as many */
    MCC_AFXDP_OUT = 1024,
    MCC_AFXDP_SEND_BYTES = 16 << 20, /* in copy mode the kernel holds frames as a socket does */
    MCC_AFXDP_PATIENCE_MS = 2,
    MCC_AFXDP_HEAD = 14 + 4, /* beside the MTU: Ethernet and one tag */
};
#define MCC_AFXDP_BYTES ((size_t)(MCC_AFXDP_IN + MCC_AFXDP_OUT) * MCC_AFXDP_CHUNK)
#define MCC_AFXDP_LOOK 50000000ull /* ns between two looks whether the interface is there and up */

struct io_afxdp {
    const struct mcc_xdp_library *lib;
    uint8_t *memory; /* owned */
    struct xsk_umem *umem;
    struct xsk_socket *socket;
    struct mcc_xdp_ring fill, rx, tx, done;
    struct mcc_xdp_program program;
    char device[IFNAMSIZ];
    uint32_t queue;
    int beside;      /* a packet socket: the interface is promiscuous as long as it is open */
    int index;       /* of the interface */
    uint64_t looked; /* ns */
    uint64_t lost;   /* frames that were told by io_afxdp_lost() */
    uint32_t idles;
    uint64_t idle[MCC_AFXDP_OUT]; /* chunks for frames that leave */
};

/* ---------------------------------------------------------------- open and close */

/* "IF" or "IF,queue=N". */
static int io_afxdp_name(struct io_afxdp *x, const char *device)
{
    const char *comma = strchr(device, ',');
    size_t n = comma ? (size_t)(comma - device) : strlen(device);
    if (n >= sizeof x->device)
        return -ENODEV;
    memcpy(x->device, device, n);
    if (comma && strncmp(comma, ",queue=", 7) != 0)
        return -EINVAL;
    x->queue = comma ? (uint32_t)strtoul(comma + 7, NULL, 10) : 0;
    return 0;
}

/* The interface is the one that was opened, and up. 0 or -errno. */
static int io_afxdp_look(const struct io_afxdp *x)
{
    struct ifreq r = {.ifr_ifindex = 0};
    memcpy(r.ifr_name, x->device, sizeof x->device);
    if (ioctl(x->beside, SIOCGIFINDEX, &r) < 0)
        return -errno;
    if (x->index && r.ifr_ifindex != x->index)
        return -ENODEV;
    if (ioctl(x->beside, SIOCGIFFLAGS, &r) < 0)
        return -errno;
    return r.ifr_flags & IFF_UP ? 0 : -ENETDOWN;
}

/* The device as it is, and the socket beside. 0 or -errno. */
static int io_afxdp_find(struct mcc_io *io, struct io_afxdp *x)
{
    struct ifreq r = {.ifr_ifindex = 0};
    x->beside = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0); /* protocol 0: no frame comes in */
    if (x->beside < 0)
        return -errno;
    int rc = io_afxdp_look(x);
    if (rc < 0)
        return rc;
    memcpy(r.ifr_name, x->device, sizeof x->device);
    if (ioctl(x->beside, SIOCGIFHWADDR, &r) < 0)
        return -errno;
    if (r.ifr_hwaddr.sa_family != ARPHRD_ETHER && r.ifr_hwaddr.sa_family != ARPHRD_LOOPBACK)
        return -EPFNOSUPPORT;
    if (ioctl(x->beside, SIOCGIFMTU, &r) < 0)
        return -errno;
    io->mtu = (uint32_t)r.ifr_mtu;
    if (io->mtu + MCC_AFXDP_HEAD > MCC_AFXDP_LONGEST)
        return -EMSGSIZE;
    if (ioctl(x->beside, SIOCGIFINDEX, &r) < 0)
        return -errno;
    x->index = r.ifr_ifindex;
    struct packet_mreq promiscuous = {.mr_ifindex = x->index, .mr_type = PACKET_MR_PROMISC};
    return setsockopt(x->beside, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &promiscuous,
                      sizeof promiscuous) < 0
               ? -errno
               : 0;
}

/* The kernel may write into the chunks that are for frames in. */
static void io_afxdp_share(struct io_afxdp *x)
{
    for (uint32_t i = 0; i < MCC_AFXDP_IN; i++)
        *mcc_xdp_chunk(&x->fill, i) = (uint64_t)i * MCC_AFXDP_CHUNK;
    mcc_xdp_produced(&x->fill, MCC_AFXDP_IN);
    for (uint32_t i = 0; i < MCC_AFXDP_OUT; i++)
        x->idle[i] = (uint64_t)(MCC_AFXDP_IN + i) * MCC_AFXDP_CHUNK;
    x->idles = MCC_AFXDP_OUT;
}

/* Memory, rings, socket. Without XDP_ZEROCOPY and XDP_COPY the kernel takes the first where the driver can. 0 or -errno. */
static int io_afxdp_bind(struct mcc_io *io, struct io_afxdp *x)
{
    const struct mcc_xdp_umem_config umem = {
        .fill_size = MCC_AFXDP_IN, .comp_size = MCC_AFXDP_OUT, .frame_size = MCC_AFXDP_CHUNK};
    const struct mcc_xdp_socket_config config = {.rx_size = MCC_AFXDP_IN,
                                                 .tx_size = MCC_AFXDP_OUT,
                                                 .libxdp_flags = MCC_XDP_INHIBIT_PROG_LOAD,
                                                 .bind_flags = XDP_USE_NEED_WAKEUP};
    x->memory = mcc_mem_map(MCC_AFXDP_BYTES);
    if (!x->memory)
        return -ENOMEM;
    int rc = x->lib->umem_create(&x->umem, x->memory, MCC_AFXDP_BYTES, &x->fill, &x->done, &umem);
    if (rc < 0)
        return rc;
    io_afxdp_share(x);
    rc = x->lib->socket_create(&x->socket, x->device, x->queue, x->umem, &x->rx, &x->tx, &config);
    if (rc < 0)
        return rc;
    io->fd = x->lib->socket_fd(x->socket);
    int bytes = MCC_AFXDP_SEND_BYTES;
    if (setsockopt(io->fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof bytes) < 0)
        (void)setsockopt(io->fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
    return 0;
}

static bool io_afxdp_zero_copy(const struct mcc_io *io)
{
    struct xdp_options o = {.flags = 0};
    socklen_t size = sizeof o;
    return getsockopt(io->fd, SOL_XDP, XDP_OPTIONS, &o, &size) == 0 &&
           o.flags & XDP_OPTIONS_ZEROCOPY;
}

static void io_afxdp_close(struct mcc_io *io)
{
    struct io_afxdp *x = io->state;
    io->fd = -1;
    io->state = NULL;
    if (!x)
        return;
    mcc_xdp_detach(&x->program);
    if (x->socket)
        x->lib->socket_delete(x->socket);
    if (x->umem)
        (void)x->lib->umem_delete(x->umem);
    mcc_mem_unmap(x->memory, MCC_AFXDP_BYTES);
    if (x->beside >= 0)
        (void)close(x->beside);
    free(x);
}

static int io_afxdp_open(struct mcc_io *io)
{
    const struct mcc_xdp_library *lib = mcc_xdp_library();
    if (!lib)
        return -ELIBACC;
    struct io_afxdp *x = calloc(1, sizeof *x);
    if (!x)
        return -ENOMEM;
    x->lib = lib;
    x->beside = x->program.map = x->program.program = x->program.link = -1;
    io->state = x;
    int rc = io_afxdp_name(x, io->device);
    if (rc == 0)
        rc = io_afxdp_find(io, x);
    if (rc == 0)
        rc = io_afxdp_bind(io, x);
    if (rc == 0)
        rc = mcc_xdp_attach(&x->program, lib, x->index, x->queue, io->fd, io_afxdp_zero_copy(io));
    if (rc < 0)
        io_afxdp_close(io);
    return rc;
}

/* ---------------------------------------------------------------- out */

/* Frames of the tx ring that are lost: `n` from `at` on. */
static void io_afxdp_dropped(struct mcc_io *io, struct mcc_core *core, uint32_t at, uint32_t n,
                             int error)
{
    const struct io_afxdp *x = io->state;
    for (uint32_t i = 0; i < n; i++) {
        struct mcc_packet p = {.len = mcc_xdp_frame(&x->tx, at + i)->len};
        mcc_io_refused(io, core, &p, error);
    }
}

/* The kernel sends what is in the tx ring; in copy mode it takes 32 frames a call. What it cannot send now stays for the next
 * time. 0, or -errno: the port is dead. */
static int io_afxdp_kick(struct mcc_io *io, struct mcc_core *core)
{
    struct io_afxdp *x = io->state;
    while (mcc_xdp_pending(&x->tx) && mcc_xdp_sleeps(&x->tx)) {
        uint32_t before = *x->tx.consumer;
        if (sendto(io->fd, NULL, 0, MSG_DONTWAIT, NULL, 0) >= 0)
            return 0;
        uint32_t taken = __atomic_load_n(x->tx.consumer, __ATOMIC_ACQUIRE) - before;
        if (errno == EBUSY) { /* the device has dropped one, the last that was taken */
            io_afxdp_dropped(io, core, before + (taken ? taken - 1 : 0), 1, EBUSY);
        } else if (errno == EAGAIN || errno == ENOBUFS) {
            if (!taken)
                return 0;
        } else if (errno != EINTR) {
            int error = errno;
            io_afxdp_dropped(io, core, before + taken, mcc_xdp_pending(&x->tx), error);
            return -error;
        }
    }
    return 0;
}

/* Takes back the chunks of frames that have left. */
static void io_afxdp_reclaim(struct io_afxdp *x)
{
    uint32_t n = mcc_xdp_ready(&x->done), at = *x->done.consumer;
    for (uint32_t i = 0; i < n; i++)
        x->idle[x->idles++] = *mcc_xdp_chunk(&x->done, at + i);
    mcc_xdp_consumed(&x->done, n);
}

/* Waits for a chunk as long as is patient. 0, or -errno: the port is dead. */
static int io_afxdp_wait(struct mcc_io *io, struct mcc_core *core, uint32_t *waited)
{
    struct io_afxdp *x = io->state;
    int rc = io_afxdp_kick(io, core);
    io_afxdp_reclaim(x);
    while (rc == 0 && !x->idles && *waited < MCC_AFXDP_PATIENCE_MS) {
        struct timespec t = {.tv_nsec = 1000000};
        (void)nanosleep(&t, NULL);
        (*waited)++;
        rc = io_afxdp_kick(io, core);
        io_afxdp_reclaim(x);
    }
    return rc;
}

static int io_afxdp_out(struct mcc_io *io, struct mcc_core *core)
{
    struct io_afxdp *x = io->state;
    uint32_t waited = 0, longest = io->mtu + MCC_AFXDP_HEAD;
    int rc = 0;
    io_afxdp_reclaim(x);
    for (uint32_t i = 0; i < io->queued; i++) {
        const struct mcc_packet *p = io->queue[i];
        if (p->len > longest) {
            mcc_io_refused(io, core, p, EMSGSIZE);
            continue;
        }
        if (!x->idles && rc == 0)
            rc = io_afxdp_wait(io, core, &waited);
        if (!x->idles || rc < 0) {
            mcc_io_refused(io, core, p, rc < 0 ? -rc : EAGAIN);
            continue;
        }
        struct xdp_desc *d = mcc_xdp_frame(&x->tx, *x->tx.producer);
        *d = (struct xdp_desc){.addr = x->idle[--x->idles], .len = p->len};
        memcpy(x->memory + d->addr, p->data, p->len);
        mcc_xdp_produced(&x->tx, 1);
    }
    return rc < 0 ? rc : io_afxdp_kick(io, core);
}

/* ---------------------------------------------------------------- in */

/* A sender that leaves checksums to its device (veth, containers) has put the sum of the pseudo header where the checksum
 * belongs; nothing but that tells such a frame. A right checksum is this sum by chance in one of 65,536. */
static void io_afxdp_unsummed(struct mcc_io *io, struct mcc_io_slot *slot, uint32_t len)
{
    struct mcc_packet seen = {.data = slot->packet->data, .len = len, .link = MCC_LINK_ETHERNET};
    mcc_parse(&seen);
    if (!(seen.layers & (MCC_TCP | MCC_UDP)) || seen.frag)
        return;
    uint32_t at = mcc_checksum_l4_at(&seen);
    uint16_t pseudo = mcc_io_pseudo(&seen);
    if (at + 2 > seen.ip_end || mcc_be16(seen.data + at) != pseudo)
        return;
    uint64_t sum = mcc_checksum_sum(seen.data + seen.l4, seen.ip_end - seen.l4);
    if (mcc_checksum_fold(sum + pseudo) == 0xffff)
        return;
    slot->header.flags = MCC_IO_NEEDS_CSUM;
    slot->header.csum_start = seen.l4;
    slot->header.csum_offset = (uint16_t)(at - seen.l4);
    io->unsummed++;
}

/* Copies a frame into the slot. */
static void io_afxdp_copy(struct mcc_io *io, struct mcc_io_slot *slot, const uint8_t *frame,
                          uint32_t len)
{
    uint32_t first = len < MCC_BUFFER_ROOM ? len : MCC_BUFFER_ROOM;
    slot->header = (struct mcc_io_header){.gso_type = MCC_IO_GSO_NONE};
    memcpy(slot->part[1].iov_base, frame, first);
    memcpy(slot->part[2].iov_base, frame + first, len - first);
    if (slot->packet && len == first)
        io_afxdp_unsummed(io, slot, len);
}

/* Nothing comes: is the interface still there? 0, or -errno: it is not. */
static int io_afxdp_quiet(struct mcc_io *io, struct mcc_io_sink *sink)
{
    struct io_afxdp *x = io->state;
    if (sink->now - x->looked < MCC_AFXDP_LOOK)
        return 0;
    x->looked = sink->now;
    int rc = io_afxdp_look(x);
    if (rc < 0)
        io_afxdp_dropped(io, sink->core, *x->tx.consumer, mcc_xdp_pending(&x->tx), -rc);
    return rc;
}

static int io_afxdp_in(struct mcc_io *io, struct mcc_io_sink *sink)
{
    struct io_afxdp *x = io->state;
    uint32_t len[MCC_IO_BURST], n = mcc_xdp_ready(&x->rx), at = *x->rx.consumer;
    int rc = io_afxdp_kick(io, sink->core);
    if (rc < 0 || !n)
        return rc < 0 ? rc : io_afxdp_quiet(io, sink);
    n = n < MCC_IO_BURST ? n : MCC_IO_BURST;
    for (uint32_t i = 0; i < n; i++) {
        const struct xdp_desc *d = mcc_xdp_frame(&x->rx, at + i);
        mcc_io_slot_ready(&io->slots[i], sink->core);
        len[i] = d->len;
        io_afxdp_copy(io, &io->slots[i], x->memory + d->addr, d->len);
        *mcc_xdp_chunk(&x->fill, *x->fill.producer + i) =
            d->addr & ~(uint64_t)(MCC_AFXDP_CHUNK - 1);
    }
    mcc_xdp_consumed(&x->rx, n);
    mcc_xdp_produced(&x->fill, n);
    if (mcc_xdp_sleeps(&x->fill))
        (void)recvfrom(io->fd, NULL, 0, MSG_DONTWAIT, NULL, NULL);
    for (uint32_t i = 0; i < n; i++)
        mcc_io_arrived(io, &io->slots[i], len[i], 0, sink);
    return (int)n;
}

/* Frames for which there was no chunk, no place in the rx ring, or which were longer than a chunk. */
static uint64_t io_afxdp_lost(struct mcc_io *io)
{
    struct io_afxdp *x = io->state;
    struct xdp_statistics s = {.rx_dropped = 0};
    socklen_t size = sizeof s;
    if (getsockopt(io->fd, SOL_XDP, XDP_STATISTICS, &s, &size) < 0)
        return 0;
    uint64_t before = x->lost;
    x->lost = s.rx_dropped + s.rx_ring_full;
    return x->lost - before;
}

const struct mcc_io_type mcc_io_afxdp = {.name = "afxdp",
                                         .open = io_afxdp_open,
                                         .close = io_afxdp_close,
                                         .in = io_afxdp_in,
                                         .out = io_afxdp_out,
                                         .lost = io_afxdp_lost};
