/* afpacket: a packet socket on an interface (packet(7)). recvmmsg() puts up to 32 frames straight into the box's buffers:
 * one copy, and no frame waits for a block of a ring to fill.
 */
#include "mcc_io.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef PACKET_IGNORE_OUTGOING
#define PACKET_IGNORE_OUTGOING 23
#endif
#ifndef PACKET_FANOUT_FLAG_IGNORE_OUTGOING
#define PACKET_FANOUT_FLAG_IGNORE_OUTGOING 0x4000
#endif

enum { MCC_IO_QUEUE_BYTES = 64 << 20, MCC_IO_PATIENCE_MS = 2 };

/* The device as it is: there, Ethernet, up. 0 or -errno. */
static int io_afpacket_look(struct mcc_io *io, int fd, int *index)
{
    struct ifreq r = {.ifr_ifindex = 0};
    if (strlen(io->device) >= sizeof r.ifr_name)
        return -ENODEV;
    memcpy(r.ifr_name, io->device, strlen(io->device) + 1);
    if (ioctl(fd, SIOCGIFINDEX, &r) < 0)
        return -errno;
    *index = r.ifr_ifindex;
    if (ioctl(fd, SIOCGIFHWADDR, &r) < 0)
        return -errno;
    if (r.ifr_hwaddr.sa_family != ARPHRD_ETHER && r.ifr_hwaddr.sa_family != ARPHRD_LOOPBACK)
        return -EPFNOSUPPORT;
    if (ioctl(fd, SIOCGIFMTU, &r) < 0)
        return -errno;
    io->mtu = (uint32_t)r.ifr_mtu;
    if (ioctl(fd, SIOCGIFFLAGS, &r) < 0)
        return -errno;
    return r.ifr_flags & IFF_UP ? 0 : -ENETDOWN;
}

/* Everything is set before the socket is bound, so that no frame comes in another way. */
static int io_afpacket_set(int fd, int index)
{
    int on = 1, bytes = MCC_IO_QUEUE_BYTES;
    struct packet_mreq promiscuous = {.mr_ifindex = index, .mr_type = PACKET_MR_PROMISC};
    struct sockaddr_ll address = {
        .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = index};
    if (setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof on) < 0 ||
        setsockopt(fd, SOL_PACKET, PACKET_AUXDATA, &on, sizeof on) < 0 ||
        setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof on) < 0 ||
        setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &promiscuous, sizeof promiscuous) < 0)
        return -errno;
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes) < 0)
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
    if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof bytes) < 0)
        (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
    return bind(fd, (const struct sockaddr *)&address, sizeof address) < 0 ? -errno : 0;
}

/* The sockets of all cores are one group: the kernel gives a frame to one of them, by a hash that is the same for both
 * directions of a flow. 0 or -errno. */
static int io_afpacket_join(struct mcc_io *io)
{
    int kind = PACKET_FANOUT_HASH | PACKET_FANOUT_FLAG_IGNORE_OUTGOING;
    int word = *io->group ? (int)*io->group : (kind | PACKET_FANOUT_FLAG_UNIQUEID) << 16;
    socklen_t size = sizeof word;
    if (setsockopt(io->fd, SOL_PACKET, PACKET_FANOUT, &word, sizeof word) < 0)
        return -errno;
    if (*io->group == 0) {
        if (getsockopt(io->fd, SOL_PACKET, PACKET_FANOUT, &word, &size) < 0)
            return -errno;
        *io->group = (uint32_t)(word & 0xffff) | (uint32_t)kind << 16;
    }
    return 0;
}

static void io_afpacket_close(struct mcc_io *io)
{
    if (io->fd >= 0)
        (void)close(io->fd);
    io->fd = -1;
}

static int io_afpacket_open(struct mcc_io *io)
{
    int index = 0, rc;
    io->fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (io->fd < 0)
        return -errno;
    rc = io_afpacket_look(io, io->fd, &index);
    if (rc == 0)
        rc = io_afpacket_set(io->fd, index);
    if (rc == 0 && io->instances > 1)
        rc = io_afpacket_join(io);
    if (rc < 0)
        io_afpacket_close(io);
    return rc;
}

/* ---------------------------------------------------------------- in */

union io_afpacket_control {
    struct cmsghdr header;
    uint8_t bytes[CMSG_SPACE(sizeof(struct tpacket_auxdata))];
};

/* TPID << 16 | TCI of a tag that the kernel took out of the frame, 0: none. */
static uint32_t io_afpacket_tag(struct msghdr *m)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
        struct tpacket_auxdata a;
        if (c->cmsg_level != SOL_PACKET || c->cmsg_type != PACKET_AUXDATA)
            continue;
        memcpy(&a, CMSG_DATA(c), sizeof a);
        if (a.tp_status & TP_STATUS_VLAN_VALID) {
            uint32_t tpid = a.tp_status & TP_STATUS_VLAN_TPID_VALID ? a.tp_vlan_tpid : ETH_P_8021Q;
            return tpid << 16 | a.tp_vlan_tci;
        }
    }
    return 0;
}

static int io_afpacket_in(struct mcc_io *io, struct mcc_io_sink *sink)
{
    struct mmsghdr m[MCC_IO_BURST];
    union io_afpacket_control control[MCC_IO_BURST];
    memset(m, 0, sizeof m);
    for (uint32_t i = 0; i < MCC_IO_BURST; i++) {
        mcc_io_slot_ready(&io->slots[i], sink->core);
        m[i].msg_hdr.msg_iov = io->slots[i].part;
        m[i].msg_hdr.msg_iovlen = 3;
        m[i].msg_hdr.msg_control = &control[i];
        m[i].msg_hdr.msg_controllen = sizeof control[i];
    }
    int n = recvmmsg(io->fd, m, MCC_IO_BURST, MSG_DONTWAIT, NULL);
    if (n < 0)
        return errno == EAGAIN || errno == EINTR || errno == ENOBUFS ? 0 : -errno;
    for (int i = 0; i < n; i++) {
        if (m[i].msg_hdr.msg_flags & MSG_TRUNC || m[i].msg_len < sizeof(struct mcc_io_header)) {
            sink->core->ports[io->port].rx_errors++;
            io->too_long++;
            continue;
        }
        mcc_io_arrived(io, &io->slots[i], m[i].msg_len - (uint32_t)sizeof(struct mcc_io_header),
                       io_afpacket_tag(&m[i].msg_hdr), sink);
    }
    return n;
}

/* ---------------------------------------------------------------- out */

static bool io_is_dead(int error)
{
    return error == ENETDOWN || error == ENXIO || error == ENODEV || error == EBADF;
}

static int io_afpacket_out(struct mcc_io *io, struct mcc_core *core)
{
    struct mmsghdr m[MCC_IO_QUEUE];
    struct mcc_io_header headers[MCC_IO_QUEUE];
    struct iovec part[MCC_IO_QUEUE][2];
    struct mcc_packet *sent[MCC_IO_QUEUE];
    uint32_t n = 0, waited = 0;
    memset(m, 0, sizeof m);
    for (uint32_t i = 0; i < io->queued; i++) {
        struct mcc_packet *p = io->queue[i];
        if (!mcc_io_header_of(p, &headers[n])) {
            mcc_io_refused(io, core, p, EMSGSIZE);
            continue;
        }
        part[n][0] = (struct iovec){&headers[n], sizeof headers[n]};
        part[n][1] = (struct iovec){p->data, p->len};
        m[n].msg_hdr.msg_iov = part[n];
        m[n].msg_hdr.msg_iovlen = 2;
        sent[n++] = p;
    }
    for (uint32_t i = 0; i < n;) {
        int k = sendmmsg(io->fd, m + i, n - i, MSG_DONTWAIT);
        if (k > 0) {
            i += (uint32_t)k;
        } else if (k < 0 && errno == EAGAIN && waited < MCC_IO_PATIENCE_MS) {
            struct pollfd f = {.fd = io->fd, .events = POLLOUT};
            (void)poll(&f, 1, 1);
            waited++;
        } else if (k < 0 && errno != EINTR) {
            int error = errno;
            do {
                mcc_io_refused(io, core, sent[i++], error);
            } while (i < n && io_is_dead(error));
            if (io_is_dead(error))
                return -error;
        }
    }
    return 0;
}

/* Frames for which there was no room in the socket's queue. */
static uint64_t io_afpacket_lost(struct mcc_io *io)
{
    struct tpacket_stats s = {.tp_drops = 0};
    socklen_t size = sizeof s;
    return getsockopt(io->fd, SOL_PACKET, PACKET_STATISTICS, &s, &size) < 0 ? 0 : s.tp_drops;
}

const struct mcc_io_type mcc_io_afpacket = {.name = "afpacket",
                                            .open = io_afpacket_open,
                                            .close = io_afpacket_close,
                                            .in = io_afpacket_in,
                                            .out = io_afpacket_out,
                                            .lost = io_afpacket_lost,
                                            .many = true};
