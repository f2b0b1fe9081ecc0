#include "mcc_sides.h"

#include <stdlib.h>
#include <string.h>

#include "mcc_hash.h"

enum { SIDE_KEY_WORDS = 10, SIDE_FIRST_SIZE = 1024 };

struct mcc_side {
    uint32_t
        key[SIDE_KEY_WORDS]; /* lower end, higher end (4 words an address, 16 bits a port), kind */
    uint8_t used;
    uint8_t initiator; /* 0: the lower end, 1: the higher */
    uint8_t closed;    /* FIN or RST was seen */
    uint64_t last;     /* ns */
};

/* The key of the packet's conversation; *sender: 0 or 1, the end that sent it. False: it is in none. */
static bool sides_key(const struct mcc_sides *s, const struct mcc_packet *p, uint32_t *key,
                      uint8_t *sender)
{
    const uint8_t *ip = p->data + p->l3;
    uint8_t ends[2][18] = {{0}};
    size_t width = p->layers & MCC_IP ? 4 : 16, at = p->layers & MCC_IP ? 12 : 8;
    uint8_t mode = p->layers & MCC_TCP ? s->tcp : p->layers & MCC_UDP ? s->udp : s->other;
    int order;

    if (!(p->layers & (MCC_IP | MCC_IP6)) || mode == MCC_SIDE_NONE)
        return false;
    memcpy(ends[0], ip + at, width);
    memcpy(ends[1], ip + at + width, width);
    if (mode == MCC_SIDE_PORTS && p->layers & (MCC_TCP | MCC_UDP)) {
        memcpy(ends[0] + 16, p->data + p->l4, 2);
        memcpy(ends[1] + 16, p->data + p->l4 + 2, 2);
    } else {
        mode = MCC_SIDE_ADDRESSES;
    }
    order = memcmp(ends[0], ends[1], sizeof ends[0]);
    *sender = order > 0;
    memcpy(key, ends[*sender], 16);
    memcpy(key + 4, ends[!*sender], 16);
    memcpy(key + 8, ends[*sender] + 16, 2);
    memcpy((uint8_t *)(key + 8) + 2, ends[!*sender] + 16, 2);
    key[9] = (uint32_t)mode << 16 | (uint32_t)(width == 4) << 8 |
             (mode == MCC_SIDE_PORTS ? p->proto : 0);
    return true;
}

static struct mcc_side *sides_slot(struct mcc_side *slots, uint32_t size, const uint32_t *key)
{
    uint32_t i = (uint32_t)mcc_hash(key, SIDE_KEY_WORDS, 0);

    for (;; i++) {
        struct mcc_side *slot = &slots[i & (size - 1)];
        if (!slot->used || !memcmp(slot->key, key, sizeof slot->key))
            return slot;
    }
}

static bool sides_grow(struct mcc_sides *s)
{
    uint32_t size = s->size ? 2 * s->size : SIDE_FIRST_SIZE;
    struct mcc_side *slots = calloc(size, sizeof *slots);

    if (!slots)
        return false;
    for (uint32_t i = 0; i < s->size; i++)
        if (s->slots[i].used)
            *sides_slot(slots, size, s->slots[i].key) = s->slots[i];
    free(s->slots);
    s->slots = slots;
    s->size = size;
    return true;
}

uint8_t mcc_sides_of(struct mcc_sides *s, const struct mcc_packet *p)
{
    uint32_t key[SIDE_KEY_WORDS];
    uint8_t sender, flags = p->layers & MCC_TCP ? p->data[p->l4 + 13] : 0;
    struct mcc_side *slot;
    bool restart;

    if (!sides_key(s, p, key, &sender))
        return 0;
    if (s->used >= s->size / 2 && !sides_grow(s))
        return 0;
    slot = sides_slot(s->slots, s->size, key);
    restart = slot->used && slot->closed && (flags & 0x17) == 0x02;
    restart |= slot->used && s->timeout && p->at > slot->last && p->at - slot->last > s->timeout;
    if (!slot->used || restart) {
        s->used += !slot->used;
        memcpy(slot->key, key, sizeof key);
        slot->used = 1;
        slot->initiator = sender;
        slot->closed = 0;
    }
    slot->closed |= (flags & 0x05) != 0;
    slot->last = p->at > slot->last ? p->at : slot->last;
    return sender != slot->initiator;
}

void mcc_sides_free(struct mcc_sides *s)
{
    free(s->slots);
    s->slots = NULL;
    s->size = s->used = 0;
}
