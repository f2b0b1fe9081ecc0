/* What afxdp ports need of libxdp and libbpf, and the one XDP program that they attach.
 *
 * The libraries are looked for when the first port opens (dlopen), not when the module is compiled: a module runs without
 * them, with the other types of ports. Their structures are repeated here; they are part of the ABI of libxdp.so.1.
 */
#ifndef MCC_IO_XDP_H
#define MCC_IO_XDP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/bpf.h>
#include <linux/if_xdp.h>

struct xsk_umem;
struct xsk_socket;

struct mcc_xdp_ring {                  /* struct xsk_ring_prod, struct xsk_ring_cons */
    uint32_t cached_prod, cached_cons; /* libxdp's own functions use them */
    uint32_t mask, size;
    uint32_t *producer, *consumer; /* shared with the kernel, as `ring` and `flags` are */
    void *ring;
    uint32_t *flags;
};

struct mcc_xdp_umem_config { /* struct xsk_umem_config */
    uint32_t fill_size, comp_size, frame_size, frame_headroom, flags;
};

struct mcc_xdp_socket_config { /* struct xsk_socket_config */
    uint32_t rx_size, tx_size, libxdp_flags, xdp_flags;
    uint16_t bind_flags;
};

struct mcc_xdp_link_options { /* struct bpf_link_create_opts, its first version */
    size_t size;
    uint32_t flags, zero; /* no padding: libbpf wants everything behind `flags` to be 0 */
};

enum { MCC_XDP_INHIBIT_PROG_LOAD = 1 }; /* XSK_LIBXDP_FLAGS__INHIBIT_PROG_LOAD */

struct mcc_xdp_library {
    int (*umem_create)(struct xsk_umem **umem, void *area, uint64_t size, struct mcc_xdp_ring *fill,
                       struct mcc_xdp_ring *done, const struct mcc_xdp_umem_config *config);
    int (*umem_delete)(struct xsk_umem *umem);
    int (*socket_create)(struct xsk_socket **socket, const char *device, uint32_t queue,
                         struct xsk_umem *umem, struct mcc_xdp_ring *rx, struct mcc_xdp_ring *tx,
                         const struct mcc_xdp_socket_config *config);
    void (*socket_delete)(struct xsk_socket *socket);
    int (*socket_fd)(const struct xsk_socket *socket);
    int (*map_create)(enum bpf_map_type type, const char *name, uint32_t key, uint32_t value,
                      uint32_t entries, const void *options);
    int (*map_update)(int map, const void *key, const void *value, uint64_t flags);
    int (*program_load)(enum bpf_prog_type type, const char *name, const char *license,
                        const struct bpf_insn *code, size_t n, const void *options);
    int (*link_create)(int program, int target, enum bpf_attach_type type,
                       const struct mcc_xdp_link_options *options);
};

/* The libraries, loaded once a process; NULL: they are not installed. */
const struct mcc_xdp_library *mcc_xdp_library(void);

/* The program and what holds it. A link is detached when its last descriptor is closed, however the process ends. */
struct mcc_xdp_program {
    int map, program, link; /* -1: not there */
};

/* Frames of `queue` of the interface go to the socket from now on, all others go on as they did. native: only where the driver
 * runs it. 0 or -errno: EBUSY or EEXIST another program is attached; mcc_xdp_detach() is the caller's then, too. */
int mcc_xdp_attach(struct mcc_xdp_program *x, const struct mcc_xdp_library *lib, int index,
                   uint32_t queue, int socket, bool native);
/* The interface is as it was. */
void mcc_xdp_detach(struct mcc_xdp_program *x);

/* ---------------------------------------------------------------- rings: one side is ours, the other the kernel's */

/* Entries that the kernel has produced and we have not consumed. */
static inline uint32_t mcc_xdp_ready(const struct mcc_xdp_ring *r)
{
    return __atomic_load_n(r->producer, __ATOMIC_ACQUIRE) - *r->consumer;
}

/* Entries that we have produced and the kernel has not consumed. */
static inline uint32_t mcc_xdp_pending(const struct mcc_xdp_ring *r)
{
    return *r->producer - __atomic_load_n(r->consumer, __ATOMIC_ACQUIRE);
}

static inline void mcc_xdp_consumed(struct mcc_xdp_ring *r, uint32_t n)
{
    __atomic_store_n(r->consumer, *r->consumer + n, __ATOMIC_RELEASE);
}

static inline void mcc_xdp_produced(struct mcc_xdp_ring *r, uint32_t n)
{
    __atomic_store_n(r->producer, *r->producer + n, __ATOMIC_RELEASE);
}

static inline bool mcc_xdp_sleeps(const struct mcc_xdp_ring *r)
{
    return __atomic_load_n(r->flags, __ATOMIC_RELAXED) & XDP_RING_NEED_WAKEUP;
}

/* An entry of the fill or the completion ring: an offset into the memory. */
static inline uint64_t *mcc_xdp_chunk(const struct mcc_xdp_ring *r, uint32_t at)
{
    return (uint64_t *)r->ring + (at & r->mask);
}

/* An entry of the rx or the tx ring. */
static inline struct xdp_desc *mcc_xdp_frame(const struct mcc_xdp_ring *r, uint32_t at)
{
    return (struct xdp_desc *)r->ring + (at & r->mask);
}

#endif
