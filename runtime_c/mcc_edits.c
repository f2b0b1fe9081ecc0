/* The map of edits: where a position of the stream as it came (x) is in the stream as it goes on (y), and back. */
#include "mcc_stream.h"

struct mcc_edit *mcc_edits_take(struct mcc_streams *shared)
{
    struct mcc_edit *e = shared->free_edits;
    if (e)
        shared->free_edits = e->next;
    else if (shared->edits_fresh < shared->edits_max)
        e = &shared->edit_base[shared->edits_fresh++];
    else
        return NULL;
    shared->edits_used++;
    return e;
}

void mcc_edits_add(struct mcc_edits *edits, struct mcc_edit *e, uint64_t x, uint32_t removed,
                   uint32_t inserted)
{
    const struct mcc_edit *t = edits->tail;
    uint64_t y = t ? x - (t->x + t->removed) + t->y + t->inserted : x + edits->delta;
    *e = (struct mcc_edit){x, y, removed, inserted, NULL};
    if (edits->tail)
        edits->tail->next = e;
    else
        edits->head = e;
    edits->tail = e;
    edits->count++;
}

/* Where x goes, behind the last edit of those in front of it. */
static inline uint64_t edits_forward(const struct mcc_edits *e, const struct mcc_edit *last,
                                     uint64_t x)
{
    if (!last)
        return x + e->delta;
    uint64_t behind = last->x + last->removed;
    return x < behind ? last->y : x - behind + last->y + last->inserted;
}

uint64_t mcc_edits_forward(const struct mcc_edits *e, uint64_t x)
{
    const struct mcc_edit *last = NULL;
    for (const struct mcc_edit *i = e->head; i && i->x <= x; i = i->next)
        last = i;
    return edits_forward(e, last, x);
}

uint64_t mcc_edits_forward_low(const struct mcc_edits *e, uint64_t x)
{
    const struct mcc_edit *last = NULL;
    for (const struct mcc_edit *i = e->head; i && i->x < x; i = i->next)
        last = i;
    return edits_forward(e, last, x);
}

uint64_t mcc_edits_back(const struct mcc_edits *e, uint64_t y)
{
    const struct mcc_edit *last = NULL;
    for (const struct mcc_edit *i = e->head; i && i->y <= y; i = i->next)
        last = i;
    if (!last)
        return y - e->delta;
    uint64_t behind = last->x + last->removed;
    if (y >= last->y + last->inserted)
        return behind + (y - last->y - last->inserted);
    return behind ? behind - 1 : 0;
}

uint64_t mcc_edits_back_low(const struct mcc_edits *e, uint64_t y)
{
    const struct mcc_edit *last = NULL;
    for (const struct mcc_edit *i = e->head; i && i->y < y; i = i->next)
        last = i;
    if (!last)
        return y - e->delta;
    uint64_t behind = last->x + last->removed, after = last->y + last->inserted;
    return y > after ? behind + (y - after) : behind;
}

/* Forgets the first edit. */
static void edits_give(struct mcc_edits *e, struct mcc_streams *shared)
{
    struct mcc_edit *first = e->head;
    e->head = first->next;
    if (!e->head)
        e->tail = NULL;
    first->next = shared->free_edits;
    shared->free_edits = first;
    shared->edits_used--;
    e->count--;
}

void mcc_edits_fold(struct mcc_edits *e, struct mcc_streams *shared, uint64_t y)
{
    const struct mcc_edit *i;
    while ((i = e->head) != NULL && i->y + i->inserted <= y && i->y < y) {
        e->delta = i->y + i->inserted - (i->x + i->removed);
        edits_give(e, shared);
    }
}

void mcc_edits_drop(struct mcc_edits *e, struct mcc_streams *shared)
{
    while (e->head)
        edits_give(e, shared);
}
