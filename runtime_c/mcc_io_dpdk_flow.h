/* What mcc_io_dpdk.c asks of mcc_io_dpdk_flow.c: rules of rte_flow, and marks. */
#ifndef MCC_IO_DPDK_FLOW_H
#define MCC_IO_DPDK_FLOW_H

#include <rte_mbuf.h>

#include "mcc_io.h"
#include "mcc_offload.h"

/* Before the device is configured: it is to hand over marks. */
void mcc_dpdk_flow_ask(const struct mcc_io *io, uint16_t device);

/* When it has started: the patterns of io's port become rules, those of each shape up to the first that it does not
 * take; io->why says how many are missing and why, empty: none. */
void mcc_dpdk_flow_install(struct mcc_io *io, uint16_t device);

/* Takes every rule of the device out. */
void mcc_dpdk_flow_remove(uint16_t device);

/* The mark that the device gave a frame; 0: none. */
static inline uint32_t mcc_dpdk_flow_mark(const struct rte_mbuf *m)
{
    return m->ol_flags & RTE_MBUF_F_RX_FDIR_ID ? m->hash.fdir.hi : 0;
}

#endif
