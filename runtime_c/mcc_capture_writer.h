/* Writing captures to a file descriptor: pcap, or pcapng where link types mix. Little-endian.
 */
#ifndef MCC_CAPTURE_WRITER_H
#define MCC_CAPTURE_WRITER_H

#include "mcc_capture.h"

/* The headers of a little-endian pcap file, snaplen 262144; `nanosecond` chooses the magic and the unit.
 * Both return the number of bytes written. Seconds wrap in 2106, as the format does. */
size_t mcc_capture_write_header(uint8_t buffer[MCC_CAPTURE_FILE_HEADER], uint16_t linktype,
                                bool nanosecond);
size_t mcc_capture_write_record(uint8_t buffer[MCC_CAPTURE_RECORD_HEADER], uint64_t at,
                                uint32_t caplen, uint32_t len, bool nanosecond);

/* A buffered writer. Invariant: the buffer holds whole records, and so does the file: when a write fails, what a
 * record has left behind in it is cut off again. */
struct mcc_capture_writer {
    uint8_t *buffer;    /* owned */
    size_t used;        /* bytes in it */
    size_t head;        /* of them, file header: until the first flush */
    uint64_t records;   /* frames accepted */
    uint64_t written;   /* frames that reached the file, as of the last flush */
    int fd;             /* borrowed */
    int error;          /* errno of the first failed write, 0: none; stays */
    uint16_t links[16]; /* pcapng: link type of each interface written */
    uint16_t link_count;
    bool nanosecond; /* pcap: the unit; pcapng always counts ns */
    bool ng;
};

/* Begin a file where `fd` stands. `ng`: pcapng with times in ns, for link types that mix; else pcap of `linktype`.
 * 0, or -ENOMEM with nothing owned. */
int mcc_capture_writer_open(struct mcc_capture_writer *w, int fd, uint16_t linktype,
                            bool nanosecond, bool ng);

/* Append one frame. 0, or -errno of a failed write (the same ever after); `linktype` counts in pcapng only.
 * -EINVAL: longer than MCC_CAPTURE_MAX_FRAME, or a 17th link type; that frame is refused, later ones are not. */
int mcc_capture_writer_put(struct mcc_capture_writer *w, const uint8_t *data, uint32_t caplen,
                           uint32_t len, uint64_t at, uint16_t linktype);

int mcc_capture_writer_flush(struct mcc_capture_writer *w);

/* Flush and free the buffer; the descriptor stays open. 0 or -errno of the first failure. */
int mcc_capture_writer_close(struct mcc_capture_writer *w);

#endif
