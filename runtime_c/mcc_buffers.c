#include "mcc_buffers.h"

#include <errno.h>
#include <string.h>

#include "mcc_mem.h"

_Static_assert(sizeof(struct mcc_packet) <= MCC_BUFFER_HEAD - MCC_HEADROOM,
               "the packet fits before the headroom");
_Static_assert(MCC_BUFFER_STRIDE % MCC_LINE == 0 && MCC_BUFFER_LARGE_STRIDE % MCC_LINE == 0,
               "buffers are aligned");

static bool mcc_buffer_part_init(struct mcc_buffer_part *part, uint32_t count, uint32_t stride)
{
    *part = (struct mcc_buffer_part){.stride = stride, .count = count};
    if (count)
        part->base = mcc_mem_map((size_t)count * stride);
    return count == 0 || part->base;
}

static void mcc_buffer_part_free(struct mcc_buffer_part *part)
{
    size_t bytes = (size_t)part->count * part->stride;
    mcc_packet_unguard(part->base, (size_t)part->fresh * part->stride); /* whoever maps it next */
    mcc_mem_unmap(part->base, bytes);
}

int mcc_buffers_init(struct mcc_buffers *b, uint32_t small, uint32_t large)
{
    struct mcc_buffers made = {.outside = 0};
    if (small == 0)
        return -EINVAL;
    if (!mcc_buffer_part_init(&made.small, small, MCC_BUFFER_STRIDE))
        return -ENOMEM;
    if (!mcc_buffer_part_init(&made.large, large, MCC_BUFFER_LARGE_STRIDE)) {
        mcc_buffer_part_free(&made.small);
        return -ENOMEM;
    }
    *b = made;
    return 0;
}

void mcc_buffers_free(struct mcc_buffers *b)
{
    mcc_buffer_part_free(&b->small);
    mcc_buffer_part_free(&b->large);
    *b = (struct mcc_buffers){.small.base = NULL};
}

static struct mcc_packet *mcc_buffer_part_get(struct mcc_buffer_part *part)
{
    struct mcc_packet *p = part->free;
    if (p)
        part->free = p->next;
    else if (part->fresh < part->count)
        p = (struct mcc_packet *)(void *)(part->base + (size_t)part->fresh++ * part->stride);
    else
        return NULL;
    part->used++;
    *p = (struct mcc_packet){
        .data = (uint8_t *)p + MCC_BUFFER_HEAD,
        .headroom = MCC_HEADROOM,
        .room = part->stride - MCC_BUFFER_HEAD,
    };
    return p;
}

struct mcc_packet *mcc_buffer_get(struct mcc_buffers *b, uint32_t len)
{
    struct mcc_packet *p = NULL;
    if (len <= MCC_BUFFER_ROOM)
        p = mcc_buffer_part_get(&b->small);
    else if (len <= MCC_BUFFER_LARGE_ROOM)
        p = mcc_buffer_part_get(&b->large);
    if (p) {
        p->len = p->wire_len = len;
#ifdef MCC_MARKS
        p->mark = 0;
#endif
        mcc_packet_guard(p, len);
    }
    return p;
}

void mcc_buffer_put(struct mcc_buffers *b, struct mcc_packet *p)
{
    if (__builtin_expect(p->refs, 0)) {
        p->refs--;
        return;
    }
    struct mcc_buffer_part *part = mcc_buffer_is_of(&b->small, p) ? &b->small : &b->large;
    if (part == &b->large && !mcc_buffer_is_of(part, p)) {
        b->outside--;
        b->put_outside(p);
        return;
    }
    mcc_packet_guard(p, 0);
    p->next = part->free;
    part->free = p;
    part->used--;
}

#if MCC_INNER
void mcc_buffer_outer(struct mcc_packet *q, const struct mcc_packet *p)
{
    q->outer = p->outer;
    q->outer.tail = 0;
    q->outer.compressed = false; /* the frame that came is not behind q */
    if (!p->outer.peeled)
        return;
    mcc_packet_unguard(q->data - p->outer.head, p->outer.head);
    memcpy(q->data - p->outer.head, p->data - p->outer.head, p->outer.head);
    q->outer.headroom = (uint16_t)(q->headroom - p->outer.head);
    q->headroom = 0;
}
#endif

struct mcc_packet *mcc_buffer_copy_behind(struct mcc_buffers *b, const struct mcc_packet *p,
                                          uint32_t behind)
{
    struct mcc_packet *copy = mcc_buffer_get(b, p->len + behind);
    if (!copy)
        return NULL;
    struct mcc_packet buffer = *copy;
    *copy = *p;
    copy->data = buffer.data;
    copy->headroom = buffer.headroom;
    copy->room = buffer.room;
    copy->cookie = buffer.cookie;
    copy->next = NULL;
    copy->refs = 0;
    copy->content = p->content ? copy->data + (p->content - p->data) : NULL;
    if (behind)
        mcc_packet_unguard(p->data, p->len + behind);
    if (p->len + behind)
        memcpy(copy->data, p->data, p->len + behind);
    if (behind) {
        mcc_packet_guard(p, p->len);
        mcc_packet_guard(copy, p->len);
    }
#if MCC_INNER
    mcc_buffer_outer(copy, p);
    if (behind) { /* the tail among it */
        copy->outer.tail = p->outer.tail;
        copy->outer.compressed = p->outer.compressed;
    }
#endif
    return copy;
}

struct mcc_packet *mcc_buffer_copy(struct mcc_buffers *b, const struct mcc_packet *p)
{
#if MCC_INNER
    return mcc_buffer_copy_behind(b, p, mcc_packet_tail(p));
#else
    return mcc_buffer_copy_behind(b, p, 0);
#endif
}
