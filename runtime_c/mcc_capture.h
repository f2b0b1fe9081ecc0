/* Captures: reading pcap and pcapng from memory.
 *
 *   pcap     | header 24 | record 16 (24 in "modified" pcap) | bytes | record | bytes | ...
 *   pcapng   | section | interface ... | packet | ... | section | ...     blocks: type, length, body, length
 *
 * The reader never reads outside [base, base + length), whatever is in there: each length in the file is compared
 * with the bytes that are left before it is used. It hands out pointers into that memory: nothing is copied.
 * Sources: draft-ietf-opsawg-pcap, draft-ietf-opsawg-pcapng, and libpcap for the old variants of pcap.
 */
#ifndef MCC_CAPTURE_H
#define MCC_CAPTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mcc_packet.h"

enum {
    MCC_CAPTURE_MAX_FRAME = 262144, /* longer: the file is damaged, as in libpcap */
    MCC_CAPTURE_FILE_HEADER = 24,   /* bytes of a pcap file header */
    MCC_CAPTURE_RECORD_HEADER = 16, /* of a record header; 24 in "modified" pcap */
};

struct mcc_capture_record {
    const uint8_t *data; /* borrowed from the capture's memory */
    uint32_t caplen;     /* bytes at data, <= MCC_CAPTURE_MAX_FRAME */
    uint32_t len;        /* bytes on the wire, >= caplen */
    uint64_t at;        /* ns since 1970, <= INT64_MAX; a block without a time takes the last one */
    uint32_t interface; /* number inside its section; 0 in pcap */
    uint16_t linktype;  /* LINKTYPE_ of the capture formats, see mcc_capture_link */
};

struct mcc_capture_interface {
    int64_t offset;   /* seconds to add to a time */
    uint32_t scale;   /* ns a tick; 0: a tick is finer, or binary */
    uint32_t snaplen; /* 0: no limit */
    uint16_t linktype;
    uint8_t resolution; /* if_tsresol as written: 10^-n s, or with bit 7 2^-(n & 127) s */
};

struct mcc_capture {
    const uint8_t *base; /* borrowed until mcc_capture_close */
    size_t length;
    size_t offset;     /* of the next record; after an error, of what is damaged */
    const char *error; /* what is wrong, constant text; NULL while all is well */
    uint64_t last;     /* time of the record before, ns */
    struct mcc_capture_interface *interfaces; /* owned; of the current section */
    uint32_t interface_count, interface_room;
    uint32_t record_header; /* pcap: 16 or 24 */
    uint16_t linktype;      /* of the first packet (no packet: interface) */
    bool ng;                /* pcapng */
    bool swapped;           /* the other byte order, in the current section */
    bool lengths_mixed;     /* pcap 2.3 and older: caplen and len may be exchanged */
    bool nanosecond;        /* some packet has a time finer than microseconds */
    bool link_mixed;        /* packets have different link types */
};

/* 0: ready to read. -1: not a capture, or damaged before the first record: r->error says what is wrong.
 * mcc_capture_close frees what it took, in both cases. */
int mcc_capture_open(struct mcc_capture *r, const uint8_t *base, size_t length);

/* 1: *record holds the next packet. 0: end of the file. -1: damaged at r->offset, r->error says how; stays so. */
int mcc_capture_next(struct mcc_capture *r, struct mcc_capture_record *record);

void mcc_capture_close(struct mcc_capture *r);

/* How frames of a link type start. */
enum mcc_link mcc_capture_link(uint16_t linktype);

#endif
