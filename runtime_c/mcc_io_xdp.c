#include "mcc_io_xdp.h"

#include <dlfcn.h>
#include <errno.h>
#include <linux/if_link.h>
#include <string.h>
#include <unistd.h>

/* A function of libxdp, or of libbpf, which libxdp brings along. */
#define XDP_SYMBOL(to, name)                                                                       \
    do {                                                                                           \
        void *symbol = dlsym(handle, name);                                                        \
        if (!symbol)                                                                               \
            return false;                                                                          \
        memcpy(&found->to, &symbol, sizeof found->to);                                             \
    } while (0)

static bool xdp_symbols(struct mcc_xdp_library *found, void *handle)
{
    XDP_SYMBOL(umem_create, "xsk_umem__create");
    XDP_SYMBOL(umem_delete, "xsk_umem__delete");
    XDP_SYMBOL(socket_create, "xsk_socket__create");
    XDP_SYMBOL(socket_delete, "xsk_socket__delete");
    XDP_SYMBOL(socket_fd, "xsk_socket__fd");
    XDP_SYMBOL(map_create, "bpf_map_create");
    XDP_SYMBOL(map_update, "bpf_map_update_elem");
    XDP_SYMBOL(program_load, "bpf_prog_load");
    XDP_SYMBOL(link_create, "bpf_link_create");
    return true;
}

const struct mcc_xdp_library *mcc_xdp_library(void)
{
    static struct mcc_xdp_library library;
    static bool there;
    if (!there) {
        void *handle =
            dlopen("libxdp.so.1", RTLD_NOW | RTLD_LOCAL); /* stays until the process ends */
        there = handle && xdp_symbols(&library, handle);
    }
    return there ? &library : NULL;
}

static int xdp_load(const struct mcc_xdp_library *lib, int map)
{
    const struct bpf_insn code[] = {
        /* r2 = the queue's number: a key of the map */
        {.code = BPF_LDX | BPF_MEM | BPF_W,
         .dst_reg = BPF_REG_2,
         .src_reg = BPF_REG_1,
         .off = offsetof(struct xdp_md, rx_queue_index)},
        /* r1 = the map, 64 bits in two */
        {.code = BPF_LD | BPF_DW | BPF_IMM,
         .dst_reg = BPF_REG_1,
         .src_reg = BPF_PSEUDO_MAP_FD,
         .imm = map},
        {.code = 0},
        /* r3 = what becomes of frames of queues that are not in the map */
        {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_3, .imm = XDP_PASS},
        {.code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_redirect_map},
        {.code = BPF_JMP | BPF_EXIT},
    };
    return lib->program_load(BPF_PROG_TYPE_XDP, "mcc_afxdp", "Dual BSD/GPL", code,
                             sizeof code / sizeof *code, NULL);
}

static int xdp_link(const struct mcc_xdp_library *lib, int program, int index, uint32_t mode)
{
    struct mcc_xdp_link_options options = {.size = sizeof options, .flags = mode};
    return lib->link_create(program, index, BPF_XDP, &options);
}

int mcc_xdp_attach(struct mcc_xdp_program *x, const struct mcc_xdp_library *lib, int index,
                   uint32_t queue, int socket, bool native)
{
    x->map = lib->map_create(BPF_MAP_TYPE_XSKMAP, "mcc_afxdp", 4, 4, queue + 1, NULL);
    if (x->map < 0)
        return x->map;
    int rc = lib->map_update(x->map, &queue, &socket, 0);
    if (rc < 0)
        return rc;
    x->program = xdp_load(lib, x->map);
    if (x->program < 0)
        return x->program;
    x->link = xdp_link(lib, x->program, index, XDP_FLAGS_DRV_MODE);
    if (x->link < 0 && !native && x->link != -EBUSY && x->link != -EEXIST && x->link != -EPERM)
        x->link = xdp_link(lib, x->program, index, XDP_FLAGS_SKB_MODE);
    return x->link < 0 ? x->link : 0;
}

static void xdp_shut(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}

void mcc_xdp_detach(struct mcc_xdp_program *x)
{
    xdp_shut(&x->link);
    xdp_shut(&x->program);
    xdp_shut(&x->map);
}
