#include "mcc_context.h"

#include "mcc_core.h"
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

bool mcc_datagram_open(struct mcc_packet *p, bool udp)
{
    uint32_t at = udp ? p->l4 + 8u : p->l4, end = p->ip_end;
    p->stream = 0;
    if (udp && at <= end) {
        const uint8_t *ip = p->data + p->l3;
        uint32_t total = p->layers & MCC_IP ? mcc_be16(ip + 2) : MCC_IP6_BYTES + mcc_be16(ip + 4);
        uint32_t length = mcc_be16(p->data + p->l4 + 4);
        if (length && (length < 8 || p->l4 + length > p->l3 + total))
            return false;
        if (length && p->l4 + length < end) /* 0: as long as the IP packet (RFC 2675) */
            end = p->l4 + length;
    }
    p->content = p->data + (at < end ? at : end);
    p->content_len = at < end ? end - at : 0;
    return true;
}

/* The datagram is to leave in fragments where it has become longer than it was, `came`, and than its port takes. */
static void datagram_limit(const struct mcc_core *core, struct mcc_packet *p, uint32_t came)
{
    uint32_t most = mcc_packet_mtu(p, core->least_mtu), limit = came > most ? came : most;
    if (p->mtu || p->ip_end - p->l3 <= limit || !(p->layers & (MCC_IP | MCC_IP6)))
        return;
    /* fragments are told by this number: of other content it is another one (FNV-1a) */
    uint64_t mixed = 0xcbf29ce484222325u;
    for (uint32_t i = p->l4; i < p->ip_end; i++)
        mixed = (mixed ^ p->data[i]) * 0x100000001b3u;
    uint8_t *ip = p->data + p->l3;
    p->mtu = (uint16_t)(came < 65535 ? came : 65535);
    p->stream |= MCC_STREAM_GROWN;
    p->frag_id = (uint32_t)(mixed >> 32);
    if (p->layers & MCC_IP && mcc_be16(ip + 4) == 0)
        mcc_put16(ip + 4, (uint32_t)(mixed >> 48) | 1);
}

void mcc_datagram_close(const struct mcc_core *core, struct mcc_packet *p)
{
    if (!(p->stream & MCC_STREAM_CHANGED))
        return;
    uint32_t came = p->ip_end - p->l3;
    mcc_context_fit(p, p->content_len);
    datagram_limit(core, p, came);
    if (p->layers & MCC_UDP && mcc_checksum_is_none(p)) {
        if (p->layers & MCC_IP)
            mcc_put16(p->data + p->l3 + 10, mcc_checksum_ip4(p->data + p->l3));
    } else {
        mcc_checksum_fill(p);
    }
    p->fix = 0;
    p->ip_delta = p->l4_delta = 0;
}
