#include "mcc_core.h"

#include <errno.h>
#include <stdlib.h>

#include "mcc_made.h"

enum { LOG_FIRST = 1 << 16, LOG_MAX = 1 << 26 };

int mcc_core_init(struct mcc_core *core, const struct mcc_config *config)
{
    struct mcc_core fresh = {
        .start = config->start,
        .now = config->start,
        .due = UINT64_MAX,
        .rebase = config->start < UINT64_MAX - MCC_EPOCH ? config->start + MCC_EPOCH : UINT64_MAX,
        .checksums = config->checksums,
        .core = config->core,
        .cores = config->cores ? config->cores : 1,
        .steer_seed = config->steer_seed,
        .max_sessions = config->max_sessions};
    fresh.out = calloc(MCC_OUT_MAX, sizeof *fresh.out);
    fresh.buffers = calloc(1, sizeof *fresh.buffers);
    if (!fresh.out || !fresh.buffers ||
        mcc_buffers_init(fresh.buffers, config->buffers, config->large_buffers) != 0) {
        free(fresh.out);
        free(fresh.buffers);
        return -ENOMEM;
    }
#if MCC_INNER
    if (mcc_inflate_new(&fresh.inflate) != 0) {
        mcc_core_free(&fresh);
        return -ENOMEM;
    }
#endif
    for (uint32_t i = 0; i < MCC_MAX_PORTS; i++)
        fresh.mtu[i] = MCC_ETH_MTU;
    fresh.least_mtu = MCC_ETH_MTU;
    fresh.sessions.on = config->log_sessions;
    fresh.alerts.on = config->log_alerts;
    *core = fresh;
    return 0;
}

void mcc_core_free(struct mcc_core *core)
{
    if (core->buffers)
        mcc_buffers_free(core->buffers);
#if MCC_INNER
    mcc_inflate_free(core->inflate);
#endif
    free(core->buffers);
    free(core->out);
    free(core->sessions.base);
    free(core->alerts.base);
    memset(core, 0, sizeof *core);
}

void mcc_core_set_mtu(struct mcc_core *core, uint32_t port, uint32_t mtu)
{
    core->mtu[port] = (uint16_t)(mtu == 0 ? MCC_ETH_MTU : mtu < UINT16_MAX ? mtu : UINT16_MAX);
    core->least_mtu = core->mtu[0];
    for (uint32_t i = 1; i < MCC_MAX_PORTS; i++)
        if (core->mtu[i] < core->least_mtu)
            core->least_mtu = core->mtu[i];
}

uint8_t *mcc_log_take(struct mcc_log *log, size_t n)
{
    if (!log->on)
        return NULL;
    if (log->size - log->used < n) {
        size_t size = log->size ? log->size * 2 : LOG_FIRST;
        while (size - log->used < n && size < LOG_MAX)
            size *= 2;
        uint8_t *base = size <= LOG_MAX && size - log->used >= n ? realloc(log->base, size) : NULL;
        if (!base) {
            log->lost++;
            return NULL;
        }
        log->base = base;
        log->size = size;
    }
    uint8_t *at = log->base + log->used;
    log->used += n;
    return at;
}

struct mcc_packet *mcc_core_receive(struct mcc_core *core, const uint8_t *data, uint32_t len,
                                    uint32_t wire_len, uint64_t at, uint8_t port, uint8_t link)
{
    core->ports[port].rx_packets++;
    core->ports[port].rx_bytes += len;
    struct mcc_packet *p = mcc_buffer_get(core->buffers, len);
    if (!p) {
        core->drops[MCC_DROP_NO_BUFFER]++;
        return NULL;
    }
    if (len)
        memcpy(p->data, data, len);
    p->len = len;
    p->wire_len = wire_len < len ? len : wire_len;
    p->at = at;
    p->in_port = port;
    p->link = link;
    p->fix = 0;
#ifdef MCC_MARKS
    p->mark = core->mark;
#endif
    p->ip_delta = p->l4_delta = 0;
    p->next_hop = 0;
    return p;
}
