/* Frames on their way in and out of live ports: checksums that were left to the device, tags, lengths. */
#include "mcc_io.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "mcc_mem.h"
#include "mcc_parse.h"

_Static_assert(sizeof(struct mcc_io_header) == 10, "the header is the kernel's");

int mcc_io_slots(struct mcc_io *io)
{
    io->slots = calloc(MCC_IO_BURST, sizeof *io->slots);
    io->spills = mcc_mem_map((size_t)MCC_IO_BURST * MCC_IO_SLOT);
    if (!io->slots || !io->spills) {
        mcc_io_slots_free(io, NULL);
        return -ENOMEM;
    }
    for (uint32_t i = 0; i < MCC_IO_BURST; i++) {
        struct mcc_io_slot *s = &io->slots[i];
        s->spill = io->spills + (size_t)i * MCC_IO_SLOT;
        s->part[0] = (struct iovec){&s->header, sizeof s->header};
        s->part[1] = (struct iovec){s->spill, MCC_BUFFER_ROOM};
        s->part[2] = (struct iovec){s->spill + MCC_BUFFER_ROOM, MCC_IO_LONGEST};
    }
    return 0;
}

void mcc_io_slots_free(struct mcc_io *io, struct mcc_core *core)
{
    for (uint32_t i = 0; io->slots && i < MCC_IO_BURST; i++)
        if (io->slots[i].packet)
            mcc_buffer_put(core->buffers, io->slots[i].packet);
    free(io->slots);
    if (io->spills)
        mcc_mem_unmap(io->spills, (size_t)MCC_IO_BURST * MCC_IO_SLOT);
    io->slots = NULL;
    io->spills = NULL;
}

void mcc_io_slot_ready(struct mcc_io_slot *slot, struct mcc_core *core)
{
    if (!slot->packet)
        slot->packet = mcc_buffer_get(core->buffers, MCC_BUFFER_ROOM);
    slot->part[1].iov_base = slot->packet ? slot->packet->data : slot->spill;
}

/* ---------------------------------------------------------------- in */

/* Puts a tag back where the kernel took it out: IEEE 802.1Q, behind the addresses. */
static void io_frame_tag(struct mcc_packet *p, uint32_t tag)
{
    mcc_packet_unguard(p->data - 4, p->len + 4u);
    memmove(p->data - 4, p->data, 12);
    p->data -= 4;
    p->headroom = (uint16_t)(p->headroom - 4);
    p->room += 4;
    p->len += 4;
    p->data[12] = (uint8_t)(tag >> 24);
    p->data[13] = (uint8_t)(tag >> 16);
    p->data[14] = (uint8_t)(tag >> 8);
    p->data[15] = (uint8_t)tag;
}

/* Completes the checksum that its sender left to the device: the sum from `start` on, at `offset` behind. */
static void io_frame_complete(struct mcc_packet *p, uint32_t start, uint32_t offset)
{
    uint32_t at = start + offset;
    if (at + 2 > p->len || start > at)
        return;
    struct mcc_packet seen = {.data = p->data, .len = p->len, .link = p->link};
    mcc_parse(&seen);
    uint32_t end = seen.ip_end > at + 2 ? seen.ip_end : p->len;
    uint16_t sum = (uint16_t)~mcc_checksum_sum(p->data + start,
                                               end - start); /* the field holds the pseudo header */
    mcc_checksum_write(p->data + at, sum, seen.layers & MCC_UDP);
}

/* The whole of a long frame at the end of its slot's room: its beginning is in the buffer. */
static uint8_t *io_frame_whole(struct mcc_io_slot *slot)
{
    if (slot->packet)
        memcpy(slot->spill, slot->packet->data, MCC_BUFFER_ROOM);
    return slot->spill;
}

static void io_frame_long(struct mcc_io *io, struct mcc_io_slot *slot, uint32_t len, uint32_t tag,
                          struct mcc_io_sink *sink)
{
    struct mcc_core *core = sink->core;
    uint8_t *whole = io_frame_whole(slot);
    uint32_t size = slot->header.gso_size;
    if (size && sink->split && !tag) {
        core->ports[io->port].rx_errors += !mcc_io_cut(sink, io->port, whole, len, size);
        return;
    }
    struct mcc_packet *p =
        mcc_core_receive(core, whole, len, len, sink->now, io->port, MCC_LINK_ETHERNET);
    if (!p)
        return;
    if (tag)
        io_frame_tag(p, tag);
    if (slot->header.flags & MCC_IO_NEEDS_CSUM)
        io_frame_complete(p, slot->header.csum_start + (tag ? 4u : 0), slot->header.csum_offset);
    if (size && sink->split) {
        struct mcc_port_count *c = &core->ports[io->port];
        c->rx_packets--; /* its segments are counted */
        c->rx_bytes -= len;
        c->rx_errors += !mcc_io_cut(sink, io->port, p->data, p->len, size);
        mcc_buffer_put(core->buffers, p);
        return;
    }
    p->gso = (uint16_t)size;
    mcc_io_give(sink, p);
}

void mcc_io_arrived(struct mcc_io *io, struct mcc_io_slot *slot, uint32_t len, uint32_t tag,
                    struct mcc_io_sink *sink)
{
    struct mcc_core *core = sink->core;
    struct mcc_packet *p = slot->packet;
    if (slot->header.gso_type == MCC_IO_GSO_NONE)
        slot->header.gso_size = 0;
    io->supers += slot->header.gso_size != 0;
    if (len > MCC_BUFFER_ROOM || slot->header.gso_size) {
        io_frame_long(io, slot, len, tag, sink);
        return;
    }
    core->ports[io->port].rx_packets++;
    core->ports[io->port].rx_bytes += len;
    if (!p) {
        core->drops[MCC_DROP_NO_BUFFER]++;
        return;
    }
    slot->packet = NULL;
    p->len = p->wire_len = len;
    p->at = sink->now;
    p->in_port = io->port;
    p->link = MCC_LINK_ETHERNET;
    if (tag)
        io_frame_tag(p, tag);
    mcc_packet_guard(p, p->len);
    p->wire_len = p->len;
    if (slot->header.flags & MCC_IO_NEEDS_CSUM)
        io_frame_complete(p, slot->header.csum_start + (tag ? 4u : 0), slot->header.csum_offset);
    mcc_io_give(sink, p);
}

void mcc_io_give(struct mcc_io_sink *sink, struct mcc_packet *p)
{
    sink->packets[sink->n++] = p;
    if (sink->n == MCC_BURST)
        mcc_io_flush(sink);
}

void mcc_io_flush(struct mcc_io_sink *sink)
{
    uint32_t n = sink->n;
    sink->n = 0;
    if (sink->sort && n)
        n = sink->sort(sink, sink->packets, n);
    if (n)
        sink->burst(sink->box, sink->packets, n);
    sink->drain(sink);
}

/* ---------------------------------------------------------------- out */

bool mcc_io_header_of(struct mcc_packet *p, struct mcc_io_header *h)
{
    *h = (struct mcc_io_header){.gso_type = MCC_IO_GSO_NONE};
    if (!p->gso)
        return true;
    mcc_parse(p);
    if (!(p->layers & (MCC_TCP | MCC_UDP)))
        return false;
    bool tcp = p->layers & MCC_TCP;
    uint32_t head = p->l4 + (tcp ? 4u * (p->data[p->l4 + 12] >> 4) : 8u);
    if (p->len <= head + p->gso)
        return true;
    mcc_io_partial(p);
    h->flags = MCC_IO_NEEDS_CSUM;
    h->gso_type = !tcp                 ? MCC_IO_GSO_UDP_L4
                  : p->layers & MCC_IP ? MCC_IO_GSO_TCPV4
                                       : MCC_IO_GSO_TCPV6;
    h->hdr_len = (uint16_t)head;
    h->gso_size = p->gso;
    h->csum_start = p->l4;
    h->csum_offset = tcp ? 16 : 6;
    return true;
}

void mcc_io_refused(struct mcc_io *io, struct mcc_core *core, const struct mcc_packet *p, int error)
{
    struct mcc_port_count *c = &core->ports[io->port];
    c->tx_packets--;
    c->tx_bytes -= p->len;
    core->drops[MCC_DROP_REFUSED]++;
    io->too_long += error == EMSGSIZE;
}
