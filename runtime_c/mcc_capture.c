#include "mcc_capture.h"

#include <stdlib.h>
#include <string.h>

enum {
    CAPTURE_NS = 1000000000,
    PCAP_MAGIC_US = 0xa1b2c3d4u,
    PCAP_MAGIC_NS = 0xa1b23c4du,
    PCAP_MAGIC_MODIFIED = 0xa1b2cd34u, /* Kuznetzov's: 8 more bytes in a record header */
    NG_SECTION = 0x0a0d0d0au,          /* block types; this one is the same in both byte orders */
    NG_INTERFACE = 1,
    NG_OLD_PACKET = 2,
    NG_SIMPLE = 3,
    NG_PACKET = 6,
    NG_BYTE_ORDER = 0x1a2b3c4du,
    NG_OPTION_RESOLUTION = 9,
    NG_OPTION_OFFSET = 14,
    NG_MAX_INTERFACES = 65536,
    NG_RESOLUTION_US = 6,
    NG_RESOLUTION_NS = 9,
};

/* ---------------------------------------------------------------- numbers in the file's byte order */

static uint32_t capture_load32(const struct mcc_capture *r, const uint8_t *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return r->swapped ? __builtin_bswap32(v) : v;
}

static uint16_t capture_load16(const struct mcc_capture *r, const uint8_t *p)
{
    uint16_t v;
    memcpy(&v, p, sizeof v);
    return r->swapped ? __builtin_bswap16(v) : v;
}

static uint64_t capture_load64(const struct mcc_capture *r, const uint8_t *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return r->swapped ? __builtin_bswap64(v) : v;
}

static int capture_damaged(struct mcc_capture *r, const char *error)
{
    r->error = error;
    return -1;
}

/* Times stay in [0, INT64_MAX] (1970 to 2262), so that a timeout can be added to any of them. */
static uint64_t capture_clamp_ns(__int128 ns)
{
    return ns < 0 ? 0 : ns > INT64_MAX ? INT64_MAX : (uint64_t)ns;
}

/* ---------------------------------------------------------------- pcap */

static int pcap_open(struct mcc_capture *r)
{
    const uint8_t *p = r->base;
    uint32_t magic = capture_load32(r, p);
    uint16_t major = capture_load16(r, p + 4), minor = capture_load16(r, p + 6);

    if (major != 2 && major != 543)
        return capture_damaged(r, "a pcap file of an unknown version");
    r->nanosecond = magic == PCAP_MAGIC_NS;
    r->record_header = magic == PCAP_MAGIC_MODIFIED ? 24 : MCC_CAPTURE_RECORD_HEADER;
    r->lengths_mixed = major == 543 || minor <= 3;
    /* the upper half tells about frame check sequences */
    r->linktype = (uint16_t)(capture_load32(r, p + 20) & 0xffff);
    r->offset = MCC_CAPTURE_FILE_HEADER;
    return 0;
}

static int pcap_next(struct mcc_capture *r, struct mcc_capture_record *record)
{
    size_t left = r->length - r->offset;
    const uint8_t *p = r->base + r->offset;
    uint32_t caplen, len;

    if (left == 0)
        return 0;
    if (left < r->record_header)
        return capture_damaged(r, "cut inside a record header");
    caplen = capture_load32(r, p + 8);
    len = capture_load32(r, p + 12);
    if (r->lengths_mixed && caplen > len) {
        uint32_t exchanged = caplen;
        caplen = len;
        len = exchanged;
    }
    if (caplen > MCC_CAPTURE_MAX_FRAME)
        return capture_damaged(r, "a record longer than 262144 bytes");
    if (caplen > left - r->record_header)
        return capture_damaged(r, "cut inside a record");
    record->data = p + r->record_header;
    record->caplen = caplen;
    record->len = len < caplen ? caplen : len;
    record->at = (uint64_t)capture_load32(r, p) * CAPTURE_NS;
    record->at += (uint64_t)capture_load32(r, p + 4) * (r->nanosecond ? 1 : 1000);
    record->interface = 0;
    record->linktype = r->linktype;
    r->offset += r->record_header + caplen;
    return 1;
}

/* ---------------------------------------------------------------- pcapng */

/* The body of the block at r->offset: *body and *size. 1, 0 at the end of the file, -1 damaged.
 * A section header changes the byte order before anything else is read. */
static int ng_block(struct mcc_capture *r, uint32_t *type, const uint8_t **body, uint32_t *size)
{
    size_t left = r->length - r->offset;
    const uint8_t *p = r->base + r->offset;
    uint32_t total;

    if (left == 0)
        return 0;
    if (left < 12)
        return capture_damaged(r, "cut inside a block header");
    *type = capture_load32(r, p);
    if (*type == NG_SECTION) {
        uint32_t order = capture_load32(r, p + 8);
        if (order == __builtin_bswap32(NG_BYTE_ORDER))
            r->swapped = !r->swapped;
        else if (order != NG_BYTE_ORDER)
            return capture_damaged(r, "a section with an unknown byte order");
    }
    total = capture_load32(r, p + 4);
    if (total < 12 || total % 4 != 0)
        return capture_damaged(r, "a block with an impossible length");
    if (total > left)
        return capture_damaged(r, "cut inside a block");
    if (capture_load32(r, p + total - 4) != total)
        return capture_damaged(r, "a block whose two lengths differ");
    *body = p + 8;
    *size = total - 12;
    return 1;
}

static int ng_section(struct mcc_capture *r, const uint8_t *body, uint32_t size)
{
    if (size < 16)
        return capture_damaged(r, "a section header that is too short");
    if (capture_load16(r, body + 4) != 1)
        return capture_damaged(r, "a pcapng section of an unknown version");
    r->interface_count = 0;
    return 0;
}

static bool capture_finer_than_us(uint8_t resolution)
{
    /* binary too: 2^-6 s is a whole number of us, 2^-7 s is not */
    return (resolution & 0x7f) > NG_RESOLUTION_US;
}

static void ng_interface_options(const struct mcc_capture *r, struct mcc_capture_interface *i,
                                 const uint8_t *p, uint32_t size)
{
    while (size >= 4) {
        uint32_t code = capture_load16(r, p), length = capture_load16(r, p + 2);
        uint32_t padded = (length + 3u) & ~3u;

        if (code == 0 || padded > size - 4)
            return;
        if (code == NG_OPTION_RESOLUTION && length == 1)
            i->resolution = p[4];
        if (code == NG_OPTION_OFFSET && length == 8)
            i->offset = (int64_t)capture_load64(r, p + 4);
        p += 4 + padded;
        size -= 4 + padded;
    }
}

static int ng_interface(struct mcc_capture *r, const uint8_t *body, uint32_t size)
{
    struct mcc_capture_interface *i;

    if (size < 8)
        return capture_damaged(r, "an interface description that is too short");
    if (r->interface_count == NG_MAX_INTERFACES)
        return capture_damaged(r, "more than 65536 interfaces");
    if (r->interface_count == r->interface_room) {
        uint32_t room = r->interface_room ? 2 * r->interface_room : 8;
        i = realloc(r->interfaces, room * sizeof *i);
        if (!i)
            return capture_damaged(r, "out of memory");
        r->interfaces = i;
        r->interface_room = room;
    }
    i = &r->interfaces[r->interface_count++];
    *i = (struct mcc_capture_interface){.linktype = capture_load16(r, body),
                                        .snaplen = capture_load32(r, body + 4),
                                        .resolution = NG_RESOLUTION_US};
    ng_interface_options(r, i, body + 8, size - 8);
    if (i->resolution <= NG_RESOLUTION_NS) {
        i->scale = 1;
        for (int n = i->resolution; n < NG_RESOLUTION_NS; n++)
            i->scale *= 10;
    }
    return 0;
}

static uint64_t ng_interface_time(const struct mcc_capture_interface *i, uint64_t ticks)
{
    __int128 ns = (__int128)i->offset * CAPTURE_NS;
    uint8_t n = i->resolution & 0x7f;

    if (i->resolution & 0x80) {
        ns += (__int128)(((unsigned __int128)ticks * CAPTURE_NS) >> n);
    } else if (i->scale) {
        ns += (__int128)ticks * i->scale;
    } else {
        for (; n > NG_RESOLUTION_NS && ticks; n--)
            ticks /= 10;
        ns += ticks;
    }
    return capture_clamp_ns(ns);
}

/* A packet block's data begin at body + head; `caplen` of them are captured. */
static int ng_packet(struct mcc_capture *r, struct mcc_capture_record *record, uint32_t number,
                     const uint8_t *data, uint32_t room, uint32_t caplen, uint32_t len)
{
    if (number >= r->interface_count)
        return capture_damaged(r, "a packet of an interface that was not described");
    if (caplen > MCC_CAPTURE_MAX_FRAME)
        return capture_damaged(r, "a record longer than 262144 bytes");
    if (caplen > room)
        return capture_damaged(r, "a packet longer than its block");
    record->data = data;
    record->caplen = caplen;
    record->len = len < caplen ? caplen : len;
    record->interface = number;
    record->linktype = r->interfaces[number].linktype;
    return 1;
}

static int ng_enhanced(struct mcc_capture *r, struct mcc_capture_record *record,
                       const uint8_t *body, uint32_t size, bool old)
{
    uint32_t number;

    if (size < 20)
        return capture_damaged(r, "a packet block that is too short");
    number = old ? capture_load16(r, body) : capture_load32(r, body);
    if (ng_packet(r, record, number, body + 20, size - 20, capture_load32(r, body + 12),
                  capture_load32(r, body + 16)) < 0)
        return -1;
    r->last =
        ng_interface_time(&r->interfaces[number], (uint64_t)capture_load32(r, body + 4) << 32 |
                                                      capture_load32(r, body + 8));
    record->at = r->last;
    return 1;
}

static int ng_simple(struct mcc_capture *r, struct mcc_capture_record *record, const uint8_t *body,
                     uint32_t size)
{
    uint32_t len, caplen;

    if (size < 4)
        return capture_damaged(r, "a packet block that is too short");
    caplen = len = capture_load32(r, body);
    if (r->interface_count && r->interfaces[0].snaplen && caplen > r->interfaces[0].snaplen)
        caplen = r->interfaces[0].snaplen;
    record->at = r->last;
    return ng_packet(r, record, 0, body + 4, size - 4, caplen, len);
}

static int ng_next(struct mcc_capture *r, struct mcc_capture_record *record)
{
    for (;;) {
        uint32_t type = 0, size = 0;
        const uint8_t *body = NULL;
        int rc = ng_block(r, &type, &body, &size);

        if (rc <= 0)
            return rc;
        if (type == NG_SECTION)
            rc = ng_section(r, body, size);
        else if (type == NG_INTERFACE)
            rc = ng_interface(r, body, size);
        else if (type == NG_PACKET || type == NG_OLD_PACKET)
            rc = ng_enhanced(r, record, body, size, type == NG_OLD_PACKET);
        else if (type == NG_SIMPLE)
            rc = ng_simple(r, record, body, size);
        else
            rc = 0; /* names, statistics, secrets, somebody's own */
        if (rc < 0)
            return -1;
        r->offset += (size_t)size + 12;
        if (rc > 0)
            return 1;
    }
}

static void ng_rewind(struct mcc_capture *r)
{
    r->offset = 0;
    r->swapped = false;
    r->interface_count = 0;
    r->last = 0;
    r->error = NULL;
}

/* Walk the packets once to learn their link types and resolutions. Damage is reported when it is met again. */
static void ng_survey(struct mcc_capture *r)
{
    struct mcc_capture_record record = {0};
    bool first = true;

    while (ng_next(r, &record) > 0) {
        r->link_mixed = r->link_mixed || (!first && record.linktype != r->linktype);
        r->nanosecond =
            r->nanosecond || capture_finer_than_us(r->interfaces[record.interface].resolution);
        if (first)
            r->linktype = record.linktype;
        first = false;
    }
    if (first && r->interface_count)
        r->linktype = r->interfaces[0].linktype;
    ng_rewind(r);
}

/* ---------------------------------------------------------------- either */

int mcc_capture_open(struct mcc_capture *r, const uint8_t *base, size_t length)
{
    uint32_t magic;

    *r = (struct mcc_capture){.base = base, .length = length, .linktype = 1};
    if (length == 0)
        return capture_damaged(r, "an empty file");
    if (length < 4)
        return capture_damaged(r, "not a capture: neither pcap nor pcapng");
    magic = capture_load32(r, base);
    if (magic == NG_SECTION) {
        uint32_t type = 0, size = 0;
        const uint8_t *body = NULL;

        r->ng = true;
        if (ng_block(r, &type, &body, &size) < 0 || ng_section(r, body, size) < 0)
            return -1;
        ng_rewind(r);
        ng_survey(r);
        return 0;
    }
    r->swapped = magic == __builtin_bswap32(PCAP_MAGIC_US) ||
                 magic == __builtin_bswap32(PCAP_MAGIC_NS) ||
                 magic == __builtin_bswap32(PCAP_MAGIC_MODIFIED);
    if (!r->swapped && magic != PCAP_MAGIC_US && magic != PCAP_MAGIC_NS &&
        magic != PCAP_MAGIC_MODIFIED)
        return capture_damaged(r, "not a capture: neither pcap nor pcapng");
    if (length < MCC_CAPTURE_FILE_HEADER)
        return capture_damaged(r, "cut inside the file header");
    return pcap_open(r);
}

int mcc_capture_next(struct mcc_capture *r, struct mcc_capture_record *record)
{
    if (r->error)
        return -1;
    return r->ng ? ng_next(r, record) : pcap_next(r, record);
}

void mcc_capture_close(struct mcc_capture *r)
{
    free(r->interfaces);
    r->interfaces = NULL;
    r->interface_count = r->interface_room = 0;
}

enum mcc_link mcc_capture_link(uint16_t linktype)
{
    switch (linktype) {
    case 1:
        return MCC_LINK_ETHERNET;
    case 12: /* DLT_RAW as some systems number it */
    case 14:
    case 101:
    case 228: /* IPV4 */
    case 229: /* IPV6 */
        return MCC_LINK_RAW;
    case 113:
        return MCC_LINK_SLL;
    case 276:
        return MCC_LINK_SLL2;
    case 0:
    case 108: /* LOOP */
        return MCC_LINK_NULL;
#if MCC_INNER
    case 9:
    case 50: /* PPP_SERIAL: with address and control */
        return MCC_LINK_PPP;
    case 105:
        return MCC_LINK_WLAN;
    case 127:
        return MCC_LINK_RADIOTAP;
#endif
    default:
        return MCC_LINK_OPAQUE;
    }
}
