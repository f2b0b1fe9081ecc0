/* tap: a network interface of this machine whose wire ends in the box (Documentation/networking/tuntap.rst of Linux). It is
 * made if it is not there, and then goes away with the box.
 */
#include "mcc_io.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* What Linux says of a device that was taken away is of the descriptor. */
static int io_tap_error(int error)
{
    return error == EBADFD ? ENODEV : error;
}

static void io_tap_close(struct mcc_io *io)
{
    if (io->fd >= 0)
        (void)close(io->fd);
    io->fd = -1;
}

/* Brings the interface up; its MTU. 0 or -errno. */
static int io_tap_up(struct mcc_io *io, struct ifreq *r)
{
    int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), rc = 0;
    if (s < 0)
        return -errno;
    if (ioctl(s, SIOCGIFMTU, r) == 0)
        io->mtu = (uint32_t)r->ifr_mtu;
    if (ioctl(s, SIOCGIFFLAGS, r) < 0) {
        rc = -errno;
    } else if (!(r->ifr_flags & IFF_UP)) {
        r->ifr_flags = (short)(r->ifr_flags | IFF_UP);
        rc = ioctl(s, SIOCSIFFLAGS, r) < 0 ? -errno : 0;
    }
    (void)close(s);
    return rc;
}

static int io_tap_open(struct mcc_io *io)
{
    struct ifreq r = {.ifr_flags = (short)(IFF_TAP | IFF_NO_PI | IFF_VNET_HDR)};
    int rc, size = (int)sizeof(struct mcc_io_header);
    if (strlen(io->device) >= sizeof r.ifr_name)
        return -EINVAL;
    memcpy(r.ifr_name, io->device, strlen(io->device) + 1);
    if (io->instances > 1) /* a queue a core */
        r.ifr_flags = (short)(r.ifr_flags | IFF_MULTI_QUEUE);
    io->fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (io->fd < 0)
        return -errno;
    rc = ioctl(io->fd, TUNSETIFF, &r) < 0 || ioctl(io->fd, TUNSETVNETHDRSZ, &size) < 0 ? -errno : 0;
    if (rc == 0) {
        unsigned offloads = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6;
        (void)ioctl(io->fd, TUNSETOFFLOAD,
                    (unsigned long)offloads); /* without it frames are ordinary */
        rc = io_tap_up(io, &r);
    }
    if (rc < 0)
        io_tap_close(io);
    return rc;
}

static int io_tap_in(struct mcc_io *io, struct mcc_io_sink *sink)
{
    int n = 0;
    for (; n < MCC_IO_BURST; n++) {
        struct mcc_io_slot *slot = &io->slots[n];
        mcc_io_slot_ready(slot, sink->core);
        ssize_t got = readv(io->fd, slot->part, 3);
        if (got < 0)
            return errno == EAGAIN || errno == EINTR ? n : -io_tap_error(errno);
        if ((size_t)got < sizeof slot->header)
            sink->core->ports[io->port].rx_errors++;
        else
            mcc_io_arrived(io, slot, (uint32_t)((size_t)got - sizeof slot->header), 0, sink);
    }
    return n;
}

static int io_tap_out(struct mcc_io *io, struct mcc_core *core)
{
    for (uint32_t i = 0; i < io->queued; i++) {
        struct mcc_packet *p = io->queue[i];
        struct mcc_io_header h;
        struct iovec part[2] = {{&h, sizeof h}, {p->data, p->len}};
        bool good = mcc_io_header_of(p, &h);
        if (good && writev(io->fd, part, 2) >= 0)
            continue;
        int error = good ? io_tap_error(errno) : EMSGSIZE;
        mcc_io_refused(io, core, p, error);
        if (error == ENODEV)
            return -error;
    }
    return 0;
}

const struct mcc_io_type mcc_io_tap = {.name = "tap",
                                       .open = io_tap_open,
                                       .close = io_tap_close,
                                       .in = io_tap_in,
                                       .out = io_tap_out,
                                       .many = true};
