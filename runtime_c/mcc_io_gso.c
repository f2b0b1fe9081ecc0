/* Super-frames: several segments under one header, as TSO and GRO make them. */
#include "mcc_io.h"

#include "mcc_parse.h"

static void io_put16(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static void io_put32(uint8_t *at, uint32_t value)
{
    io_put16(at, value >> 16);
    io_put16(at + 2, value);
}

/* Makes the copied header of segment `number` (payload from `done` on, `n` bytes, `last` or not) that of a packet of its own. */
static void io_segment_header(struct mcc_packet *p, uint32_t head, uint32_t number, uint32_t done,
                              uint32_t n, bool last)
{
    uint8_t *ip = p->data + p->l3, *l4 = p->data + p->l4;
    if (p->layers & MCC_IP) {
        io_put16(ip + 2, head + n - p->l3);
        io_put16(ip + 4, mcc_be16(ip + 4) + number);
    } else {
        io_put16(ip + 4, head + n - p->l3 - 40u);
    }
    if (p->layers & MCC_TCP) {
        io_put32(l4 + 4, mcc_be32(l4 + 4) + done);
        if (!last)
            l4[13] &= (uint8_t)~0x09u; /* FIN and PSH are of the last one */
        if (number)
            l4[13] &= (uint8_t)~0x80u; /* CWR is of the first one, RFC 3168 */
    } else {
        io_put16(l4 + 4, 8 + n);
        io_put16(l4 + 6, 1); /* it has a checksum */
    }
    p->ip_end = head + n;
    mcc_checksum_fill(p);
}

bool mcc_io_cut(struct mcc_io_sink *sink, uint8_t port, uint8_t *frame, uint32_t len, uint32_t size)
{
    struct mcc_packet whole = {.data = frame, .len = len, .link = MCC_LINK_ETHERNET};
    mcc_parse(&whole);
    if (!size || !(whole.layers & (MCC_TCP | MCC_UDP)))
        return false;
    uint32_t head = whole.l4 + (whole.layers & MCC_TCP ? 4u * (frame[whole.l4 + 12] >> 4) : 8u);
    if (head > whole.ip_end)
        return false;
    uint32_t number = 0, done = 0, payload = whole.ip_end - head;
    do {
        uint32_t n = payload - done < size ? payload - done : size;
        struct mcc_port_count *c = &sink->core->ports[port];
        struct mcc_packet *p = mcc_buffer_get(sink->core->buffers, head + n);
        c->rx_packets++;
        c->rx_bytes += head + n;
        if (p) {
            memcpy(p->data, frame, head);
            memcpy(p->data + head, frame + head + done, n);
            p->at = sink->now;
            p->in_port = port;
            p->link = MCC_LINK_ETHERNET;
            p->layers = whole.layers;
            p->l3 = whole.l3;
            p->l4 = whole.l4;
            p->proto = whole.proto;
            io_segment_header(p, head, number, done, n, done + n == payload);
            mcc_io_give(sink, p);
        } else {
            sink->core->drops[MCC_DROP_NO_BUFFER]++;
        }
        done += n;
        number++;
    } while (done < payload);
    return true;
}

uint16_t mcc_io_pseudo(const struct mcc_packet *p)
{
    const uint8_t *ip = p->data + p->l3;
    uint64_t sum = p->layers & MCC_IP ? mcc_checksum_sum(ip + 12, 8) : mcc_checksum_sum(ip + 8, 32);
    return mcc_checksum_fold(sum + (uint64_t)p->proto + (p->ip_end - p->l4));
}

void mcc_io_partial(struct mcc_packet *p)
{
    io_put16(p->data + mcc_checksum_l4_at(p), mcc_io_pseudo(p));
}
