/* Which packets of a capture each of many classes selects: one pass, each packet parsed once.
 *
 *   capture -> packet -> parse -> class 0, class 1, ... -> growing lists of packet numbers
 *
 * The printed module holds the classes as functions, a set of them a link type, and includes this. Nothing of it is
 * for the paths of a box: memory is taken as the lists grow.
 */
#ifndef MCC_MATCH_H
#define MCC_MATCH_H

#include <stdlib.h>

#include "mcc_capture.h"
#include "mcc_parse.h"

typedef unsigned mcc_match_class(const struct mcc_packet *p);

/* The classes as they read on frames of one LINKTYPE_. */
struct mcc_match_link {
    uint16_t linktype;
    mcc_match_class *const *classes;
};

struct mcc_match_list {
    uint32_t *numbers; /* of packets, from 1; owned */
    uint32_t count, room;
};

struct mcc_match {
    struct mcc_match_list *lists; /* owned, one a class */
    uint32_t classes;
    uint64_t packets;  /* read */
    uint64_t offset;   /* of the damage */
    const char *error; /* what is damaged, constant text; NULL: nothing */
};

static void mcc_match_drop(struct mcc_match *m)
{
    for (uint32_t i = 0; m && i < m->classes; i++)
        free(m->lists[i].numbers);
    if (m)
        free(m->lists);
    free(m);
}

/* 0 or -1: no memory. */
static int mcc_match_add(struct mcc_match_list *list, uint32_t number)
{
    if (list->count == list->room) {
        uint32_t room = list->room ? 2 * list->room : 64;
        uint32_t *grown = realloc(list->numbers, room * sizeof *grown);
        if (!grown)
            return -1;
        list->numbers = grown;
        list->room = room;
    }
    list->numbers[list->count++] = number;
    return 0;
}

static mcc_match_class *const *mcc_match_find(const struct mcc_match_link *links, size_t count,
                                              uint16_t linktype)
{
    for (size_t i = 0; i < count; i++)
        if (links[i].linktype == linktype)
            return links[i].classes;
    return NULL;
}

/* Packets of link types that are not in `links` are in no class. NULL: no memory. */
static struct mcc_match *mcc_match_all(const struct mcc_match_link *links, size_t count,
                                       uint32_t classes, const uint8_t *base, size_t length)
{
    struct mcc_match *m = calloc(1, sizeof *m);
    if (!m)
        return NULL;
    m->lists = calloc(classes ? classes : 1, sizeof *m->lists);
    if (!m->lists) {
        free(m);
        return NULL;
    }
    m->classes = classes;
    struct mcc_capture capture;
    struct mcc_capture_record record;
    int more = mcc_capture_open(&capture, base, length);
    while (more == 0 && (more = mcc_capture_next(&capture, &record)) == 1) {
        struct mcc_packet p = {.data = (uint8_t *)(uintptr_t)record.data,
                               .len = record.caplen,
                               .wire_len = record.len,
                               .link = (uint8_t)mcc_capture_link(record.linktype)};
        mcc_match_class *const *mine = mcc_match_find(links, count, record.linktype);
        more = 0;
        m->packets++;
        if (!mine)
            continue;
        mcc_parse(&p);
        for (uint32_t i = 0; i < classes; i++) {
            if (mine[i](&p) && mcc_match_add(&m->lists[i], (uint32_t)m->packets)) {
                mcc_capture_close(&capture);
                mcc_match_drop(m);
                return NULL;
            }
        }
    }
    m->error = capture.error;
    m->offset = capture.offset;
    mcc_capture_close(&capture);
    return m;
}

#endif
