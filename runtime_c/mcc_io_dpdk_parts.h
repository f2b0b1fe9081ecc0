/* What the two halves of the dpdk port share: its devices (mcc_io_dpdk.c), and DPDK itself (mcc_io_dpdk_eal.c). */
#ifndef MCC_IO_DPDK_PARTS_H
#define MCC_IO_DPDK_PARTS_H

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
    int socket;            /* the driver's, of net_af_xdp; inode 0: none */
    ino_t inode;
};

/* What a process has of DPDK, once. */
struct io_dpdk_process {
    char why[160], xdp[160]; /* the first error, the last warning, since they were emptied */
    FILE *log;               /* stays open: DPDK may write to it at any time */
    struct rte_mempool *pool;
    int started; /* 1, or -errno: there is no second start */
    bool pci;
};
extern struct io_dpdk_process io_dpdk_all;

/* DPDK is up, with a pool, for a device: 0, or -errno; -EXDEV: it was started without PCI devices. */
int io_dpdk_start(const struct io_dpdk *d);

/* What DPDK said about a device that was not opened. */
void io_dpdk_why(char *why, size_t size);

#endif
