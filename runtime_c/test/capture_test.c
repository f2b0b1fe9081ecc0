/* Tests of mcc_capture.c and mcc_capture_writer.c, with inputs that end at (or begin behind) an unmapped page.
 *
 *   capture_test list FILE                  one line a record: at caplen len linktype interface sum; then the end
 *   capture_test copy FILE OUT              read and write again, as a chain that passes everything does
 *   capture_test fuzz SEED ROUNDS FILE...   mutated captures: nothing outside is read, the reader ends, what it
 *                                           delivers survives being written and read again
 *   capture_test sides FILE TCP UDP OTHER   one line a record: the side of mcc_sides.h
 *   capture_test limits FILE                a full disk: the file keeps whole records only
 */
#define _GNU_SOURCE
#include "../mcc_capture.h"
#include "../mcc_capture_writer.h"
#include "../mcc_parse.h"
#include "../mcc_sides.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHECK(condition, ...)                                                                      \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s: ", __FILE__, __LINE__, #condition);                        \
            fprintf(stderr, __VA_ARGS__);                                                          \
            fputc('\n', stderr);                                                                   \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

static const char *current = "";
static uint64_t current_seed, state;

static uint32_t dice(uint32_t n)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return n ? (uint32_t)(state >> 20) % n : 0;
}

/* ---------------------------------------------------------------- memory with unmapped pages around it */

struct guarded {
    uint8_t *map, *data;
    size_t map_size, size;
};

static struct guarded guarded_new(size_t size, bool at_end)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), inside = (size + page - 1) / page * page + page;
    struct guarded g = {.map_size = inside + 2 * page, .size = size};

    g.map = mmap(NULL, g.map_size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(g.map != MAP_FAILED, "mmap");
    CHECK(mprotect(g.map + page, inside, PROT_READ | PROT_WRITE) == 0, "mprotect");
    g.data = at_end ? g.map + page + inside - size : g.map + page;
    return g;
}

static struct guarded read_file(const char *path)
{
    struct stat st;
    struct guarded g;
    int fd = open(path, O_RDONLY);
    ssize_t n = 0;

    CHECK(fd >= 0 && fstat(fd, &st) == 0, "%s: %s", path, strerror(errno));
    g = guarded_new((size_t)st.st_size, true);
    for (size_t done = 0; done < g.size; done += (size_t)n) {
        n = read(fd, g.data + done, g.size - done);
        CHECK(n > 0, "%s: %s", path, strerror(errno));
    }
    close(fd);
    return g;
}

static void guarded_free(struct guarded *g)
{
    munmap(g->map, g->map_size);
}

#if defined(__clang__)
#define SEAM __attribute__((optnone, noinline))
#else
#define SEAM __attribute__((noipa))
#endif

/* Reads every byte; the compiler cannot know that nobody wants them. */
SEAM static uint32_t touch(const uint8_t *p, size_t n)
{
    uint32_t sum = 0;

    for (size_t i = 0; i < n; i++)
        sum = (sum << 5 | sum >> 27) ^ p[i];
    return sum;
}

/* ---------------------------------------------------------------- one pass over a capture */

struct seen {
    uint64_t records;
    uint64_t digest;
};

static void check_record(const struct mcc_capture *r, const struct mcc_capture_record *record)
{
    CHECK(record->data >= r->base && record->caplen <= r->length, "%s seed %" PRIu64, current,
          current_seed);
    CHECK(record->data + record->caplen <= r->base + r->length, "%s seed %" PRIu64, current,
          current_seed);
    CHECK(record->caplen <= MCC_CAPTURE_MAX_FRAME && record->len >= record->caplen,
          "%s seed %" PRIu64, current, current_seed);
}

static struct seen walk(struct mcc_capture *r, struct mcc_capture_writer *w, FILE *list)
{
    struct mcc_capture_record record;
    struct seen seen = {0};
    size_t before = r->offset;
    int rc;

    while ((rc = mcc_capture_next(r, &record)) > 0) {
        uint32_t sum = touch(record.data, record.caplen);

        check_record(r, &record);
        CHECK(r->offset > before && r->offset <= r->length, "%s seed %" PRIu64, current,
              current_seed);
        before = r->offset;
        seen.records++;
        seen.digest = seen.digest * 31 + sum + record.caplen + record.len * 7u + record.linktype;
        if (list)
            fprintf(list, "%" PRIu64 " %u %u %u %u %u\n", record.at, record.caplen, record.len,
                    record.linktype, record.interface, sum);
        if (w)
            CHECK(mcc_capture_writer_put(w, record.data, record.caplen, record.len, record.at,
                                         record.linktype) == 0 ||
                      w->link_count == 16,
                  "%s seed %" PRIu64, current, current_seed);
    }
    if (rc < 0) {
        CHECK(r->error && r->offset <= r->length, "%s seed %" PRIu64, current, current_seed);
        CHECK(mcc_capture_next(r, &record) < 0, "%s seed %" PRIu64, current, current_seed);
    }
    return seen;
}

static void end_line(const struct mcc_capture *r)
{
    if (r->error)
        printf("damaged %zu %s\n", r->offset, r->error);
    else
        printf("end %zu nanosecond=%d mixed=%d\n", r->offset, r->nanosecond, r->link_mixed);
}

static int list(const char *path)
{
    struct guarded g = read_file(path);
    struct mcc_capture r;

    if (mcc_capture_open(&r, g.data, g.size) == 0)
        walk(&r, NULL, stdout);
    end_line(&r);
    mcc_capture_close(&r);
    guarded_free(&g);
    return 0;
}

static int copy(const char *path, const char *out)
{
    struct guarded g = read_file(path);
    struct mcc_capture r;
    struct mcc_capture_writer w;
    int fd = open(out, O_CREAT | O_TRUNC | O_WRONLY, 0644);

    CHECK(fd >= 0, "%s: %s", out, strerror(errno));
    CHECK(mcc_capture_open(&r, g.data, g.size) == 0, "%s: %s", path, r.error);
    CHECK(mcc_capture_writer_open(&w, fd, r.linktype, r.nanosecond, r.link_mixed) == 0, "memory");
    walk(&r, &w, NULL);
    CHECK(mcc_capture_writer_close(&w) == 0, "%s", out);
    CHECK(w.written == w.records, "%s", out);
    close(fd);
    end_line(&r);
    mcc_capture_close(&r);
    guarded_free(&g);
    return 0;
}

static int sides(const char *path, char **modes)
{
    struct guarded g = read_file(path);
    struct mcc_capture r;
    struct mcc_capture_record record;
    struct mcc_sides s = {.timeout = 300000000000u};

    s.tcp = (uint8_t)atoi(modes[0]);
    s.udp = (uint8_t)atoi(modes[1]);
    s.other = (uint8_t)atoi(modes[2]);
    CHECK(mcc_capture_open(&r, g.data, g.size) == 0, "%s: %s", path, r.error);
    while (mcc_capture_next(&r, &record) > 0) {
        struct mcc_packet p = {.len = record.caplen, .at = record.at};

        p.link = (uint8_t)mcc_capture_link(record.linktype);
        memcpy(&p.data, &record.data, sizeof p.data);
        mcc_parse(&p);
        printf("%d\n", mcc_sides_of(&s, &p));
    }
    mcc_sides_free(&s);
    mcc_capture_close(&r);
    guarded_free(&g);
    return 0;
}

/* ---------------------------------------------------------------- mutation */

static void mutate(uint8_t *p, size_t *size)
{
    static const uint32_t values[] = {0,          1,          4,          8,      12,
                                      16,         0xffff,     0x10000,    262144, 262145,
                                      0x7fffffff, 0x80000000, 0xffffffff, 6,      0x0a0d0d0a};
    uint32_t times = 1 + dice(4);

    for (uint32_t i = 0; i < times && *size > 4; i++) {
        uint32_t at = dice((uint32_t)*size), v = values[dice(sizeof values / sizeof *values)];

        if (dice(4) == 0)
            at = dice(*size < 128 ? (uint32_t)*size : 128); /* headers are worth more */
        switch (dice(5)) {
        case 0:
            p[at] ^= (uint8_t)(1u << dice(8));
            break;
        case 1:
            p[at] = (uint8_t)dice(256);
            break;
        case 2:
            *size = at;
            break;
        default:
            at &= ~3u;
            if (dice(2))
                v = __builtin_bswap32(v);
            if (at + 4 <= *size)
                memcpy(p + at, &v, 4);
        }
    }
}

/* What one pass delivered, written and read again, must be the same frames. */
static void round_trip(struct mcc_capture *r)
{
    int fd = memfd_create("copy", 0);
    struct mcc_capture_writer w;
    struct mcc_capture again;
    struct seen seen, back;
    off_t size;
    uint8_t *p;

    CHECK(fd >= 0, "memfd");
    CHECK(mcc_capture_writer_open(&w, fd, r->linktype, r->nanosecond, r->link_mixed) == 0,
          "memory");
    seen = walk(r, &w, NULL);
    CHECK(mcc_capture_writer_close(&w) == 0, "%s seed %" PRIu64, current, current_seed);
    size = lseek(fd, 0, SEEK_END);
    p = mmap(NULL, (size_t)size, PROT_READ, MAP_PRIVATE, fd, 0);
    CHECK(p != MAP_FAILED && mcc_capture_open(&again, p, (size_t)size) == 0, "%s seed %" PRIu64,
          current, current_seed);
    back = walk(&again, NULL, NULL);
    CHECK(!again.error && back.records == w.records, "%s seed %" PRIu64 ": %s", current,
          current_seed, again.error ? again.error : "another number of records");
    CHECK(w.records != seen.records || back.digest == seen.digest, "%s seed %" PRIu64, current,
          current_seed);
    mcc_capture_close(&again);
    munmap(p, (size_t)size);
    close(fd);
}

static int fuzz(uint64_t seed, uint32_t rounds, int n, char **paths)
{
    uint64_t opened = 0, records = 0;

    for (int i = 0; i < n; i++) {
        struct guarded original = read_file(paths[i]);

        current = paths[i];
        for (uint32_t round = 0; round < rounds; round++) {
            size_t size = original.size;
            uint8_t *copy_of = malloc(size + 1);
            struct guarded g;
            struct mcc_capture r;

            current_seed = seed + round;
            state = (current_seed + 1) * 0x9e3779b97f4a7c15u;
            memcpy(copy_of, original.data, size);
            if (round)
                mutate(copy_of, &size);
            g = guarded_new(size, dice(8) != 0);
            memcpy(g.data, copy_of, size);
            free(copy_of);
            mprotect(g.map, g.map_size, PROT_NONE);
            mprotect(g.map + sysconf(_SC_PAGESIZE), g.map_size - 2 * (size_t)sysconf(_SC_PAGESIZE),
                     PROT_READ);
            if (mcc_capture_open(&r, g.data, g.size) == 0) {
                opened++;
                round_trip(&r);
                records += r.offset;
            } else {
                CHECK(r.error, "%s seed %" PRIu64, current, current_seed);
            }
            mcc_capture_close(&r);
            guarded_free(&g);
        }
        guarded_free(&original);
    }
    printf("%d captures, %u rounds each, %" PRIu64 " opened, %" PRIu64 " bytes\n", n, rounds,
           opened, records);
    return 0;
}

/* ---------------------------------------------------------------- a full disk */

/* A file that may hold `limit` bytes takes frames of 1000 bytes until it is full. */
static void full(const char *path, rlim_t limit, bool ng)
{
    static uint8_t frame[1000];
    struct rlimit old, small = {limit, RLIM_INFINITY};
    struct mcc_capture_writer w;
    int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0644), rc = 0;
    struct guarded g;
    struct mcc_capture r;
    struct seen seen;

    getrlimit(RLIMIT_FSIZE, &old);
    small.rlim_max = old.rlim_max;
    CHECK(setrlimit(RLIMIT_FSIZE, &small) == 0, "setrlimit");
    CHECK(mcc_capture_writer_open(&w, fd, 1, false, ng) == 0, "memory");
    for (int i = 0; i < 2000 && !rc; i++)
        rc = mcc_capture_writer_put(&w, frame, sizeof frame, sizeof frame, (uint64_t)i, 1);
    CHECK(rc == -EFBIG, "rc %d", rc);
    CHECK(mcc_capture_writer_put(&w, frame, 1, 1, 0, 1) == -EFBIG, "an error stays");
    CHECK(mcc_capture_writer_close(&w) == -EFBIG, "and is told at the end");
    close(fd);
    setrlimit(RLIMIT_FSIZE, &old);
    g = read_file(path);
    if (g.size) {
        CHECK(mcc_capture_open(&r, g.data, g.size) == 0, "%s", r.error);
        seen = walk(&r, NULL, NULL);
        CHECK(!r.error, "%s", r.error);
        CHECK(seen.records == w.written, "%" PRIu64 " in the file, %" PRIu64 " told", seen.records,
              w.written);
        CHECK(g.size + 1100 > limit, "%zu bytes of %zu used", g.size, (size_t)limit);
        mcc_capture_close(&r);
    }
    guarded_free(&g);
}

static int limits(const char *path)
{
    static const rlim_t sizes[] = {0,      10,     24,     28,     60,     1039,   1040,
                                   262143, 300000, 300001, 524288, 700000, 1000001};

    signal(SIGXFSZ, SIG_IGN);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        full(path, sizes[i], false);
        full(path, sizes[i], true);
    }
    unlink(path);
    puts("ok");
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 3 && !strcmp(argv[1], "list"))
        return list(argv[2]);
    if (argc == 6 && !strcmp(argv[1], "sides"))
        return sides(argv[2], argv + 3);
    if (argc == 4 && !strcmp(argv[1], "copy"))
        return copy(argv[2], argv[3]);
    if (argc > 4 && !strcmp(argv[1], "fuzz"))
        return fuzz(strtoull(argv[2], NULL, 10), (uint32_t)strtoul(argv[3], NULL, 10), argc - 4,
                    argv + 4);
    if (argc == 3 && !strcmp(argv[1], "limits"))
        return limits(argv[2]);
    fprintf(stderr, "see the head of %s\n", __FILE__);
    return 2;
}
