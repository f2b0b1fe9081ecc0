/* The table, the pool and the lists against arrays; the hash for spread. */
#include "../mcc_hash.h"
#include "../mcc_list.h"
#include "../mcc_mem.c"
#include "../mcc_pool.c"
#include "../mcc_table.c"
#include "test.h"

enum { IDS = 3000 };

static uint64_t hashes[IDS + 1];
static uint8_t present[IDS + 1];
static uint32_t keys[IDS + 1];

static uint32_t find(const struct mcc_table *t, uint64_t hash, uint32_t key)
{
    uint32_t id;
    MCC_TABLE_FIND(t, hash, id, keys[id] == key);
    return id;
}

/* `passed` and tags say what they must, for every bucket. */
static void check_invariants(const struct mcc_table *t)
{
    uint32_t used = 0, *passed = calloc(t->mask + 1, sizeof *passed);
    for (uint32_t at = 0; at <= t->mask; at++)
        for (int i = 0; i < MCC_TABLE_PLACES; i++) {
            uint32_t id = t->bucket[at].id[i];
            CHECK((id != 0) == (t->bucket[at].tag[i] != 0));
            if (!id)
                continue;
            used++;
            CHECK(present[id]);
            CHECK_EQUAL(t->bucket[at].tag[i], mcc_table_tag(hashes[id]));
            for (uint32_t b = (uint32_t)hashes[id] & t->mask; b != at; b = (b + 1) & t->mask)
                passed[b]++;
        }
    CHECK_EQUAL(used, t->used);
    for (uint32_t at = 0; at <= t->mask; at++)
        CHECK_EQUAL(t->bucket[at].passed, passed[at]);
    free(passed);
}

/* `spread` bits of the hash are random: few bits make buckets overflow and tags collide. */
static void test_against_array(uint32_t max, uint64_t spread)
{
    struct mcc_table t;
    uint64_t seed = max;
    CHECK(mcc_table_init(&t, max, 5) == 0);
    CHECK(((uint64_t)t.mask + 1) * MCC_TABLE_FULL >= max);
    memset(present, 0, sizeof present);
    uint32_t refused = 0;
    for (int step = 0; step < 60000; step++) {
        uint32_t id = 1 + test_below(&seed, max);
        if (!present[id]) {
            keys[id] = (uint32_t)test_random(&seed);
            hashes[id] = test_random(&seed) & spread;
            CHECK_EQUAL(find(&t, hashes[id], keys[id]), 0);
            CHECK(!mcc_table_erase(&t, hashes[id], id));
            int rc = mcc_table_insert(&t, hashes[id], id);
            CHECK(rc == 0 || rc == -ENOSPC);
            present[id] = rc == 0;
            refused += rc != 0;
        } else if (test_below(&seed, 100) < 45) {
            CHECK_EQUAL(find(&t, hashes[id], keys[id]), id);
        } else {
            CHECK(mcc_table_erase(&t, hashes[id], id));
            present[id] = 0;
            CHECK_EQUAL(find(&t, hashes[id], keys[id]), 0);
        }
        if (step % 4000 == 0)
            check_invariants(&t);
    }
    check_invariants(&t);
    CHECK(spread != UINT64_MAX || refused == 0);
    mcc_table_free(&t);
}

static void test_full(void)
{
    struct mcc_table t;
    CHECK(mcc_table_init(&t, 100000, 5) == 0);
    for (uint32_t id = 1; id <= MCC_TABLE_PROBES * MCC_TABLE_PLACES; id++)
        CHECK(mcc_table_insert(&t, 77, id) == 0);
    CHECK(mcc_table_insert(&t, 77, 5000) == -ENOSPC);
    CHECK_EQUAL(t.used, MCC_TABLE_PROBES * MCC_TABLE_PLACES);
    CHECK(mcc_table_erase(&t, 77, 3) && mcc_table_insert(&t, 77, 5000) == 0);
    mcc_table_free(&t);
    CHECK(mcc_table_init(&t, 9, 5) ==
          0); /* two buckets that both were passed: the search still ends */
    for (uint32_t id = 1; id <= 20; id++)
        CHECK(mcc_table_insert(&t, id > 15, id) == 0);
    CHECK(mcc_table_insert(&t, 1, 21) == -ENOSPC && mcc_table_erase(&t, 0, 3));
    CHECK(mcc_table_insert(&t, 1, 21) == 0);
    CHECK(t.bucket[0].passed && t.bucket[1].passed && !mcc_table_erase(&t, 1, 99));
    mcc_table_free(&t);
    struct mcc_table untouched = {.mask = 9};
    CHECK(mcc_table_init(&untouched, 0, 1) == -EINVAL && untouched.mask == 9);
    CHECK(mcc_table_init(&untouched, UINT32_MAX, 1) == -EINVAL);
}

/* Keys that differ in few bits fill buckets about as evenly as random ones, whatever the words that
 * vary. */
static void test_hash_spread(void)
{
    for (int word = 0; word < 6; word++) {
        for (int shift = 0; shift <= 16; shift += 8) {
            uint32_t load[1024] = {0}, tags[1024] = {0}, most = 0, most_tags = 0;
            for (uint32_t i = 0; i < 1024 * 8; i++) {
                uint32_t key[6] = {0x0a000001, 0x0a000002, 0x00500050, 6, 0, 0};
                key[word] ^= i << shift;
                uint64_t hash = mcc_hash(key, word < 4 ? 4 : 6, 0x1234567);
                if (++load[hash & 1023] > most)
                    most = load[hash & 1023];
                if (++tags[hash >> 54] > most_tags)
                    most_tags = tags[hash >> 54];
            }
            CHECK(most < 32 && most_tags < 32); /* mean 8; 32 is beyond 8 sigma */
        }
    }
    uint32_t zero[9] = {0};
    for (unsigned n = 1; n < 9; n++)
        CHECK(mcc_hash(zero, n, 1) != mcc_hash(zero, n + 1, 1));
    CHECK(mcc_hash(zero, 4, 1) != mcc_hash(zero, 4, 2));
    CHECK(mcc_hash64(1, 1) != mcc_hash64(1ull << 32, 1));
    for (unsigned n = 1; n <= 9; n++)
        for (unsigned word = 0; word < n; word++) {
            uint32_t key[9] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
            uint64_t before = mcc_hash(key, n, 3);
            key[word] ^= 1;
            CHECK(mcc_hash(key, n, 3) != before);
        }
}

static void test_pool(void)
{
    struct mcc_pool pool;
    uint8_t taken[101] = {0};
    uint32_t count = 0, peak = 0, order[100];
    uint64_t seed = 3;
    CHECK(mcc_pool_init(&pool, 100, 65) == 0);
    CHECK_EQUAL(pool.stride, 128);
    for (int step = 0; step < 20000; step++) {
        if (test_below(&seed, 1000) < (step / 1000 % 2 ? 300 : 700)) {
            uint32_t id = mcc_pool_take(&pool);
            CHECK((id == 0) == (count == 100));
            if (!id)
                continue;
            CHECK(id <= 100 && !taken[id]);
            CHECK(((uintptr_t)mcc_pool_at(&pool, id) & 63) == 0);
            memset(mcc_pool_at(&pool, id), (int)id, 128);
            taken[id] = 1;
            order[count++] = id;
            peak = count > peak ? count : peak;
        } else if (count) {
            uint32_t i = test_below(&seed, count), id = order[i];
            const uint8_t *bytes = mcc_pool_at(&pool, id);
            CHECK(bytes[0] == id && bytes[127] == id);
            order[i] = order[--count];
            taken[id] = 0;
            mcc_pool_give(&pool, id);
            if (step % 3 == 0) { /* last in, first out */
                CHECK_EQUAL(mcc_pool_take(&pool), id);
                mcc_pool_give(&pool, id);
            }
        }
        CHECK_EQUAL(pool.used, count);
        CHECK_EQUAL(pool.peak, peak);
    }
    mcc_pool_free(&pool);
    CHECK(mcc_pool_init(&pool, 0, 65) == -EINVAL && mcc_pool_init(&pool, 1, 0) == -EINVAL);
}

static void test_list(void)
{
    struct mcc_list list = {0, 0, 0};
    struct mcc_link_ids links[41];
    uint32_t model[40], count = 0;
    uint64_t seed = 4;
    memset(links, 0xee, sizeof links);
    for (int step = 0; step < 30000; step++) {
        uint32_t id = 1 + test_below(&seed, 40), at = 0;
        while (at < count && model[at] != id)
            at++;
        unsigned what = test_below(&seed, 4);
        if (at == count) {
            mcc_list_push(&list, links, id);
            model[count++] = id;
        } else if (what == 3) {
            uint32_t first = mcc_list_pop(&list, links);
            CHECK_EQUAL(first, model[0]);
            memmove(model, model + 1, --count * sizeof *model);
        } else {
            memmove(model + at, model + at + 1, (count - at - 1) * sizeof *model);
            if (what == 2)
                mcc_list_touch(&list, links, id), model[count - 1] = id;
            else
                mcc_list_remove(&list, links, id), count--;
        }
        CHECK_EQUAL(list.count, count);
        uint32_t walk = list.head, back = 0;
        for (uint32_t i = 0; i < count; i++, back = walk, walk = links[walk].next)
            CHECK(walk == model[i] && links[walk].prev == back);
        CHECK(walk == 0 && list.tail == back);
    }
    while (list.head)
        mcc_list_pop(&list, links);
    CHECK(mcc_list_pop(&list, links) == 0 && list.tail == 0 && list.count == 0);
}

int main(void)
{
    test_against_array(9, UINT64_MAX);
    test_against_array(40, 0xffff000000000003u);
    test_against_array(IDS, UINT64_MAX);
    test_against_array(IDS, 0x000300000000003fu);
    test_against_array(1000, 0x0001000000000001u);
    test_full();
    test_hash_spread();
    test_pool();
    test_list();
    puts("table: ok");
    return 0;
}
