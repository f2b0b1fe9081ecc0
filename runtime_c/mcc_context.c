#include "mcc_context.h"

#include "mcc_made.h"

void mcc_context_fit(struct mcc_packet *p, uint32_t bytes)
{
    uint8_t *ip = p->data + p->l3;
    uint32_t end = (uint32_t)(p->content - p->data) + bytes, total = end - p->l3;
    if (p->layers & MCC_IP)
        mcc_put16(ip + 2, total < 65536 ? total : 0);
    else if (p->layers & MCC_IP6)
        mcc_put16(ip + 4, total - MCC_IP6_BYTES < 65536 ? total - MCC_IP6_BYTES : 0);
    if (p->layers & MCC_UDP)
        mcc_put16(p->data + p->l4 + 4, end - p->l4 < 65536 ? end - p->l4 : 0);
    p->len = p->wire_len = p->ip_end = end;
    mcc_packet_guard(p, p->len);
}

void mcc_datagram_close(struct mcc_packet *p)
{
    if (!(p->stream & MCC_STREAM_CHANGED))
        return;
    mcc_context_fit(p, p->content_len);
    if (p->layers & MCC_UDP && mcc_checksum_is_none(p)) {
        if (p->layers & MCC_IP)
            mcc_put16(p->data + p->l3 + 10, mcc_checksum_ip4(p->data + p->l3));
    } else {
        mcc_checksum_fill(p);
    }
    p->fix = 0;
    p->ip_delta = p->l4_delta = 0;
}
