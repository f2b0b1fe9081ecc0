/* dpdk: a device that a poll-mode driver of DPDK has (22.11 to 24.11), a NIC or a virtual one; bursts of 32, no copy.
 *
 *   | struct rte_mbuf | struct mcc_packet | headroom | frame (MCC_BUFFER_ROOM) |    one element of the pool
 *                       ^ its private area           ^ data, where the driver put it
 *
 * A packet that came by such a port is in its mbuf as long as the box has it, and leaves in the same one by any other such
 * port. Copied are packets of other origin (made by the box, or of another type of port), those that a context keeps to
 * repeat them, and frames in several mbufs. One EAL and one pool serve the process; they go with it.
 */
#include "mcc_io.h"
#include "mcc_io_dpdk_flow.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <rte_bus.h>
#include <rte_cycles.h>
#include <rte_dev.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_ether.h>
#include <rte_lcore.h>
#include <rte_log.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>
#include <rte_tailq.h>

enum {
    MCC_DPDK_MBUFS = 24575, /* what a box holds at most, and what two devices have in their rings */
    MCC_DPDK_CACHE = 256,
    MCC_DPDK_RING = 1024,
    MCC_DPDK_MB = 256,            /* address space of DPDK without huge pages */
    MCC_DPDK_HUGE_KB = 160 << 10, /* free huge pages from which they are used */
    MCC_DPDK_PRIVATE = MCC_BUFFER_HEAD - MCC_HEADROOM,
    MCC_DPDK_FILES = 1024,
    MCC_DPDK_PATIENCE_US = 200, /* for a full queue of a device */
    MCC_DPDK_MTU = 1890,    /* what is longer net_af_packet cuts silently and net_af_xdp drops */
    MCC_DPDK_LINK = 14 + 8, /* a frame's bytes beyond the MTU, with two tags */
};

_Static_assert(RTE_PKTMBUF_HEADROOM == MCC_HEADROOM, "a packet of DPDK has the headroom of ours");
_Static_assert(MCC_DPDK_PRIVATE % RTE_MBUF_PRIV_ALIGN == 0, "DPDK wants this");

struct io_dpdk { /* io->state */
    uint16_t id; /* of the device in rte_ethdev */
    bool pci;
    char name[RTE_DEV_NAME_MAX_LEN];
    const char *arguments; /* borrowed from io->device */
    uint32_t longest;      /* frame that the device takes */
    uint64_t lost;         /* what `lost` has told */
    int gone;   /* -errno: the interface below it is down or away, of which drivers say nothing */
    int socket; /* the driver's, of net_af_xdp; inode 0: none */
    ino_t inode;
};

/* ---------------------------------------------------------------- what DPDK says */

static struct {
    char why[160], xdp[160]; /* the first error, the last warning, since they were emptied */
    FILE *log;               /* stays open: DPDK may write to it at any time */
    struct rte_mempool *pool;
    int started; /* 1, or -errno: there is no second start */
    bool pci;
} io_dpdk_all;

/* DPDK's log goes here instead of to the screen; the first error is the one that says most. */
static ssize_t io_dpdk_say(void *cookie, const char *text, size_t size)
{
    char *why = io_dpdk_all.why;
    size_t n = size < sizeof io_dpdk_all.why - 1 ? size : sizeof io_dpdk_all.why - 1;
    (void)cookie;
    if (!why[0] && rte_log_cur_msg_loglevel() <= (int)RTE_LOG_ERR) {
        memcpy(why, text, n);
        why[n] = 0;
        why[strcspn(why, "\n")] = 0;
    }
    return (ssize_t)size;
}

/* From now on: another module of the process may have had the log. */
static int io_dpdk_log(void)
{
    if (!io_dpdk_all.log)
        io_dpdk_all.log = fopencookie(NULL, "w", (cookie_io_functions_t){.write = io_dpdk_say});
    return io_dpdk_all.log ? rte_openlog_stream(io_dpdk_all.log) : -ENOMEM;
}

/* The last word of libxdp or libbpf, which af_xdp uses and which else write to the screen themselves. */
static int io_dpdk_say_xdp(int level, const char *format, va_list arguments)
{
    if (level <= 1) { /* errors are information to them */
        (void)vsnprintf(io_dpdk_all.xdp, sizeof io_dpdk_all.xdp, format, arguments);
        io_dpdk_all.xdp[strcspn(io_dpdk_all.xdp, "\n")] = 0;
    }
    return 0;
}

/* They are there if the driver is; DPDK has loaded it. */
static void io_dpdk_log_xdp(void)
{
    static const char *const names[][2] = {{"libxdp.so.1", "libxdp_set_print"},
                                           {"libbpf.so.1", "libbpf_set_print"},
                                           {"libbpf.so.0", "libbpf_set_print"}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        void *library = dlopen(names[i][0], RTLD_LAZY | RTLD_NOLOAD);
        void *(*set)(int (*)(int, const char *, va_list)) = NULL;
        if (library)
            *(void **)&set = dlsym(library, names[i][1]);
        if (set)
            (void)set(io_dpdk_say_xdp);
    }
}

/* What was said about a device that was not opened. */
static void io_dpdk_why(char *why, size_t size)
{
    if (io_dpdk_all.why[0] && io_dpdk_all.xdp[0])
        (void)snprintf(why, size, "%s (%s)", io_dpdk_all.why, io_dpdk_all.xdp);
    else
        (void)snprintf(why, size, "%s", io_dpdk_all.why);
}

/* ---------------------------------------------------------------- once a process */

/* Kilobytes of free huge pages. */
static uint64_t io_dpdk_huge(void)
{
    FILE *f = fopen("/proc/meminfo", "re");
    char line[128];
    uint64_t pages = 0, size = 0, n;
    while (f && fgets(line, sizeof line, f)) {
        if (sscanf(line, "HugePages_Free: %lu", &n) == 1)
            pages = n;
        if (sscanf(line, "Hugepagesize: %lu", &n) == 1)
            size = n;
    }
    if (f)
        (void)fclose(f);
    return pages * size;
}

/* "--lcores=0@(0,1)" with the processors that this thread may run on, so that DPDK pins it to no other ones. */
static void io_dpdk_lcores(char *text, size_t size, const cpu_set_t *allowed)
{
    size_t n = (size_t)snprintf(text, size, "--lcores=0@(");
    const char *comma = "";
    for (uint32_t i = 0; i < CPU_SETSIZE && n + 8 < size; i++)
        if (CPU_ISSET(i, allowed)) {
            n += (size_t)snprintf(text + n, size - n, "%s%u", comma, i);
            comma = ",";
        }
    (void)snprintf(text + n, size - n, ")");
}

/* rte_eal_init, which writes its last words to the screen beside the log. */
static int io_dpdk_init(int n, char **args)
{
    int screen = dup(STDERR_FILENO), nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC), rc;
    if (screen >= 0 && nowhere >= 0)
        (void)dup2(nowhere, STDERR_FILENO);
    rc = rte_eal_init(n, args);
    if (screen >= 0) {
        (void)dup2(screen, STDERR_FILENO);
        (void)close(screen);
    }
    if (nowhere >= 0)
        (void)close(nowhere);
    return rc;
}

/* Starts DPDK: for all devices of the process, also those of other modules. 1 or -errno. */
static int io_dpdk_eal(const struct io_dpdk *d)
{
    char lcores[2048], memory[16], prefix[40], name[RTE_DEV_NAME_MAX_LEN];
    char *args[16];
    int n = 0, rc;
    cpu_set_t allowed;
    if (sched_getaffinity(0, sizeof allowed, &allowed) < 0)
        return -errno;
    io_dpdk_lcores(lcores, sizeof lcores, &allowed);
    (void)snprintf(memory, sizeof memory, "%d", MCC_DPDK_MB);
    (void)snprintf(prefix, sizeof prefix, "--file-prefix=mcc-%ld", (long)getpid());
    (void)snprintf(name, sizeof name, "%s", d->name);
    args[n++] = "mcc";
    args[n++] = lcores;
    args[n++] = prefix;
    args[n++] = "--no-telemetry";
    args[n++] = "--no-shconf";
    if (io_dpdk_huge() >= MCC_DPDK_HUGE_KB) {
        args[n++] = "--in-memory";
    } else {
        args[n++] = "--no-huge";
        args[n++] = "-m";
        args[n++] = memory;
    }
    if (d->pci) {
        args[n++] = "-a"; /* else all that are bound to a driver of user space would be taken */
        args[n++] = name;
    } else {
        args[n++] = "--no-pci";
    }
    args[n] = NULL;
    io_dpdk_all.pci = d->pci;
    rc = io_dpdk_init(n, args);
    (void)rmdir(rte_eal_get_runtime_dir()); /* made, and without --shconf not used */
    if (rc < 0 && !(rte_errno == EALREADY && rte_eal_tailq_lookup("RTE_MEMPOOL")))
        return -ENOTRECOVERABLE;
    (void)sched_setaffinity(0, sizeof allowed, &allowed);
    return 1;
}

/* A pool as fast without huge pages as with them: no element begins where the other ones do in a page, as those of
 * rte_pktmbuf_pool_create do there. */
static struct rte_mempool *io_dpdk_pool(void)
{
    struct rte_pktmbuf_pool_private about = {.mbuf_data_room_size = MCC_HEADROOM + MCC_BUFFER_ROOM,
                                             .mbuf_priv_size = MCC_DPDK_PRIVATE};
    uint32_t size =
        (uint32_t)sizeof(struct rte_mbuf) + MCC_DPDK_PRIVATE + MCC_HEADROOM + MCC_BUFFER_ROOM;
    struct rte_mempool *pool = rte_mempool_lookup("mcc");
    if (pool)
        return pool;
    pool = rte_mempool_create_empty("mcc", MCC_DPDK_MBUFS, size, MCC_DPDK_CACHE, sizeof about,
                                    SOCKET_ID_ANY, RTE_MEMPOOL_F_NO_IOVA_CONTIG);
    if (!pool)
        return NULL;
    rte_pktmbuf_pool_init(pool, &about);
    if (rte_mempool_populate_default(pool) < 0) {
        rte_mempool_free(pool);
        return NULL;
    }
    rte_mempool_obj_iter(pool, rte_pktmbuf_init, NULL);
    return pool;
}

static int io_dpdk_start(const struct io_dpdk *d)
{
    int rc = io_dpdk_log();
    if (rc == 0 && !io_dpdk_all.started)
        rc = io_dpdk_all.started = io_dpdk_eal(d);
    if (rc < 0 || io_dpdk_all.started < 0)
        return rc < 0 ? rc : io_dpdk_all.started;
    io_dpdk_log_xdp();
    if (d->pci && !io_dpdk_all.pci)
        return -EXDEV;
    if (!io_dpdk_all.pool)
        io_dpdk_all.pool = io_dpdk_pool();
    return io_dpdk_all.pool ? 0 : -ENOMEM;
}

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
static int io_dpdk_interface(struct mcc_io *io, const char *name, size_t len)
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
    io->mtu = (uint32_t)r.ifr_mtu;
    if (rc == 0 && ioctl(fd, SIOCGIFFLAGS, &r) < 0)
        rc = -errno;
    if (rc == 0 && !(r.ifr_flags & IFF_UP))
        rc = -ENETDOWN;
    (void)close(fd);
    return rc;
}

/* Looks at the interface that the arguments name, before a driver does, whose words say less. Other drivers (net_tap) make
 * the interface of that name. */
static int io_dpdk_look(struct mcc_io *io, const struct io_dpdk *d)
{
    bool stands = strncmp(d->name, "net_af_", 7) == 0 || strncmp(d->name, "net_pcap", 8) == 0;
    io->mtu = 0;
    for (const char *a = d->arguments; stands && *a; a += strcspn(a, ","), a += *a == ',')
        if (strncmp(a, "iface=", 6) == 0) {
            int rc = io_dpdk_interface(io, a + 6, strcspn(a + 6, ","));
            bool cuts = strncmp(d->name, "net_af_", 7) == 0;
            return rc == 0 && cuts && io->mtu > MCC_DPDK_MTU ? -EMSGSIZE : rc;
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
        rc = io_dpdk_look(io, d);
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
    if (d->gone)
        return d->gone;
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

/* Frames for which the device had no descriptor or mbuf, and damaged ones. It is asked for now and then: here the interface
 * is looked at too. */
static uint64_t io_dpdk_lost(struct mcc_io *io)
{
    struct io_dpdk *d = io->state;
    struct rte_eth_stats s;
    uint32_t mtu = io->mtu;
    int rc = io_dpdk_look(io, d);
    io->mtu = mtu;
    d->gone = rc == -ENETDOWN || rc == -ENODEV ? rc : 0;
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
                                        .lost = io_dpdk_lost};
