/* Everything a module includes: the runtime is compiled into it, and what it exports is declared here. */
#ifndef MCC_RUNTIME_H
#define MCC_RUNTIME_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif

#include <stdlib.h>
#include <string.h>

#include "mcc_packet.h"
#include "mcc_offload.h"
#include "mcc_parse.h"
#include "mcc_checksum.h"
#include "mcc_hash.h"
#include "mcc_steer.h"
#include "mcc_mem.h"
#include "mcc_list.h"
#include "mcc_pool.h"
#include "mcc_table.h"
#include "mcc_wheel.h"
#include "mcc_buffers.h"
#include "mcc_map.h"
#include "mcc_ports.h"
#include "mcc_made.h"
#include "mcc_header.h"
#include "mcc_inflate.h"
#include "mcc_core.h"
#if MCC_INNER
#include "mcc_inner.h"
#endif
#include "mcc_flow.h"
#include "mcc_stream.h"
#include "mcc_words.h"
#include "mcc_context.h"
#include "mcc_frag.h"
#include "mcc_tcp.h"
#include "mcc_icmp.h"
#include "mcc_capture.h"
#include "mcc_capture_writer.h"
#include "mcc_sides.h"
#include "mcc_ring.h"
#include "mcc_heavy.h"
#include "mcc_replay.h"
#include "mcc_io.h"
#include "mcc_crew.h"
#include "mcc_io_loop.h"

#include "mcc_mem.c"
#include "mcc_pool.c"
#include "mcc_table.c"
#include "mcc_wheel.c"
#include "mcc_buffers.c"
#include "mcc_map.c"
#include "mcc_ports.c"
#if MCC_INNER
#include "mcc_inflate.c"
#endif
#include "mcc_core.c"
#if MCC_INNER /* of chains with Port(inner=True) */
#include "mcc_inner_find.c"
#include "mcc_inner_mend.c"
#include "mcc_inner_ipcomp.c"
#include "mcc_inner.c"
#endif
#include "mcc_flow.c"
#ifdef MCC_STREAMS /* of chains with contexts: a third of the runtime */
#include "mcc_edits.c"
#include "mcc_stream.c"
#include "mcc_words.c"
#include "mcc_context.c"
#include "mcc_frag.c"
#include "mcc_frag_out.c"
#include "mcc_tcp.c"
#include "mcc_tcp_again.c"
#include "mcc_tcp_made.c"
#include "mcc_tcp_order.c"
#include "mcc_tcp_open.c"
#include "mcc_tcp_kept.c"
#include "mcc_tcp_header.c"
#include "mcc_tcp_out.c"
#include "mcc_tcp_time.c"
#include "mcc_icmp.c"
#endif
#include "mcc_capture.c"
#include "mcc_capture_writer.c"
#include "mcc_sides.c"
#include "mcc_ring.c"
#include "mcc_replay.c"
#include "mcc_io_frame.c"
#include "mcc_io_gso.c"
#include "mcc_io_afpacket.c"
#include "mcc_io_tap.c"
#include "mcc_io_xdp.c"
#include "mcc_io_afxdp.c"
#include "mcc_io_null.c"
#ifdef MCC_DPDK
#include "mcc_io_dpdk_eal.c"
#include "mcc_io_dpdk.c"
#include "mcc_io_dpdk_flow.c"
#endif
#include "mcc_crew.c"
#include "mcc_io_loop.c"

struct mcc_box;

struct mcc_flow_layout {
    uint32_t size, fcb0, fcb1, conn, head;
};

struct mcc_box *mcc_box_open(const struct mcc_config *config);
void mcc_box_close(struct mcc_box *box);
struct mcc_core *mcc_box_core(struct mcc_box *box);
void mcc_box_receive(struct mcc_box *box, uint8_t port, uint8_t link, const uint8_t *data,
                     uint32_t len, uint32_t wire_len, uint64_t at);
void mcc_box_flush(struct mcc_box *box);
void mcc_box_burst(struct mcc_box *box, struct mcc_packet **packets, uint32_t n);
void mcc_box_advance(struct mcc_box *box, uint64_t to);
void mcc_box_finish(struct mcc_box *box, bool run_out);
uint32_t mcc_box_out(struct mcc_box *box, struct mcc_packet ***packets);
void mcc_box_sent(struct mcc_box *box);
uint32_t mcc_box_buffers(const struct mcc_box *box);
/* The core of parsed packet p; *spread: of what that is decided, 0: nothing. */
uint32_t mcc_box_owner(const struct mcc_box *box, const struct mcc_packet *p, uint32_t *spread);
uint32_t mcc_box_owner_of(const struct mcc_box *box, uint8_t port, uint8_t link,
                          const uint8_t *data, uint32_t len, uint32_t *spread);
const struct mcc_count *mcc_box_walks(const struct mcc_box *box, uint32_t *n);
const struct mcc_count *mcc_box_sites(const struct mcc_box *box, uint32_t *n);
const uint64_t *mcc_box_drops(const struct mcc_box *box, uint32_t *n);
const struct mcc_tcp_counts *mcc_box_contexts(const struct mcc_box *box); /* NULL: no streams */
const uint64_t *mcc_box_faults(const struct mcc_box *box);
void *mcc_box_value(struct mcc_box *box, uint32_t number);
void mcc_box_replay_ops(struct mcc_replay_ops *ops);
void mcc_box_loop_ops(struct mcc_loop_ops *ops);
extern const struct mcc_flow_layout mcc_box_layout[];

#endif
