/* The map, parking, ports and buffers against plain arrays. */
#include "../mcc_buffers.c"
#include "../mcc_map.c"
#include "../mcc_mem.c"
#include "../mcc_ports.c"
#include "../mcc_table.c"
#include "test.h"

/* ---- keys and values: the model is an array in the order of the last put */

struct model {
    uint64_t key[64], value[64], at[64];
    uint32_t count;
};

static void model_delete(struct model *m, uint64_t key)
{
    for (uint32_t i = 0; i < m->count; i++)
        if (m->key[i] == key) {
            for (uint32_t j = i; j + 1 < m->count; j++)
                m->key[j] = m->key[j + 1], m->value[j] = m->value[j + 1], m->at[j] = m->at[j + 1];
            m->count--;
            return;
        }
}

static void model_put(struct model *m, uint32_t capacity, uint64_t key, uint64_t value,
                      uint64_t now)
{
    model_delete(m, key);
    if (m->count == capacity)
        model_delete(m, m->key[0]);
    m->key[m->count] = key, m->value[m->count] = value, m->at[m->count++] = now;
}

static void test_values(uint32_t capacity, uint64_t timeout)
{
    struct mcc_map map;
    struct model model = {.count = 0};
    uint64_t seed = capacity + timeout, now = 1000;
    CHECK(mcc_map_init(&map, capacity, timeout, 0, 0, 7) == 0);
    for (int step = 0; step < 40000; step++) {
        uint64_t key = (uint64_t)test_below(&seed, capacity * 2) << (step % 2 ? 0 : 40), got = 1,
                 want = 0;
        now += test_below(&seed, 4) ? 0 : test_below(&seed, 10);
        while (timeout && model.count && now - model.at[0] >= timeout)
            model_delete(&model, model.key[0]);
        switch (test_below(&seed, 8)) {
        case 0:
        case 1:
        case 2:
            mcc_map_put(&map, key, (uint64_t)step, now);
            model_put(&model, capacity, key, (uint64_t)step, now);
            break;
        case 3:
            mcc_map_delete(&map, key);
            model_delete(&model, key);
            break;
        case 4:
            mcc_map_expire(&map, now);
            CHECK_EQUAL(map.order.count, model.count);
            break;
        default: {
            bool there = false;
            for (uint32_t i = 0; i < model.count; i++)
                if (model.key[i] == key)
                    there = true, want = model.value[i];
            CHECK_EQUAL(mcc_map_get(&map, key, now, &got), there);
            CHECK_EQUAL(got, there ? want : 1);
        }
        }
    }
    mcc_map_free(&map);
}

/* ---- parking: the model is one array in the order of arrival */

enum { PACKETS = 64, TOTAL = 12, LIMIT = 3 };

static struct mcc_packet packets[PACKETS];
static struct parked {
    struct mcc_packet *packet;
    uint64_t key, at;
} parked[TOTAL + 1];
static uint32_t parked_count;
static struct mcc_packet *idle[PACKETS], *released[PACKETS];
static uint32_t idle_count, released_count;

static struct mcc_packet *unpark(uint32_t i)
{
    struct mcc_packet *packet = parked[i].packet;
    memmove(parked + i, parked + i + 1, (parked_count - i - 1) * sizeof *parked);
    parked_count--;
    return packet;
}

static struct mcc_packet *model_park(uint64_t key, struct mcc_packet *packet, uint64_t now)
{
    uint32_t same = 0, first = 0;
    struct mcc_packet *dropped = NULL;
    for (uint32_t i = parked_count; i--;)
        if (parked[i].key == key)
            same++, first = i;
    if (same == LIMIT)
        dropped = unpark(first);
    else if (parked_count == TOTAL)
        dropped = unpark(0);
    parked[parked_count++] = (struct parked){packet, key, now};
    return dropped;
}

static void test_parking(void)
{
    struct mcc_map map;
    uint64_t seed = 8, now = 5, value;
    CHECK(mcc_map_init(&map, 4, 0, LIMIT, TOTAL, 7) == 0);
    map.park_timeout = 40;
    for (; idle_count < PACKETS; idle_count++)
        idle[idle_count] = &packets[idle_count];
    for (int step = 0; step < 60000; step++) {
        uint64_t key = test_below(&seed, step / 1000 % 2 ? 20 : 5);
        now += test_below(&seed, 3);
        unsigned what = test_below(&seed, 20);
        if (what < 14 && idle_count) {
            struct mcc_packet *packet = idle[--idle_count], *want = model_park(key, packet, now);
            struct mcc_packet *dropped = mcc_map_park(&map, key, packet, now);
            CHECK(dropped == want);
            if (dropped)
                idle[idle_count++] = dropped;
        } else if (what < 17) {
            mcc_map_put(&map, key, 9, now);
            CHECK(mcc_map_get(&map, key, now, &value) && value == 9);
            for (uint32_t i = 0; i < parked_count;)
                if (parked[i].key == key)
                    released[released_count++] = unpark(i);
                else
                    i++;
        } else if (what < 19) {
            struct mcc_packet *packet = mcc_map_release(&map);
            CHECK(packet == (released_count ? released[0] : NULL));
            if (packet) {
                CHECK(packet->next == NULL);
                idle[idle_count++] = packet;
                memmove(released, released + 1, --released_count * sizeof *released);
            }
        } else {
            struct mcc_packet *packet;
            while ((packet = mcc_map_expire_parked(&map, now))) {
                CHECK(parked_count && parked[0].at + 40 <= now && packet == parked[0].packet);
                idle[idle_count++] = unpark(0);
            }
            CHECK(!parked_count || parked[0].at + 40 > now);
        }
        CHECK_EQUAL(mcc_map_parked(&map), parked_count);
        CHECK_EQUAL(mcc_map_park_deadline(&map), parked_count ? parked[0].at + 40 : UINT64_MAX);
        CHECK_EQUAL(idle_count + released_count + parked_count, PACKETS);
        CHECK(map.keys_fresh <= TOTAL + 1 && map.waiting_fresh <= TOTAL);
    }
    while (mcc_map_expire_parked(&map, UINT64_MAX))
        unpark(0);
    CHECK(parked_count == 0 && map.key_table.used == 0);
    mcc_map_free(&map);
    CHECK(mcc_map_init(&map, 4, 0, 0, 5, 7) == 0);
    CHECK(mcc_map_park(&map, 1, &packets[0], 1) == &packets[0]);
    mcc_map_free(&map);
    CHECK(mcc_map_init(&map, 0, 0, 0, 0, 7) == -EINVAL &&
          mcc_map_init(&map, (1 << 24) + 1, 0, 0, 0, 7) == -EINVAL);
}

/* ---- ports */

static void test_ports(uint32_t lo, uint32_t hi)
{
    struct mcc_ports ports;
    uint32_t count = hi - lo + 1, head = 0, tail = count,
             *queue = calloc(200000 + count, sizeof *queue);
    uint8_t *taken = calloc(65536, 1);
    uint64_t seed = lo;
    CHECK(mcc_ports_init(&ports, lo, hi, 0, 1) == 0);
    for (uint32_t i = 0; i < count; i++)
        queue[i] = lo + i;
    for (int step = 0; step < 200000; step++) {
        if (test_below(&seed, 100) < (step / 20000 % 2 ? 35u : 65u)) {
            uint32_t next = mcc_ports_peek(&ports, 0);
            uint32_t port = mcc_ports_take(&ports), want = head < tail ? queue[head++] : 0;
            CHECK_EQUAL(port, want);
            CHECK_EQUAL(next, want);
            if (head + 5 <= tail)
                CHECK_EQUAL(mcc_ports_peek(&ports, 4), queue[head + 4]);
            CHECK_EQUAL(mcc_ports_peek(&ports, tail - head), 0);
            taken[port] = port != 0;
        } else { /* any port, in the range or not, taken or not */
            uint32_t port =
                test_below(&seed, 20) ? lo + test_below(&seed, count) : test_below(&seed, 65536);
            CHECK_EQUAL(mcc_ports_is_taken(&ports, port), taken[port]);
            mcc_ports_give(&ports, port);
            if (taken[port])
                queue[tail++] = port;
            taken[port] = 0;
        }
    }
    mcc_ports_free(&ports);
    free(queue);
    free(taken);
}

static void test_ports_split(void)
{
    for (uint32_t cores = 1; cores <= 9; cores++) {
        uint32_t next = 65530;
        for (uint32_t core = 0; core < cores; core++) {
            struct mcc_ports ports;
            CHECK(mcc_ports_init(&ports, 65530, 65535, core, cores) == 0);
            CHECK(ports.count == 6 / cores || ports.count == 6 / cores + 1);
            for (uint32_t port; (port = mcc_ports_take(&ports)) != 0; next++)
                CHECK_EQUAL(port, next);
            uint32_t other = core ? 65530 : 65535; /* of another core, except where there is one */
            mcc_ports_give(&ports, other);
            CHECK_EQUAL(mcc_ports_take(&ports), other - ports.lo < ports.count ? other : 0);
            mcc_ports_free(&ports);
        }
        CHECK_EQUAL(next, 65536);
    }
    struct mcc_ports none;
    CHECK(mcc_ports_init(&none, 0, 5, 0, 1) == -EINVAL &&
          mcc_ports_init(&none, 6, 5, 0, 1) == -EINVAL);
    CHECK(mcc_ports_init(&none, 1, 65536, 0, 1) == -EINVAL &&
          mcc_ports_init(&none, 1, 5, 1, 1) == -EINVAL);
}

/* ---- buffers */

static void test_buffers(void)
{
    enum { SMALL = 40, LARGE = 3 };
    struct mcc_buffers b;
    struct mcc_packet *held[SMALL + LARGE];
    uint32_t count = 0, large = 0, none = 0;
    uint64_t seed = 5;
    CHECK(mcc_buffers_init(&b, SMALL, LARGE) == 0);
    CHECK(MCC_BUFFER_ROOM >= 2048 && MCC_BUFFER_LARGE_ROOM >= 262144);
    for (int step = 0; step < 4000; step++) {
        if (test_below(&seed, 10) < (step / 500 % 2 ? 3u : 7u)) {
            uint32_t len = test_below(&seed, 20)
                               ? test_below(&seed, MCC_BUFFER_ROOM + 1)
                               : 1 + MCC_BUFFER_ROOM + test_below(&seed, 262144 - MCC_BUFFER_ROOM);
            bool is_large = len > MCC_BUFFER_ROOM;
            struct mcc_packet *p =
                count && step % 2 && held[0]->len == len ? NULL : mcc_buffer_get(&b, len);
            CHECK((p == NULL) == (is_large ? large == LARGE : count - large == SMALL));
            none += p == NULL;
            if (!p)
                continue;
            CHECK(p->len == len && p->wire_len == len && p->room >= len &&
                  p->headroom == MCC_HEADROOM);
            CHECK(p->layers == 0 && p->fix == 0 && p->next == NULL && ((uintptr_t)p & 63) == 0);
            mcc_packet_unguard(p->data - p->headroom, (size_t)p->headroom + p->room);
            memset(p->data - p->headroom, (int)count, p->headroom + p->room);
            large += is_large;
            held[count++] = p;
        } else if (count) {
            uint32_t i = test_below(&seed, count);
            struct mcc_packet *p = held[i];
            for (uint32_t at = 0; at < p->len; at += 97)
                CHECK(p->data[at] == p->data[0] && p->data[-1] == p->data[0]);
            large -= p->room > MCC_BUFFER_ROOM;
            held[i] = held[--count];
            mcc_buffer_put(&b, p);
        }
        CHECK_EQUAL(mcc_buffers_used(&b), count);
    }
    CHECK(none > 0 && mcc_buffer_get(&b, MCC_BUFFER_LARGE_ROOM + 1) == NULL);
    while (count)
        mcc_buffer_put(&b, held[--count]);
    struct mcc_packet *p = mcc_buffer_get(&b, 100);
    memset(p->data, 7, 100);
    p->data += 4, p->headroom = (uint16_t)(p->headroom + 4), p->room -= 4, p->len -= 4;
    p->at = 11, p->layers = 3, p->l3 = 14, p->l4_delta = 5, p->next = p, p->wire_len = 3000;
    struct mcc_packet *copy = mcc_buffer_copy(&b, p);
    CHECK(copy && copy != p && copy->data != p->data && copy->len == 96 &&
          memcmp(copy->data, p->data, 96) == 0);
    CHECK(copy->at == 11 && copy->layers == 3 && copy->l3 == 14 && copy->l4_delta == 5 &&
          copy->wire_len == 3000);
    CHECK(copy->next == NULL && copy->headroom == MCC_HEADROOM && copy->room == MCC_BUFFER_ROOM);
    mcc_buffers_free(&b);
    CHECK(mcc_buffers_init(&b, 0, 1) == -EINVAL);
}

int main(void)
{
    for (uint32_t capacity = 1; capacity <= 30; capacity += capacity < 4 ? 1 : 13) {
        test_values(capacity, 0);
        test_values(capacity, 5);
        test_values(capacity, 60);
    }
    test_parking();
    test_ports(1, 1);
    test_ports(1024, 1100);
    test_ports(1, 65535);
    test_ports_split();
    test_buffers();
    puts("map: ok");
    return 0;
}
