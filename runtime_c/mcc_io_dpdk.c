/* dpdk: a device that a poll-mode driver of DPDK has (22.11 to 24.11), a NIC or a virtual one; bursts of 32, no copy.
 *
 *   | struct rte_mbuf | struct mcc_packet | headroom | frame (MCC_BUFFER_ROOM) |    one element of the pool
 *                       ^ its private area           ^ data, where the driver put it
 *
 * A packet that came by such a port is in its mbuf as long as the box has it, and leaves in the same one by any other such
 * port. Copied are packets of other origin (made by the box, or of another type of port), those that a context keeps to
 * repeat them, and frames in several mbufs. One EAL and one pool serve the process; they go with it.
 */
#include "mcc_io_dpdk_parts.h"

/* ---------------------------------------------------------------- a device */

/* "NAME[,ARGUMENTS]"; a name is a PCI address (domain:bus:device.function, the domain may be left out) or a driver's and a
 * number. */
static int io_dpdk_parse(struct mcc_io *io, struct io_dpdk *d)
{
    size_t n = strcspn(io->device, ",");
    unsigned domain, bus, device, function;
    char end;
    if (n == 0 || n + 6 > sizeof d->name)
        return -EINVAL;
    memcpy(d->name, io->device, n);
    d->name[n] = 0;
    d->arguments = io->device + n + (io->device[n] == ',');
    d->pci = sscanf(d->name, "%x:%x:%x.%x%c", &domain, &bus, &device, &function, &end) == 4;
    if (!d->pci && sscanf(d->name, "%x:%x.%x%c", &bus, &device, &function, &end) == 3) {
        d->pci = true;
        (void)snprintf(d->name, sizeof d->name, "0000:%.*s", (int)n, io->device);
    }
    return 0;
}

/* The kernel's interface that the driver stands on, as it is: its MTU. 0 or -errno. */
static int io_dpdk_interface(const char *name, size_t len, uint32_t *mtu)
{
    struct ifreq r = {.ifr_ifindex = 0};
    int fd, rc = 0;
    if (len == 0 || len >= sizeof r.ifr_name)
        return -ENODEV;
    memcpy(r.ifr_name, name, len);
    fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC,
                0); /* what af_packet, af_xdp and pcap have to do */
    if (fd < 0)
        return -errno;
    if (ioctl(fd, SIOCGIFMTU, &r) < 0)
        rc = -errno;
    *mtu = (uint32_t)r.ifr_mtu;
    if (rc == 0 && ioctl(fd, SIOCGIFFLAGS, &r) < 0)
        rc = -errno;
    if (rc == 0 && !(r.ifr_flags & IFF_UP))
        rc = -ENETDOWN;
    (void)close(fd);
    return rc;
}

/* Looks at the interface that the arguments name, before a driver does, whose words say less. Other drivers (net_tap) make
 * the interface of that name. */
static int io_dpdk_stands(const struct io_dpdk *d, uint32_t *mtu)
{
    bool on_one = strncmp(d->name, "net_af_", 7) == 0 || strncmp(d->name, "net_pcap", 8) == 0;
    *mtu = 0;
    for (const char *a = d->arguments; on_one && *a; a += strcspn(a, ","), a += *a == ',')
        if (strncmp(a, "iface=", 6) == 0) {
            int rc = io_dpdk_interface(a + 6, strcspn(a + 6, ","), mtu);
            bool cuts = strncmp(d->name, "net_af_", 7) == 0;
            return rc == 0 && cuts && *mtu > MCC_DPDK_MTU ? -EMSGSIZE : rc;
        }
    return 0;
}

static int io_dpdk_set(struct mcc_io *io, struct io_dpdk *d)
{
    struct rte_eth_conf conf = {.rxmode = {.offloads = 0}};
    struct rte_eth_dev_info info;
    uint16_t in = MCC_DPDK_RING, out = MCC_DPDK_RING, mtu = 0;
    unsigned numa = (unsigned)rte_eth_dev_socket_id(d->id);
    bool segments;
    int rc = rte_eth_dev_info_get(d->id, &info);
    if (rc < 0)
        return rc;
    if (!d->pci)
        conf.txmode.offloads = info.tx_offload_capa & RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
    segments =
        conf.txmode.offloads || strcmp(info.driver_name, "net_pcap") == 0; /* it does not say so */
    mcc_dpdk_flow_ask(io, d->id);
    rc = rte_eth_dev_configure(d->id, 1, 1, &conf);
    if (rc == 0)
        rc = rte_eth_dev_adjust_nb_rx_tx_desc(d->id, &in, &out);
    if (rc == 0)
        rc = rte_eth_rx_queue_setup(d->id, 0, in, numa, NULL, io_dpdk_all.pool);
    if (rc == 0)
        rc = rte_eth_tx_queue_setup(d->id, 0, out, numa, NULL);
    if (rc == 0)
        rc = rte_eth_dev_start(d->id);
    if (rc < 0)
        return rc;
    (void)rte_eth_promiscuous_enable(d->id); /* some have no such mode */
    if (d->pci && rte_eth_dev_get_mtu(d->id, &mtu) == 0)
        io->mtu = mtu;
    d->longest = io->mtu ? io->mtu + MCC_DPDK_LINK : RTE_ETHER_MAX_JUMBO_FRAME_LEN;
    if (!segments && d->longest > MCC_BUFFER_ROOM)
        d->longest = MCC_BUFFER_ROOM;
    return 0;
}

/* ---------------------------------------------------------------- AF_XDP sockets */

static bool io_dpdk_is_xdp(int fd)
{
    int domain = 0;
    socklen_t size = sizeof domain;
    return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 && domain == AF_XDP;
}

/* Which files of this process are such sockets. */
static void io_dpdk_sockets(bool *is)
{
    for (int fd = 0; fd < MCC_DPDK_FILES; fd++)
        is[fd] = io_dpdk_is_xdp(fd);
}

/* Notes the one that came since `before`. */
static void io_dpdk_note(struct io_dpdk *d, const bool *before)
{
    struct stat s;
    for (int fd = 0; fd < MCC_DPDK_FILES; fd++)
        if (!before[fd] && io_dpdk_is_xdp(fd) && fstat(fd, &s) == 0) {
            d->socket = fd;
            d->inode = s.st_ino;
        }
}

/* net_af_xdp of 22.11 with libxdp 1.3 leaves its socket open, and with it the queue busy as long as the process lives. */
static void io_dpdk_forget(const struct io_dpdk *d)
{
    struct stat s;
    if (d->inode && fstat(d->socket, &s) == 0 && s.st_ino == d->inode && io_dpdk_is_xdp(d->socket))
        (void)close(d->socket);
}

/* ---------------------------------------------------------------- open and close */

static void io_dpdk_detach(const struct io_dpdk *d)
{
    mcc_dpdk_flow_remove(d->id);
    (void)rte_eth_promiscuous_disable(d->id);
    (void)rte_eth_dev_stop(d->id);
    (void)rte_eth_dev_close(d->id);
    (void)rte_eal_hotplug_remove(d->pci ? "pci" : "vdev", d->name);
    io_dpdk_forget(d);
}

static int io_dpdk_attach(struct mcc_io *io, struct io_dpdk *d)
{
    bool before[MCC_DPDK_FILES];
    int rc = 0;
    io_dpdk_sockets(before);
    if (rte_eth_dev_get_port_by_name(d->name, &d->id) == 0 && !d->pci)
        return -EEXIST;
    rc = rte_eal_hotplug_add(d->pci ? "pci" : "vdev", d->name, d->arguments);
    if (rc < 0 && !(d->pci && rc == -EEXIST)) /* it came with the start */
        return rc;
    rc = rte_eth_dev_get_port_by_name(d->name, &d->id);
    if (rc < 0)
        return rc;
    rc = io_dpdk_set(io, d);
    io_dpdk_note(d, before);
    if (rc < 0)
        io_dpdk_detach(d);
    return rc;
}

static void io_dpdk_close(struct mcc_io *io)
{
    if (io->state)
        io_dpdk_detach(io->state);
    free(io->state);
    io->state = NULL;
}

static int io_dpdk_open(struct mcc_io *io)
{
    struct io_dpdk *d = calloc(1, sizeof *d);
    int rc = d ? io_dpdk_parse(io, d) : -ENOMEM;
    io_dpdk_all.why[0] = io_dpdk_all.xdp[0] = 0;
    if (rc == 0)
        rc = io_dpdk_stands(d, &io->mtu);
    if (rc == 0)
        rc = io_dpdk_start(d);
    if (rc == 0) {
        rc = io_dpdk_attach(io, d);
        rc = rc == -1 ? -EIO : rc; /* drivers mean "it failed", not EPERM */
    }
    io_dpdk_why(io->why, sizeof io->why);
    if (rc < 0) {
        free(d);
        return rc;
    }
    io->state = d;
    io->fd = -1;
    io->polled = true;
    mcc_dpdk_flow_install(io, d->id);
    return 0;
}

/* ---------------------------------------------------------------- in */

static struct rte_mbuf *io_dpdk_mbuf(struct mcc_packet *p)
{
    return (struct rte_mbuf *)(void *)((uint8_t *)p - sizeof(struct rte_mbuf));
}

/* What the box's buffers do with a packet that is none of theirs. */
static void io_dpdk_put(struct mcc_packet *p)
{
    mcc_packet_unguard(p->data - p->headroom, (size_t)p->headroom + p->room);
    rte_pktmbuf_free_seg(io_dpdk_mbuf(p));
}

/* The packet in its mbuf. */
static struct mcc_packet *io_dpdk_place(struct rte_mbuf *m)
{
    struct mcc_packet *p = rte_mbuf_to_priv(m);
    *p = (struct mcc_packet){
        .data = rte_pktmbuf_mtod(m, uint8_t *),
        .headroom = m->data_off,
        .room = (uint32_t)m->buf_len - m->data_off,
        .len = m->data_len,
        .wire_len = m->data_len,
    };
    mcc_packet_guard(p, p->len);
    return p;
}

/* The bytes of a frame in several mbufs, or in memory of the driver's own. */
static struct mcc_packet *io_dpdk_gather(struct mcc_buffers *b, struct rte_mbuf *m)
{
    struct mcc_packet *p = mcc_buffer_get(b, m->pkt_len);
    uint32_t at = 0;
    for (const struct rte_mbuf *s = m; p && s; s = s->next) {
        memcpy(p->data + at, rte_pktmbuf_mtod(s, const uint8_t *), s->data_len);
        at += s->data_len;
    }
    rte_pktmbuf_free(m);
    return p;
}

static void io_dpdk_arrived(struct mcc_io *io, struct rte_mbuf *m, struct mcc_io_sink *sink)
{
    const struct io_dpdk *d = io->state;
    struct mcc_core *core = sink->core;
    struct mcc_packet *p;
    if (m->pkt_len > d->longest &&
        io->mtu) { /* a super-frame, of which the driver has cut the end */
        core->ports[io->port].rx_errors++;
        io->too_long++;
        rte_pktmbuf_free(m);
        return;
    }
    if (m->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED)
        (void)rte_vlan_insert(&m);
    uint32_t mark = mcc_dpdk_flow_mark(m);
    core->ports[io->port].rx_packets++;
    core->ports[io->port].rx_bytes += m->pkt_len;
    if (m->nb_segs == 1 && m->pool == io_dpdk_all.pool && RTE_MBUF_DIRECT(m)) {
        p = io_dpdk_place(m);
        core->buffers->outside++;
    } else {
        p = io_dpdk_gather(core->buffers, m);
    }
    if (!p) {
        core->drops[MCC_DROP_NO_BUFFER]++;
        return;
    }
    p->at = sink->now;
    p->in_port = io->port;
    p->link = MCC_LINK_ETHERNET;
    p->mark = mark;
    mcc_io_give(sink, p);
}

static int io_dpdk_in(struct mcc_io *io, struct mcc_io_sink *sink)
{
    const struct io_dpdk *d = io->state;
    struct rte_mbuf *m[MCC_IO_BURST];
    uint16_t n = rte_eth_rx_burst(d->id, 0, m, MCC_IO_BURST);
    sink->core->buffers->put_outside = io_dpdk_put;
    for (uint16_t i = 0; i < n; i++) {
        rte_prefetch0(rte_pktmbuf_mtod(m[i], void *));
        rte_prefetch0(rte_mbuf_to_priv(m[i]));
    }
    for (uint16_t i = 0; i < n; i++)
        io_dpdk_arrived(io, m[i], sink);
    return n;
}

/* ---------------------------------------------------------------- out */

/* The packet's own mbuf, with a reference for the device. */
static struct rte_mbuf *io_dpdk_same(struct mcc_packet *p)
{
    struct rte_mbuf *m = io_dpdk_mbuf(p);
    m->data_off = (uint16_t)(p->data - (uint8_t *)m->buf_addr);
    m->data_len = (uint16_t)p->len;
    m->pkt_len = p->len;
    m->ol_flags = 0;
    rte_mbuf_refcnt_update(m, 1);
    return m;
}

/* The packet's bytes in mbufs of their own; NULL: there are none. */
static struct rte_mbuf *io_dpdk_copy(const struct mcc_packet *p)
{
    struct rte_mbuf *head = NULL, *last = NULL;
    uint32_t at = 0;
    do {
        uint32_t left = p->len - at, n = left < MCC_BUFFER_ROOM ? left : MCC_BUFFER_ROOM;
        struct rte_mbuf *m = rte_pktmbuf_alloc(io_dpdk_all.pool);
        if (!m) {
            rte_pktmbuf_free(head);
            return NULL;
        }
        memcpy(rte_pktmbuf_mtod(m, uint8_t *), p->data + at, n);
        m->data_len = (uint16_t)n;
        m->pkt_len = n;
        if (head) {
            last->next = m;
            head->nb_segs++;
            head->pkt_len += n;
        } else {
            head = m;
        }
        last = m;
        at += n;
    } while (at < p->len);
    return head;
}

/* How many of them the device has taken. */
static uint32_t io_dpdk_send(const struct io_dpdk *d, struct rte_mbuf **m, uint32_t n)
{
    uint64_t patience = 0;
    uint32_t i = 0;
    while (i < n) {
        uint32_t left = n - i < MCC_IO_BURST ? n - i : MCC_IO_BURST;
        uint32_t k = rte_eth_tx_burst(d->id, 0, m + i, (uint16_t)left);
        i += k;
        if (k) {
            patience = 0;
        } else if (!patience) {
            patience = rte_rdtsc() + rte_get_tsc_hz() / 1000000 * MCC_DPDK_PATIENCE_US;
        } else if (rte_rdtsc() > patience) {
            break;
        }
    }
    return i;
}

static int io_dpdk_out(struct mcc_io *io, struct mcc_core *core)
{
    const struct io_dpdk *d = io->state;
    struct rte_mbuf *m[MCC_IO_QUEUE];
    struct mcc_packet *sent[MCC_IO_QUEUE];
    uint32_t n = 0;
    for (uint32_t i = 0; i < io->queued; i++) {
        struct mcc_packet *p = io->queue[i];
        bool fits = p->len <= d->longest;
        if (fits)
            m[n] = mcc_buffer_is_outside(core->buffers, p) && !p->refs ? io_dpdk_same(p)
                                                                       : io_dpdk_copy(p);
        if (fits && m[n])
            sent[n++] = p;
        else
            mcc_io_refused(io, core, p, fits ? ENOBUFS : EMSGSIZE);
    }
    for (uint32_t i = io_dpdk_send(d, m, n); i < n; i++) {
        mcc_io_refused(io, core, sent[i], ENOBUFS);
        rte_pktmbuf_free(m[i]);
    }
    return 0;
}

/* The interface below it is down or away: drivers say nothing of that. */
static int io_dpdk_look(struct mcc_io *io)
{
    uint32_t mtu;
    int rc = io_dpdk_stands(io->state, &mtu);
    return rc == -ENETDOWN || rc == -ENODEV ? rc : 0;
}

/* Frames for which the device had no descriptor or mbuf, and damaged ones. */
static uint64_t io_dpdk_lost(struct mcc_io *io)
{
    struct io_dpdk *d = io->state;
    struct rte_eth_stats s;
    if (rte_eth_stats_get(d->id, &s) < 0)
        return 0;
    uint64_t all = s.imissed + s.ierrors + s.rx_nombuf, more = all > d->lost ? all - d->lost : 0;
    d->lost = all;
    return more;
}

const struct mcc_io_type mcc_io_dpdk = {.name = "dpdk",
                                        .open = io_dpdk_open,
                                        .close = io_dpdk_close,
                                        .in = io_dpdk_in,
                                        .out = io_dpdk_out,
                                        .lost = io_dpdk_lost,
                                        .look = io_dpdk_look};
