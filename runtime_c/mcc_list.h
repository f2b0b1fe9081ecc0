/* Doubly linked lists of ids, first in first out. The links are an array of the caller's, indexed
 * by id, so an id is in at most one of the lists that share an array. Id 0 ends a list. All
 * operations are O(1).
 *
 *   head -> 7 <-> 3 <-> 9 <- tail         pushed at the tail, popped at the head
 */
#ifndef MCC_LIST_H
#define MCC_LIST_H

#include <stdint.h>

struct mcc_link_ids {
    uint32_t prev, next;
};

struct mcc_list {
    uint32_t head, tail, count; /* all 0: empty */
};

/* Appends `id`, which is in no list. */
static inline void mcc_list_push(struct mcc_list *list, struct mcc_link_ids *links, uint32_t id)
{
    links[id] = (struct mcc_link_ids){list->tail, 0};
    if (list->tail)
        links[list->tail].next = id;
    else
        list->head = id;
    list->tail = id;
    list->count++;
}

/* Takes `id` out of this list, in which it is. */
static inline void mcc_list_remove(struct mcc_list *list, struct mcc_link_ids *links, uint32_t id)
{
    struct mcc_link_ids link = links[id];
    if (link.prev)
        links[link.prev].next = link.next;
    else
        list->head = link.next;
    if (link.next)
        links[link.next].prev = link.prev;
    else
        list->tail = link.prev;
    list->count--;
}

/* Takes out the first id; 0 when the list is empty. */
static inline uint32_t mcc_list_pop(struct mcc_list *list, struct mcc_link_ids *links)
{
    uint32_t id = list->head;
    if (id)
        mcc_list_remove(list, links, id);
    return id;
}

/* Makes `id`, which is in this list, its last. */
static inline void mcc_list_touch(struct mcc_list *list, struct mcc_link_ids *links, uint32_t id)
{
    if (list->tail == id)
        return;
    mcc_list_remove(list, links, id);
    mcc_list_push(list, links, id);
}

#endif
