#include "mcc_capture_writer.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

enum {
    WRITER_ROOM = 1 << 18,
    WRITER_LINKS = 16,
    WRITER_SECTION = 28, /* bytes of the pcapng blocks written here, a packet's without data */
    WRITER_INTERFACE = 32,
    WRITER_PACKET = 32,
    WRITER_MOST = WRITER_INTERFACE + WRITER_PACKET, /* around one frame */
};

static uint8_t *writer_put16(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)v;
    p[1] = (uint8_t)(v >> 8);
    return p + 2;
}

static uint8_t *writer_put32(uint8_t *p, uint32_t v)
{
    return writer_put16(writer_put16(p, v), v >> 16);
}

size_t mcc_capture_write_header(uint8_t buffer[MCC_CAPTURE_FILE_HEADER], uint16_t linktype,
                                bool nanosecond)
{
    uint8_t *p = writer_put32(buffer, nanosecond ? 0xa1b23c4du : 0xa1b2c3d4u);

    p = writer_put16(p, 2);
    p = writer_put16(p, 4);
    p = writer_put32(p, 0);
    p = writer_put32(p, 0);
    p = writer_put32(p, MCC_CAPTURE_MAX_FRAME);
    writer_put32(p, linktype);
    return MCC_CAPTURE_FILE_HEADER;
}

size_t mcc_capture_write_record(uint8_t buffer[MCC_CAPTURE_RECORD_HEADER], uint64_t at,
                                uint32_t caplen, uint32_t len, bool nanosecond)
{
    uint32_t fraction = (uint32_t)(at % 1000000000u);
    uint8_t *p = writer_put32(buffer, (uint32_t)(at / 1000000000u));

    p = writer_put32(p, nanosecond ? fraction : fraction / 1000);
    p = writer_put32(p, caplen);
    writer_put32(p, len);
    return MCC_CAPTURE_RECORD_HEADER;
}

/* ---------------------------------------------------------------- pcapng blocks */

static size_t writer_section(uint8_t *p)
{
    p = writer_put32(p, 0x0a0d0d0au);
    p = writer_put32(p, WRITER_SECTION);
    p = writer_put32(p, 0x1a2b3c4du);
    p = writer_put16(p, 1);
    p = writer_put16(p, 0);
    memset(p, 0xff, 8); /* the section's length is not said */
    writer_put32(p + 8, WRITER_SECTION);
    return WRITER_SECTION;
}

static size_t writer_interface(uint8_t *p, uint16_t linktype)
{
    p = writer_put32(p, 1);
    p = writer_put32(p, WRITER_INTERFACE);
    p = writer_put32(p, linktype);
    p = writer_put32(p, MCC_CAPTURE_MAX_FRAME);
    p = writer_put16(p, 9); /* if_tsresol: 10^-9 s */
    p = writer_put16(p, 1);
    p = writer_put32(p, 9);
    p = writer_put32(p, 0); /* end of options */
    writer_put32(p, WRITER_INTERFACE);
    return WRITER_INTERFACE;
}

static size_t writer_packet(uint8_t *p, uint32_t number, uint64_t at, const uint8_t *data,
                            uint32_t caplen, uint32_t len)
{
    uint32_t padded = (caplen + 3u) & ~3u, total = WRITER_PACKET + padded;

    p = writer_put32(p, 6);
    p = writer_put32(p, total);
    p = writer_put32(p, number);
    p = writer_put32(p, (uint32_t)(at >> 32));
    p = writer_put32(p, (uint32_t)at);
    p = writer_put32(p, caplen);
    p = writer_put32(p, len);
    if (caplen)
        memcpy(p, data, caplen);
    memset(p + caplen, 0, padded - caplen);
    writer_put32(p + padded, total);
    return total;
}

/* ---------------------------------------------------------------- the file */

int mcc_capture_writer_open(struct mcc_capture_writer *w, int fd, uint16_t linktype,
                            bool nanosecond, bool ng)
{
    *w = (struct mcc_capture_writer){.fd = fd, .nanosecond = nanosecond, .ng = ng};
    w->buffer = malloc(WRITER_ROOM + MCC_CAPTURE_MAX_FRAME + WRITER_MOST);
    if (!w->buffer)
        return -ENOMEM;
    w->head =
        ng ? writer_section(w->buffer) : mcc_capture_write_header(w->buffer, linktype, nanosecond);
    w->used = w->head;
    return 0;
}

/* Where the last whole record among the first `done` bytes of the buffer ends; *records: how many there are. */
static size_t writer_boundary(const struct mcc_capture_writer *w, size_t done, uint64_t *records)
{
    size_t at = w->head;

    *records = 0;
    if (done < at)
        return 0;
    while (at < w->used) {
        const uint8_t *p = w->buffer + at + (w->ng ? 4 : 8);
        size_t size = p[0] | (size_t)p[1] << 8 | (size_t)p[2] << 16 | (size_t)p[3] << 24;

        size += w->ng ? 0 : MCC_CAPTURE_RECORD_HEADER;
        if (size > done - at)
            break;
        *records += !w->ng || w->buffer[at] == 6;
        at += size;
    }
    return at;
}

/* The rest of the buffer cannot be written: cut what a record has left in the file, where it is a file. */
static int writer_fail(struct mcc_capture_writer *w, size_t done, int error)
{
    uint64_t whole;
    size_t boundary = writer_boundary(w, done, &whole);
    off_t at = lseek(w->fd, 0, SEEK_CUR);

    if (at >= (off_t)(done - boundary)) {
        at -= (off_t)(done - boundary);
        if (ftruncate(w->fd, at) == 0)
            (void)lseek(w->fd, at, SEEK_SET);
    }
    w->written += whole;
    w->used = w->head = 0;
    w->error = error;
    return -error;
}

int mcc_capture_writer_flush(struct mcc_capture_writer *w)
{
    size_t done = 0;

    if (w->error)
        return -w->error;
    while (done < w->used) {
        ssize_t n = write(w->fd, w->buffer + done, w->used - done);

        if (n >= 0)
            done += (size_t)n;
        else if (errno == EAGAIN)
            (void)poll(&(struct pollfd){.fd = w->fd, .events = POLLOUT}, 1, -1);
        else if (errno != EINTR)
            return writer_fail(w, done, errno);
    }
    w->written = w->records;
    w->used = w->head = 0;
    return 0;
}

/* The number of the interface of that link type, described now if it is new; -1: too many. */
static int writer_number(struct mcc_capture_writer *w, uint16_t linktype)
{
    for (int i = 0; i < w->link_count; i++)
        if (w->links[i] == linktype)
            return i;
    if (w->link_count == WRITER_LINKS)
        return -1;
    w->used += writer_interface(w->buffer + w->used, linktype);
    w->links[w->link_count] = linktype;
    return w->link_count++;
}

int mcc_capture_writer_put(struct mcc_capture_writer *w, const uint8_t *data, uint32_t caplen,
                           uint32_t len, uint64_t at, uint16_t linktype)
{
    uint8_t *p;

    if (w->error)
        return -w->error;
    if (caplen > MCC_CAPTURE_MAX_FRAME)
        return -EINVAL;
    if (w->ng) {
        int number = writer_number(w, linktype);

        if (number < 0)
            return -EINVAL;
        w->used += writer_packet(w->buffer + w->used, (uint32_t)number, at, data, caplen, len);
    } else {
        p = w->buffer + w->used;
        mcc_capture_write_record(p, at, caplen, len, w->nanosecond);
        if (caplen)
            memcpy(p + MCC_CAPTURE_RECORD_HEADER, data, caplen);
        w->used += MCC_CAPTURE_RECORD_HEADER + caplen;
    }
    w->records++;
    return w->used >= WRITER_ROOM ? mcc_capture_writer_flush(w) : 0;
}

int mcc_capture_writer_close(struct mcc_capture_writer *w)
{
    int rc = mcc_capture_writer_flush(w);

    free(w->buffer);
    w->buffer = NULL;
    return rc;
}
