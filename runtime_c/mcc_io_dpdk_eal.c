/* DPDK itself: started once a process, with one pool; what it says goes into messages. */
#include "mcc_io_dpdk_parts.h"

/* ---------------------------------------------------------------- what DPDK says */

struct io_dpdk_process io_dpdk_all;

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
void io_dpdk_why(char *why, size_t size)
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
    char name[RTE_MEMPOOL_NAMESIZE]; /* modules of one process may have buffers of two sizes */
    (void)snprintf(name, sizeof name, "mcc%u", size);
    struct rte_mempool *pool = rte_mempool_lookup(name);
    if (pool)
        return pool;
    pool = rte_mempool_create_empty(name, MCC_DPDK_MBUFS, size, MCC_DPDK_CACHE, sizeof about,
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

int io_dpdk_start(const struct io_dpdk *d)
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
