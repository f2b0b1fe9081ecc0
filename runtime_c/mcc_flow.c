#include "mcc_flow.h"

#include <errno.h>

#include "mcc_mem.h"

enum { SECOND_CHANCES = 8, TCP_FIN = 1, TCP_SYN = 2, TCP_RST = 4, TCP_ACK = 16 };

int mcc_flows_init(struct mcc_flows *flows, uint32_t capacity, uint32_t size, uint64_t seed)
{
    struct mcc_flows f = {.capacity = capacity};
    size_t bytes = ((size_t)capacity + 1) * sizeof *f.cold;
    f.cold = mcc_mem_map(bytes);
    bool pool = mcc_pool_init(&f.pool, capacity, size) == 0;
    bool table = mcc_table_init(&f.table, 2 * capacity, seed) == 0;
    if (f.cold && pool && table &&
        mcc_wheel_init(&f.wheel, &f.cold->timer, sizeof *f.cold, capacity, 0) == 0) {
        *flows = f;
        return 0;
    }
    if (pool)
        mcc_pool_free(&f.pool);
    if (table)
        mcc_table_free(&f.table);
    mcc_mem_unmap(f.cold, bytes);
    return -ENOMEM;
}

void mcc_flows_free(struct mcc_flows *flows)
{
    if (!flows->cold)
        return;
    mcc_pool_free(&flows->pool);
    mcc_table_free(&flows->table);
    mcc_mem_unmap(flows->cold, ((size_t)flows->capacity + 1) * sizeof *flows->cold);
    memset(flows, 0, sizeof *flows);
}

int mcc_flow_tcp_close(uint32_t fin[2], struct mcc_fcb *mine, struct mcc_fcb *other,
                       const struct mcc_packet *p, unsigned direction)
{
    const uint8_t *tcp = p->data + p->l4;
    uint8_t flags = tcp[13];
    unsigned closing = mine->closing;
    if (flags & TCP_RST)
        return MCC_END_RST;
    if (flags & TCP_FIN) {
        uint32_t length = mcc_payload(p) + 1 + (flags & TCP_SYN ? 1 : 0);
        fin[direction] = mcc_be32(tcp + 4) + length;
        closing |= MCC_CLOSING_FIN << direction;
    }
    unsigned far = 1 - direction;
    if (flags & TCP_ACK && closing & MCC_CLOSING_FIN << far &&
        (int32_t)(mcc_be32(tcp + 8) - fin[far]) >= 0)
        closing |= MCC_CLOSING_ACKED << far;
    mine->closing = other->closing = (uint8_t)closing;
    return closing == MCC_CLOSING_ALL ? MCC_END_FIN : -1;
}

uint32_t mcc_flow_victim(struct mcc_flows *flows,
                         uint32_t (*last)(const struct mcc_flows *, uint32_t))
{
    if (flows->embryonic.head)
        return flows->embryonic.head;
    uint32_t best = 0, best_tick = UINT32_MAX;
    for (unsigned i = 0; i < SECOND_CHANCES && flows->settled.head; i++) {
        uint32_t index = flows->settled.head;
        uint32_t tick = last(flows, index);
        if (tick < best_tick) {
            best = index;
            best_tick = tick;
        }
        if (flows->settled.tail == index)
            break;
        mcc_flow_remove(flows, &flows->settled, index);
        mcc_flow_push(flows, &flows->settled, index);
    }
    return best;
}
